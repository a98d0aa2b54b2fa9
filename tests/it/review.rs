//! The review list: the facts that a registrar should review, with the people concerned, and nothing else.

use std::collections::BTreeMap;

use cpss_registry::proto::v1;
use tonic::Code;

use crate::harness::requests::{date, end_job, new_request_id, retract, start_job};
use crate::harness::scenes::HIRED;
use crate::harness::{Client, TODAY, TestServer};

use v1::ReviewReason::{LikelyDuplicate, RevokedCredentialRevived, SettledDaysCorrected, StartAfterDeath};

async fn listed(client: &Client, after: u64, page_size: u32) -> Vec<v1::ReviewEntry> {
    let position = Some(v1::ChangePosition { epoch: String::new(), revision: after });
    let (mut items, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = v1::ListReviewItemsRequest { after: position.clone(), page_size, page_token };
        let answer = client.ask(request).await;
        assert!(answer.review_items.len() <= page_size as usize);
        items.extend(answer.review_items);
        page_token = answer.next_page_token;
        if page_token.is_empty() {
            return items;
        }
    }
}

fn entry(item: &v1::ReviewEntry) -> (v1::ReviewReason, u64, &str, Vec<&str>) {
    let people = item.people.iter().map(|person| person.specialist_id.as_str()).collect();
    (item.reason(), item.revision, item.fact_id.rsplit('-').next().unwrap(), people)
}

#[tokio::test]
async fn facts_to_review_are_listed_with_the_people_concerned() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let [west, east] =
        [registry.qualified_provider("Example West").await, registry.qualified_provider("Example East").await];
    let [at_west, at_east] =
        [&west, &east].map(|provider| registry.calling_as(&format!("provider:{}", provider.provider_id)));
    let mut expected = Vec::new();

    // The job is lost, and with it the credential. Another employer reports work from the next day on.
    let lost = registry.credentialed("Odalys", "Example-Lost", &[&west]).await;
    at_west.report(end_job(&lost.jobs[0], "2026-02-24")).await;
    let revived = at_east.report(start_job(&lost.specialist_id, &east.provider_id, "2026-02-25")).await;
    expected.push((RevokedCredentialRevived, revived.revision, vec![lost.specialist_id.clone()]));
    // The previous employer corrects its own end.
    let again = registry.credentialed("Odalys", "Example-Again", &[&west]).await;
    at_west.report(end_job(&again.jobs[0], "2026-02-24")).await;
    at_west.report(start_job(&again.specialist_id, &west.provider_id, "2026-02-25")).await;
    // An end in autumn, reported in spring.
    let late = registry.credentialed("Odalys", "Example-Late", &[&west]).await;
    let ended = at_west.report(end_job(&late.jobs[0], "2025-11-20")).await;
    expected.push((SettledDaysCorrected, ended.revision, vec![late.specialist_id.clone()]));

    // The same name in another spelling, with the same birth date.
    let twin = registry.specialist("ODALYS", "Example Lost").await;
    let head = registry.head().await;
    expected.push((LikelyDuplicate, head, vec![twin.clone(), lost.specialist_id.clone()]));

    let dead = registry.credentialed("Rosalind", "Example-Gone", &[&west]).await;
    let death = v1::RecordDeathRequest {
        request_id: new_request_id(),
        specialist_id: dead.specialist_id.clone(),
        death_date: Some(date("2026-02-25")),
        ..Default::default()
    };
    registry.report(death).await;
    let after = at_east.report(start_job(&dead.specialist_id, &east.provider_id, "2026-02-26")).await;
    expected.push((StartAfterDeath, after.revision, vec![dead.specialist_id.clone()]));

    // In time: the days have not settled.
    let other = registry.credentialed("Leopold", "Example-Marsh", &[&west]).await;
    at_east.report(start_job(&other.specialist_id, &east.provider_id, "2026-02-28")).await;
    at_west.report(end_job(&other.jobs[0], "2026-02-27")).await;
    registry.report(start_job(&dead.specialist_id, &east.provider_id, HIRED)).await;
    let after_death = registry.head().await;
    expected.push((StartAfterDeath, after_death, vec![dead.specialist_id.clone()]));

    let auditor = registry.calling_as("auditor");
    let items = listed(&auditor, 0, 100).await;
    let found: Vec<_> = items.iter().map(entry).collect();
    let wanted: Vec<_> = expected
        .iter()
        .map(|(reason, at, who)| (*reason, *at, "0", who.iter().map(String::as_str).collect()))
        .collect();
    assert_eq!(found, wanted);
    let names: BTreeMap<&str, &str> = items
        .iter()
        .flat_map(|item| &item.people)
        .map(|person| (person.specialist_id.as_str(), person.display_name.as_str()))
        .collect();
    assert_eq!(
        (names[twin.as_str()], names[lost.specialist_id.as_str()]),
        ("ODALYS Example Lost", "Odalys Example-Lost")
    );
    assert_eq!(items[0].people[0].credential_number, lost.number);
    let audit = std::fs::read_to_string(server.data_dir().join("audit/reads.jsonl")).unwrap();
    let mut lines = audit.lines().filter(|line| line.contains("RecordService/ListReviewItems"));
    assert!(lines.any(|line| line.contains(&lost.number) && line.contains(&dead.number)), "{audit}");
    assert!(items.iter().all(|item| !item.retracted && item.recorded_at.is_some() && !item.caller.is_empty()));

    assert_eq!(listed(&registry.calling_as("registrar"), 0, 1).await, items, "pages of one entry");
    assert_eq!(listed(&auditor, revived.revision, 100).await, items[1..], "from a revision on");
    // A retracted entry says so.
    let fact = items[0].fact_id.clone();
    registry.report(retract(&fact, "Nobody works there")).await;
    let now = listed(&auditor, 0, 100).await;
    assert!(now[0].retracted && now[0].fact_id == fact && now[1..].iter().all(|item| !item.retracted));
    assert_eq!(now.len(), items.len(), "none of its days has settled");
    server.stop().await;
}

#[tokio::test]
async fn the_list_is_for_registrar_and_auditor_and_ends_at_its_revision() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let auditor = registry.calling_as("auditor");
    let beyond = v1::ChangePosition { epoch: String::new(), revision: registry.head().await + 1 };
    let refused = auditor.refusal(v1::ListReviewItemsRequest { after: Some(beyond), ..Default::default() }).await;
    assert_eq!(refused.code(), Code::OutOfRange);
    assert_eq!(listed(&auditor, registry.head().await, 10).await, []);
    for caller in ["certifier", "payer", "provider:west"] {
        let refused = registry.calling_as(caller).refusal(v1::ListReviewItemsRequest::default()).await;
        assert_eq!(refused.code(), Code::PermissionDenied, "{caller}");
    }
    server.stop().await;
}
