//! Prior numbers in the rows of an import.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row;
use tonic::Status;

use crate::harness::requests::{date, new_request_id};
use crate::harness::scenes::{EFFECTIVE_FROM, TERM_LAST_DAY};
use crate::harness::{Client, Refusal as _, TODAY, TestServer};

/// Sends rows of an import, and returns the reason of each refusal.
async fn imported(registry: &Client, commands: Vec<import_row::Command>) -> Vec<Option<String>> {
    let rows = commands.into_iter().map(|command| v1::ImportRecordsRequest {
        row: Some(v1::ImportRow { request_id: new_request_id(), command: Some(command), ..Default::default() }),
    });
    let rows: Vec<_> = rows.collect();
    let mut answers = registry.record().import_records(tokio_stream::iter(rows)).await.unwrap().into_inner();
    let mut reasons = Vec::new();
    while let Some(answer) = answers.message().await.unwrap() {
        reasons.push(match answer.result.unwrap() {
            Outcome::Outcome(_) => None,
            Outcome::Error(error) => {
                let details = prost::Message::encode_to_vec(&error).into();
                Some(Status::with_details(error.code.into(), error.message, details).reason())
            }
        });
    }
    reasons
}

fn transferred(specialist_id: &str, prior_numbers: Vec<String>) -> import_row::Command {
    import_row::Command::Transferred(v1::TransferredCredential {
        specialist_id: specialist_id.to_owned(),
        effective_from: Some(date(EFFECTIVE_FROM)),
        term_last_day: Some(date(TERM_LAST_DAY)),
        prior_numbers,
        ..Default::default()
    })
}

/// Rows of one import are decided together: the second one must see the first before that is on disk.
#[tokio::test]
async fn a_transferred_credential_takes_no_number_that_another_one_has() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let mut people = Vec::new();
    for at in 0..20 {
        people.push(registry.specialist("Odalys", &format!("Example-{at}")).await);
    }
    let pairs = people.chunks(2).enumerate().flat_map(|(at, pair)| {
        let numbers =
            [vec![format!("MS-{at}"), format!("ms {at}")], vec![format!("X-{at}"), format!("m\u{2013}s{at}")]];
        pair.iter().zip(numbers).map(|(person, numbers)| transferred(person, numbers)).collect::<Vec<_>>()
    });
    let reasons = imported(&registry, pairs.collect()).await;
    for pair in reasons.chunks(2) {
        assert_eq!(pair, [None, Some("PRIOR_NUMBER_TAKEN".to_owned())]);
    }
    // A refused row records nothing: its other number is free. A number that is there twice counts once.
    let [first, second] = [&people[0], &people[1]];
    let number_of =
        |person: &str| v1::ListCredentialsRequest { specialist_id: person.to_owned(), ..Default::default() };
    let shown = registry.ask(number_of(first)).await.credentials;
    assert_eq!(shown[0].prior_numbers, ["MS0"]);
    assert_eq!(imported(&registry, vec![transferred(second, vec!["X-0".to_owned()])]).await, [None]);
    server.stop().await;
}
