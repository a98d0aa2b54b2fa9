//! A restored copy answers like the original: as known at the backup, byte for byte.
//!
//! `CPSS_BACKUP_QUESTIONS=10000 cargo test --profile bench --test it backup -- --nocapture` asks ten thousand
//! questions.

use std::collections::BTreeSet;

use cpss_registry::proto::v1;
use prost::Message as _;
use serde_json::Value;
use tonic::Code;

use super::{json_of, kept, refused, run, text, written};
use crate::harness::requests::{bill, facts_of_specialist, known_at, periods, register_specialist, verify};
use crate::harness::{Client, Process, Refusal as _, TODAY};
use crate::kill::memory::Person;

const DAYS: [&str; 6] = ["2024-01-07", "2024-06-03", "2026-02-16", "2026-02-20", "2026-02-21", TODAY];

fn questions() -> usize {
    std::env::var("CPSS_BACKUP_QUESTIONS").map_or(500, |text| text.parse().expect("CPSS_BACKUP_QUESTIONS: a number"))
}

/// Asks both and compares the answers.
async fn compare(original: &Client, copy: &Client, people: &[Person], revision: u64, epoch: &str) -> usize {
    let numbers: BTreeSet<_> = people.iter().filter_map(Person::issued).collect();
    let numbers: Vec<_> = numbers.into_iter().collect();
    let mut confirmed = 0;
    for at in 0..questions() {
        let number = &numbers[at % numbers.len()];
        let day = DAYS[at / numbers.len() % DAYS.len()];
        match at % 4 {
            0..=2 => {
                let question = verify(number, day, revision);
                let (first, second) = (original.ask(question.clone()).await, copy.ask(question).await);
                assert_eq!(first.encode_to_vec(), second.encode_to_vec(), "{number} on {day}");
                let verification = second.verification.unwrap();
                confirmed += usize::from(verification.verdict() == v1::Verdict::Confirmed);
                assert_eq!(verification.answer.unwrap().epoch, epoch, "the epoch of what was known then");
            }
            _ => {
                let number = &numbers[at / 4 % numbers.len()];
                let question = v1::CheckBillingEligibilityRequest {
                    known_at: Some(known_at(revision)),
                    ..bill(number, "no-such", day)
                };
                let (first, second) = (original.ask(question.clone()).await, copy.ask(question).await);
                assert_eq!(first.encode_to_vec(), second.encode_to_vec(), "{number} on {day}");
            }
        }
        if at % 50 == 0 {
            let (first, second) =
                (original.call(periods(number, revision)).await, copy.call(periods(number, revision)).await);
            let bytes = |answer: Result<v1::ListStandingPeriodsResponse, tonic::Status>| {
                answer.map(|periods| periods.encode_to_vec()).map_err(|status| status.message().to_owned())
            };
            assert_eq!(bytes(first), bytes(second));
        }
    }
    confirmed
}

fn number(value: &Value, field: &str) -> u64 {
    value[field].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_restored_backup_answers_like_the_original() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, copy] = ["data", "backup", "copy"].map(|name| scratch.path().join(name));
    let mut backed_up = Value::Null;
    let people = written(&data, 600, || {
        json_of(&["backup", text(&target), "--data-dir", text(&data)]);
        backed_up = json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    });
    let people = people.await;
    assert_eq!(backed_up["online"], Value::Bool(true), "{backed_up}");
    let before = kept(&data);
    let offline = scratch.path().join("offline");
    assert_eq!(json_of(&["backup", text(&offline), "--data-dir", text(&data)])["online"], Value::Bool(false));
    assert_eq!(kept(&data), before, "the source is as it was");
    let restored = json_of(&["restore", text(&target), "--data-dir", text(&copy)]);
    let revision = number(&backed_up, "head");
    assert_eq!((number(&restored, "forked_after"), number(&restored, "head")), (revision, revision + 1));

    let (original_process, original) = Process::start(&data, TODAY);
    let (copy_process, copied) = Process::start(&copy, TODAY);
    let epoch = backed_up["epoch"].as_str().unwrap();
    let confirmed = compare(&original, &copied, &people, revision, epoch).await;
    assert!(confirmed > questions() / 20, "some answers are yes: {confirmed}");
    let person = people[0].specialist_id();
    let facts = original.ask(facts_of_specialist(&person)).await;
    assert_eq!(copied.ask(facts_of_specialist(&person)).await.facts, facts.facts);
    let recorded = copied.report(register_specialist("Ambrose", "Example")).await;
    assert_eq!((recorded.epoch.as_str(), recorded.revision), (restored["epoch"].as_str().unwrap(), revision + 2));
    println!("backup: {} questions answered alike, {confirmed} of them confirmed", questions());
    original_process.stop();
    copy_process.stop();
    let checked = json_of(&["check", "--data-dir", text(&copy)]);
    assert_eq!((&checked["fine"], number(&checked, "head")), (&Value::Bool(true), revision + 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_cut_history_is_reported_to_clients_with_later_positions() {
    let scratch = tempfile::tempdir().unwrap();
    let [data, target, copy] = ["data", "backup", "copy"].map(|name| scratch.path().join(name));
    written(&data, 100, || {}).await;
    let backed_up = json_of(&["backup", text(&target), "--data-dir", text(&data)]);
    let epoch = backed_up["epoch"].as_str().unwrap().to_owned();
    let providers = |page_token: &str| v1::ListProvidersRequest {
        page_size: 1,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let changes = |page_token: &str| v1::ListChangesRequest {
        after: Some(v1::ChangePosition { epoch: epoch.clone(), revision: 1 }),
        page_size: 1,
        page_token: page_token.to_owned(),
        ..Default::default()
    };
    let (process, client) = Process::start(&data, TODAY);
    let pages = [client.ask(providers("")).await.next_page_token, client.ask(changes("")).await.next_page_token];
    process.stop();
    let restored = json_of(&["restore", text(&target), "--data-dir", text(&copy), "--to-revision", "50"]);
    assert_eq!((number(&restored, "forked_after"), number(&restored, "head")), (50, 51));

    let (process, client) = Process::start(&copy, TODAY);
    let position = |revision| Some(v1::ChangePosition { epoch: epoch.clone(), revision });
    let after = |revision| v1::ListChangesRequest { after: position(revision), ..Default::default() };
    let next = client.ask(after(50)).await.messages;
    assert_eq!(next[0].revision, 51, "a client that knows what is shared goes on");
    let point = |revision| {
        let known_at = v1::KnownAt { epoch: epoch.clone(), point: Some(v1::known_at::Point::Revision(revision)) };
        v1::VerifyCredentialRequest { known_at: Some(known_at), ..verify("CPS-0000-0000-1", TODAY, None) }
    };
    let shared = client.ask(point(50)).await.verification.unwrap().answer.unwrap().known_at_time.unwrap();
    let at = |epoch: &str, time| {
        let known_at = v1::KnownAt { epoch: epoch.to_owned(), point: Some(v1::known_at::Point::Time(time)) };
        v1::VerifyCredentialRequest { known_at: Some(known_at), ..verify("CPS-0000-0000-1", TODAY, None) }
    };
    let after_it = |nanos| prost_types::Timestamp { nanos: shared.nanos + nanos, ..shared };
    let known_by = async |request: v1::VerifyCredentialRequest| {
        client.ask(request).await.verification.unwrap().answer.unwrap().known_at_revision
    };
    assert_eq!(known_by(at(&epoch, shared)).await, 50);
    assert_eq!(known_by(at("", after_it(1_000))).await, 50, "of the current epoch nothing is lost");
    let refusal = client.refusal(at(&epoch, after_it(1))).await;
    assert_eq!(refusal.code_and_reason(), (Code::FailedPrecondition, "HISTORY_CHANGED".to_owned()));
    assert!(refusal.message().starts_with("known_at: history forked after revision 50"), "{refusal:?}");
    for refusal in [client.refusal(after(51)).await, client.refusal(point(51)).await] {
        assert_eq!(refusal.code_and_reason(), (Code::FailedPrecondition, "HISTORY_CHANGED".to_owned()));
        assert!(refusal.message().contains("50"), "it says where the shared history ends: {refusal:?}");
    }
    let [of_providers, of_changes] = &pages;
    for refusal in [client.refusal(providers(of_providers)).await, client.refusal(changes(of_changes)).await] {
        assert!(refusal.message().starts_with("page_token: ") && refusal.message().ends_with("begin the list again"));
        assert_eq!(refusal.code_and_reason(), (Code::FailedPrecondition, "HISTORY_CHANGED".to_owned()));
        assert!(refusal.message().contains("after revision 50"), "the fork, not the head: {refusal:?}");
    }
    process.stop();
    let too_far =
        refused(&["restore", text(&target), "--data-dir", text(&scratch.path().join("x")), "--to-revision", "9999999"]);
    assert!(too_far.contains("revision 9999999 is not one of them"), "{too_far}");
    assert_eq!(run(&["restore", text(&target), "--to-revision", "soon"]).code, 2);
}
