//! Searches by reviews and previews: they count like the question or the report itself.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::proto::v1::preview_impact_request::Subject;

use super::{BORN, BUDGET, Learned, Town, by_number, count, in_batches, made_up, of_status};
use crate::harness::requests::{answered, bill, date, start_job};
use crate::harness::{Client, Messages as _};

/// The reviews of claims of the own provider, in one batch.
async fn reviewed(client: &Client, numbers: &[&str]) -> Vec<Learned> {
    let item = |number: &&str| answered(bill(number, "north", "2026-02-20").item.unwrap(), 1);
    let items = numbers.iter().map(item).collect();
    let batch = v1::BatchReviewEligibilityRequest { items, ..Default::default() };
    let results = client.ask(batch).await.results;
    let learned = results.into_iter().map(|result| match result.outcome.unwrap() {
        v1::review_result::Outcome::Review(review) => {
            let not_on_file = v1::Reason::CredentialNotOnFile.into();
            if review.now.unwrap().reasons.contains(&not_on_file) { Learned::Miss } else { Learned::Hit }
        }
        v1::review_result::Outcome::Error(error) => {
            let details = prost::Message::encode_to_vec(&error).into();
            of_status(&tonic::Status::with_details(error.code.into(), error.message, details))
        }
    });
    learned.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reviews_spend_the_budget_of_questions_and_are_refused_without_it() {
    let town = Town::begin(BUDGET).await;
    let north = town.as_north();
    let (hidden, own) = (town.hidden.number.as_str(), town.own.number.as_str());
    let unknown: Vec<String> = made_up(1, 150).collect();
    let unknown: Vec<&str> = unknown.iter().map(String::as_str).collect();
    assert_eq!(count(&reviewed(&north, &unknown).await, Learned::Miss), 150);
    assert_eq!(reviewed(&north, &[hidden]).await, [Learned::Hit]);
    let asked: Vec<_> = made_up(1000, 200).map(|number| by_number(&number, "")).collect();
    let learned = in_batches(&north, &asked).await;
    assert!(count(&learned, Learned::Miss) < 100, "the reviews have spent 150 of 200");
    assert_eq!(reviewed(&north, &[hidden, unknown[0], own]).await, [Learned::Refused, Learned::Refused, Learned::Hit]);
    town.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn birth_dates_in_previews_are_judged_five_times_like_those_in_reports() {
    let town = Town::begin(BUDGET).await;
    let north = town.as_north();
    let learned = async |birth_date: &str| {
        let start = v1::ReportEmploymentStartRequest {
            birth_date: Some(date(birth_date)),
            ..start_job(&town.hidden.specialist_id, "north", "2026-02-20")
        };
        let row = v1::ImportRow { command: Some(Command::ReportEmploymentStart(start)), ..Default::default() };
        let request = v1::PreviewImpactRequest { subject: Some(Subject::Command(row)), ..Default::default() };
        match north.record().preview_impact(request).await {
            Ok(answers) => {
                answers.into_inner().next_message().await.unwrap();
                Learned::Hit
            }
            Err(status) => of_status(&status),
        }
    };
    for day in 1..=5 {
        assert_eq!(learned(&format!("1984-03-0{day}")).await, Learned::Miss);
    }
    assert_eq!(learned("1984-03-06").await, Learned::Refused);
    assert_eq!(learned(BORN).await, Learned::Refused, "the right one, too");
    assert_eq!(town.misses("dev:provider:north").len(), 5);
    town.process.stop();
}
