//! How much is shown of people who were found: the answers have a bounded size, whatever is on file.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use prost::Message as _;

use super::{ids, named, pages};
use crate::harness::requests::{change_name, issue, new_request_id, register_specialist, retract};
use crate::harness::scenes::{EFFECTIVE_FROM, HIRED};
use crate::harness::{Client, TODAY, TestServer};

/// The size of a page.
const LARGEST: usize = 1024 * 1024;

/// Renames a person a hundred times, to different names of the largest size.
async fn renamed(registry: &Client, specialist_id: &str) {
    let row = |at: usize| {
        let longest = format!("{}{at:03}", "𐐀".repeat(197));
        let name = v1::PersonName { given_name: longest.clone(), family_name: longest, suffix: "𐐀".repeat(200) };
        let renamed = v1::ChangeSpecialistNameRequest {
            request_id: String::new(),
            name: Some(name),
            ..change_name(specialist_id, "", "")
        };
        let command = Some(Command::ChangeSpecialistName(renamed));
        let row = v1::ImportRow { request_id: new_request_id(), command, ..Default::default() };
        v1::ImportRecordsRequest { row: Some(row) }
    };
    let rows: Vec<_> = (0..100).map(row).collect();
    let mut answers = registry.record().import_records(tokio_stream::iter(rows)).await.unwrap().into_inner();
    while let Some(answer) = answers.message().await.unwrap() {
        assert!(matches!(answer.result, Some(Outcome::Outcome(_))), "{answer:?}");
    }
}

#[tokio::test]
async fn a_registration_shows_ten_possible_duplicates_and_a_retry_the_same_ones() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let request = || register_specialist("Odalys", "Example-Hart");
    let mut registered = Vec::new();
    let mut third = None;
    for _ in 0..12 {
        let request = request();
        let answer = registry.report(request.clone()).await;
        assert_eq!(ids(&answer.possible_duplicates), registered[..registered.len().min(10)]);
        registered.push(answer.specialist.clone().unwrap().specialist_id);
        registered.sort();
        third = third.or((registered.len() == 3).then_some((request, answer)));
    }
    let (request, answer) = third.unwrap();
    assert_eq!(registry.ask(request).await, answer, "people who were registered later do not change it");
    server.stop().await;
}

#[tokio::test]
async fn people_with_many_long_names_do_not_make_an_answer_too_large() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let mut registered = Vec::new();
    for _ in 0..6 {
        registered.push(registry.specialist("Odalys", "Example-Hart").await);
        renamed(&registry, registered.last().unwrap()).await;
    }
    let answer = registry.report(register_specialist("Odalys", "Example-Hart")).await;
    let shown = answer.possible_duplicates.len();
    assert!(answer.encoded_len() <= LARGEST && shown == 4, "{shown} in {} bytes", answer.encoded_len());
    assert!(answer.possible_duplicates.iter().all(|person| person.names.len() == 100));
    let page = registry.ask(v1::FindSpecialistsRequest { page_size: 1000, ..named("exam", "oda") }).await;
    assert!(page.encoded_len() <= LARGEST && !page.next_page_token.is_empty(), "{} bytes", page.encoded_len());
    registered.push(answer.specialist.unwrap().specialist_id);
    registered.sort();
    assert_eq!(ids(&pages(&registry, &named("exam", "oda"), 1000).await), registered);
    server.stop().await;
}

#[tokio::test]
async fn the_last_hundred_credentials_of_a_person_are_shown() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let provider_id = registry.qualified_provider("Example West").await.provider_id;
    let person = registry.specialist("Odalys", "Example-Hart").await;
    registry.job(&person, &provider_id, HIRED).await;
    let mut numbers = Vec::new();
    for _ in 0..101 {
        let issued = registry.report(issue(&person, EFFECTIVE_FROM)).await;
        numbers.push(issued.credential.unwrap().credential_number);
        registry.report(retract(&issued.fact_id, "Issued by mistake")).await;
    }
    let [found] = pages(&registry, &named("example hart", ""), 10).await.try_into().unwrap();
    let shown: Vec<_> = found.credentials.into_iter().map(|credential| credential.credential_number).collect();
    assert_eq!(shown, numbers[1..]);
    server.stop().await;
}
