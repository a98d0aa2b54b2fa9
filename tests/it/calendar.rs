//! The calendar: every civil day is opened once and in order, over a leap day, both changes of the clock and the end of
//! a year, and also after weeks without a running server.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1::{self, ServiceStatus};
use jiff::{SignedDuration, civil};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus::{NotServing, Serving};

use super::contract::health::asked_on;
use super::harness::raw::PACKAGE;
use super::harness::requests::{date, new_request_id, register_provider, register_specialist};
use super::harness::words::verdict_line;
use super::harness::{Client, NOT_ON_FILE, Process, Refusal as _, TODAY, TestServer};
use super::semantics::{records, write};

#[tokio::test]
async fn missed_days_are_opened_one_by_one() {
    let (first, last) = (civil::date(2028, 2, 20), civil::date(2029, 1, 3));
    let server = TestServer::start(&first.to_string()).await;
    let registry = server.client();
    let provider_id = registry.qualified_provider("Tallahala Example Center").await.provider_id;
    let certified = v1::CertifyPeerServiceRequest {
        request_id: new_request_id(),
        provider_id: provider_id.clone(),
        first_day: Some(date("2028-01-01")),
        ..Default::default()
    };
    registry.report(certified).await;
    let suspended = v1::SuspendPeerServiceRequest {
        request_id: new_request_id(),
        provider_id,
        first_day: Some(date("2028-02-29")),
        last_day: Some(date("2028-02-29")),
        ..Default::default()
    };
    registry.report(suspended).await;

    // Over February 29 and March 12; weeks later over November 5; and over the end of the year.
    let came_back = ["2028-03-20", "2028-11-20", "2029-01-03"];
    for day in came_back {
        registry.on_day(day).head().await;
    }
    let (mut opened, mut leap_day) = (Vec::new(), Vec::new());
    let mut request = v1::ListChangesRequest { page_size: 1000, ..v1::ListChangesRequest::default() };
    loop {
        let page = registry.ask(request.clone()).await;
        for message in page.messages {
            let today = message.today.unwrap();
            if opened.last() != Some(&today) {
                opened.push(today);
            }
            if today == date("2028-02-29") || today == date("2028-03-01") {
                leap_day.extend(message.changes.into_iter().filter_map(|change| match change.change {
                    Some(v1::change::Change::Service(change)) => Some((today, change.first_day, change.service())),
                    _ => None,
                }));
            }
        }
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    let days = first.series(jiff::Span::new().days(1)).take_while(|day| *day <= last);
    assert_eq!(opened, days.map(|day| date(&day.to_string())).collect::<Vec<_>>());
    let expected = [("2028-02-29", ServiceStatus::NotCertified), ("2028-03-01", ServiceStatus::Certified)];
    assert_eq!(leap_day, expected.map(|(day, service)| (date(day), Some(date(day)), service)));
    server.stop().await;
}

#[tokio::test]
async fn a_day_that_cannot_be_opened_is_logged_once() {
    let data = tempfile::tempdir().unwrap();
    Process::start(data.path(), TODAY).0.stop();
    // There is never this much space.
    let full = ["--disk-reserve-bytes", "900000000000000"];
    let process = Process::spawn_with(data.path(), TODAY, &full);
    let registry = Client::connect(process.listening());
    let before = process.log().lines().count();
    let tomorrow = TODAY.parse::<civil::Date>().unwrap().tomorrow().unwrap();
    let due = registry.on_day(&tomorrow.to_string());
    assert_eq!(due.refusal(v1::ListChangesRequest::default()).await.reason(), "STORE_FULL");
    ask_and_report(&registry, "STORE_FULL").await;
    assert_logged_once(&process, before, &["cannot open the new civil day", "commit failed, nothing was recorded"]);
    process.stop();
}

#[tokio::test]
async fn a_held_calendar_is_logged_once() {
    let mut records = records(TestServer::start(TODAY).await.stop().await.path());
    // The clock is an hour behind the last record.
    for record in &mut records {
        record.recorded_at += SignedDuration::from_hours(1);
    }
    let data = tempfile::tempdir().unwrap();
    write(data.path(), &records);
    let (process, registry) = Process::start(data.path(), TODAY);
    ask_and_report(&registry, "CALENDAR_HELD").await;
    assert_logged_once(&process, 0, &["cannot open the new civil day", "writes are held"]);
    process.stop();
}

/// Sends many questions, and many reports that are refused for this reason.
async fn ask_and_report(registry: &Client, refused: &str) {
    for _ in 0..200 {
        registry.verify(NOT_ON_FILE, None, None).await;
        assert_eq!(registry.refusal(register_provider("Example Center")).await.reason(), refused);
    }
}

/// Asserts that each of these texts was logged once after the first `before` lines, with little else.
fn assert_logged_once(process: &Process, before: usize, texts: &[&str]) {
    let said = process.log();
    let lines: Vec<_> = said.lines().skip(before).collect();
    for text in texts {
        assert_eq!(lines.iter().filter(|line| line.contains(text)).count(), 1, "{text}: {lines:#?}");
    }
    assert!(lines.len() < 20, "{lines:#?}");
}

/// Today, and the number of adopted rule sets.
async fn today_and_rule_sets(client: &Client) -> (Option<Date>, usize) {
    let answered = client.ask(v1::ListRuleSetsRequest::default()).await;
    (answered.answer.unwrap().as_of, answered.rule_sets.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_a_new_day_and_a_new_rule_set_wait_while_questions_are_answered() {
    const TOMORROW: &str = "2026-03-03";
    let data = tempfile::tempdir().unwrap();
    let (process, client) = Process::start(data.path(), TODAY);
    let employer = client.qualified_provider("Example Center").await;
    let person = client.credentialed("Evangeline", "Example", &[&employer]).await;
    let head = client.head().await;
    process.stop();

    let rules = tempfile::tempdir().unwrap();
    let third = include_str!("../../src/rules/cpssp-2025.toml").replace("id = \"cpssp-2025\"", "id = \"third\"");
    std::fs::write(rules.path().join("third.toml"), third.replace("from = 2021-05-01", "from = 2026-03-01")).unwrap();
    let rules = ["--rules", rules.path().to_str().unwrap()];
    let full = [&rules[..], &["--disk-reserve-bytes", "900000000000000"]].concat();
    let process = Process::spawn_with(data.path(), TOMORROW, &full);
    let client = Client::connect(process.listening());
    for reading in ["", "readiness", &format!("{PACKAGE}.VerificationService")] {
        assert_eq!(asked_on(process.ops(), reading).await, Serving, "{reading:?}");
    }
    for writing in ["CredentialService", "EmploymentService", "ProviderService", "RecordService"] {
        let service = format!("{PACKAGE}.{writing}");
        assert_eq!(asked_on(process.ops(), &service).await, NotServing, "{service}");
    }
    assert_eq!(verdict_line(&client.verify(&person.number, None, None).await), "CONFIRMED");
    assert_eq!(today_and_rule_sets(&client).await, (Some(date(TODAY)), 2), "the last opened day");
    let refused = client.call(register_specialist("Ambrose", "Example")).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::ResourceExhausted, "STORE_FULL".to_owned()));
    assert_eq!(client.head().await, head);
    process.stop();

    let process = Process::spawn_with(data.path(), TOMORROW, &rules);
    let client = Client::connect(process.listening());
    assert_eq!(today_and_rule_sets(&client).await, (Some(date(TOMORROW)), 3), "there is room again");
    assert_eq!(client.head().await, head + 2);
    process.stop();
}
