//! The guarantees of the feed: one test each.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::change::Change as Kind;
use cpss_registry::proto::v1::watch_changes_response::Event;
use tonic::Code;

use super::copy::Copy;
use super::filters::credential_of;
use super::scenario::{END, recorded};
use super::{Watcher, after, list, of_provider, pages};
use crate::harness::requests::{change_name, end_job, end_period, known_at, suspend};
use crate::harness::words::{lines, standing_lines};
use crate::harness::{Client, Refusal as _, TODAY, TestServer};

#[tokio::test]
async fn ordered() {
    let (server, _) = recorded().await;
    let messages = pages(&server.client(), list(0)).await;
    let places: Vec<_> = messages.iter().map(|message| (message.revision, message.part)).collect();
    assert!(places.is_sorted(), "{places:?}");
    let instants = messages.iter().map(|message| message.recorded_at.unwrap()).map(|at| (at.seconds, at.nanos));
    assert!(instants.collect::<Vec<_>>().is_sorted());
    // The copy asserts the order of the changes within each record.
    Copy::of(&messages);
    server.stop().await;
}

#[tokio::test]
async fn unique() {
    let (server, _) = recorded().await;
    let messages = pages(&server.client(), list(0)).await;
    let places: BTreeSet<_> = messages.iter().map(|message| (message.revision, message.part)).collect();
    assert_eq!(places.len(), messages.len());
    // The copy asserts that no change repeats its state.
    Copy::of(&messages);
    server.stop().await;
}

#[tokio::test]
async fn gap_free() {
    let (server, story) = recorded().await;
    let registry = server.client();
    for question in [list(0), of_provider(&story.providers[3])] {
        let messages = pages(&registry, question).await;
        let revisions: BTreeSet<u64> = messages.iter().map(|message| message.revision).collect();
        assert!(revisions.into_iter().eq(1..=registry.head().await), "every record, also one that changes nothing");
    }
    let messages = pages(&registry, list(0)).await;
    for silent in &story.silent {
        let of: Vec<_> = messages.iter().filter(|message| message.revision == *silent).collect();
        assert!(
            matches!(of.as_slice(), [v1::ChangeMessage { part: 1, last_part: true, changes, .. }] if changes.is_empty())
        );
    }
    server.stop().await;
}

/// A record of 1,040 changes comes in two parts, completely or not at all, on any page.
#[tokio::test]
async fn atomic() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let closing = registry.qualified_provider("Big Black Example Residential Center").await;
    super::crowd::employ(&registry, &closing, 520).await;
    let head = registry.head().await;
    let mut watcher = Watcher::after(&registry, head).await;
    let ended = registry.report(end_period(&closing.qualification, "2026-02-27", "Withdrawn")).await;
    assert_eq!((ended.change_count, ended.specialist_count), (1040, 520));

    let parts = [watcher.message().await, watcher.message().await];
    let shown = parts.each_ref().map(|part| (part.revision, part.part, part.last_part, part.changes.len()));
    assert_eq!(shown, [(ended.revision, 1, false, 1000), (ended.revision, 2, true, 40)]);
    assert_eq!(parts[0].changes[..100], ended.changes, "as the mutation answered");

    let all = pages(&registry, v1::ListChangesRequest { page_size: 70, ..list(0) }).await;
    assert_eq!(Copy::of(&all).revision, ended.revision);
    let earlier: Vec<_> = all.into_iter().filter(|message| message.revision <= head).collect();
    let before = Copy::of(&earlier);
    let mut copy = before.clone();
    copy.take(&parts[0]);
    let number = standing_lines(&parts[0].changes)[0].split(' ').next().unwrap().to_owned();
    let day = super::copy::number(&crate::harness::requests::date(TODAY));
    assert_eq!(copy.revision, head);
    assert_eq!(copy.standing(&number, day), before.standing(&number, day), "nothing is said with the first part");
    copy.take(&parts[1]);
    assert_ne!(copy.standing(&number, day), before.standing(&number, day));

    // Two pages of one message each: the parts of one record.
    let question = v1::ListChangesRequest { page_size: 1, ..list(head) };
    assert_eq!(pages(&registry, question).await, parts);
    server.stop().await;
}

#[tokio::test]
async fn resumable() {
    let (server, _) = recorded().await;
    let registry = server.client();
    let all = pages(&registry, list(0)).await;
    let (epoch, head) = (all[0].epoch.clone(), registry.head().await);
    for revision in (0..=head).step_by(7).chain([head]) {
        let rest: Vec<_> = all.iter().filter(|message| message.revision > revision).cloned().collect();
        let question = v1::ListChangesRequest {
            after: Some(v1::ChangePosition { epoch: epoch.clone(), revision }),
            page_size: 11,
            ..Default::default()
        };
        assert_eq!(pages(&registry, question.clone()).await, rest, "after {revision}");
        let (watched, progress) = Watcher::of(&registry, question).await.caught_up().await;
        assert_eq!(watched, rest, "after {revision}, watched");
        assert_eq!((progress.epoch, progress.head_revision), (epoch.clone(), head));
    }
    let server = server.restart(END).await;
    assert_eq!(pages(&server.client(), list(0)).await, all, "the same after a restart, from the log alone");
    server.stop().await;
}

/// A position can be stored and used later. A position outside this history is refused.
#[tokio::test]
async fn bookmarkable() {
    let (server, story) = recorded().await;
    let mut registry = server.client();
    let first = registry.ask(v1::ListChangesRequest { page_size: 20, ..list(0) }).await;
    let mut copy = Copy::of(&first.messages);
    let kept = v1::ChangePosition { epoch: copy.epoch.clone(), revision: copy.revision };
    let server = server.restart(END).await;
    registry = server.client();
    let pinned = first.progress.unwrap().head_revision;
    registry.report(change_name(&story.people[0].specialist_id, "Odalys", "Example-Again")).await;
    let on_page = v1::ListChangesRequest { page_size: 1000, page_token: first.next_page_token, ..list(0) };
    let page = registry.ask(on_page.clone()).await;
    assert_eq!(page.messages.last().unwrap().revision, pinned, "pages go up to the head of the first one");
    assert_eq!((page.next_page_token.as_str(), page.progress.unwrap().head_revision), ("", pinned));

    let question = v1::ListChangesRequest { after: Some(kept.clone()), ..list(0) };
    pages(&registry, question).await.iter().for_each(|message| copy.take(message));
    assert_eq!(copy, Copy::of(&pages(&registry, list(0)).await));

    let elsewhere = uuid::Uuid::new_v4().to_string();
    let at = |epoch: &str, revision| v1::ListChangesRequest {
        after: Some(v1::ChangePosition { epoch: epoch.to_owned(), revision }),
        ..Default::default()
    };
    for (question, refusal) in [
        (at(&elsewhere, 5), (Code::FailedPrecondition, "HISTORY_CHANGED")),
        (at("", pinned + 2), (Code::OutOfRange, "REVISION_OUT_OF_RANGE")),
        (at(&kept.epoch, u64::MAX), (Code::OutOfRange, "REVISION_OUT_OF_RANGE")),
        (at("an epoch", 5), (Code::InvalidArgument, "INVALID_ARGUMENT")),
        (v1::ListChangesRequest { after: after(3), ..on_page.clone() }, (Code::InvalidArgument, "INVALID_ARGUMENT")),
        (v1::ListChangesRequest { page_token: "0-0".into(), ..list(0) }, (Code::InvalidArgument, "INVALID_ARGUMENT")),
    ] {
        let status = registry.refusal(question.clone()).await;
        assert_eq!(status.code_and_reason(), (refusal.0, refusal.1.to_owned()), "{question:?}");
        if question.page_token.is_empty() {
            let status = Watcher::try_of(&registry, question).await.err().expect("refused as well");
            assert_eq!(status.code_and_reason(), (refusal.0, refusal.1.to_owned()));
        }
    }
    let from_start = pages(&registry, at(&elsewhere, 0)).await;
    assert_eq!(from_start[0].revision, 1, "the place before everything is part of every history");
    server.stop().await;
}

/// Live: each record as soon as it is recorded, the head immediately and every 5 seconds, and an end that asks to
/// reconnect.
#[tokio::test]
#[ignore = "compares times: .ci/run runs it alone, with retries"]
async fn reliable() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Pearl River Example Mental Health Center").await;
    let person = registry.credentialed("Odalys", "Abernathy-Example", &[&employer]).await;
    let mut watcher = Watcher::after(&registry, 0).await;
    let (messages, progress) = watcher.caught_up().await;
    let mut copy = Copy::of(&messages);
    assert_eq!((copy.revision, progress.head_revision), (person.revision, person.revision), "at once");

    registry.validate(suspend(&person.number, "2026-02-24", None)).await;
    let suspended = registry.report(suspend(&person.number, "2026-02-24", Some("2026-02-25"))).await;
    let (messages, progress) = watcher.caught_up().await;
    assert_eq!(messages.len(), 1, "a record, and of what was validated nothing");
    assert_eq!((messages[0].revision, &messages[0].changes), (suspended.revision, &suspended.changes));
    assert_eq!(progress.head_revision, suspended.revision);
    copy.take(&messages[0]);

    let began = Instant::now();
    let idle = watcher.event().await.expect("a heartbeat");
    assert!(matches!(idle, Event::Progress(v1::Progress { head_revision, .. }) if head_revision == suspended.revision));
    assert!(began.elapsed() < Duration::from_secs(5) && began.elapsed() > Duration::from_secs(1), "{began:?}");

    registry.on_day("2026-03-04").report(end_job(&person.jobs[0], "2026-03-03")).await;
    for _ in ["a day", "another", "the end of a job"] {
        copy.take(&watcher.message().await);
    }
    assert_eq!(watcher.caught_up().await.0, []);
    assert_eq!(copy.revision, suspended.revision + 3);

    let began = Instant::now();
    let stopped = tokio::spawn(server.stop());
    let status = watcher.event().await.expect_err("the stream ends with the registry");
    assert_eq!(status.code_and_reason(), (Code::Unavailable, "DRAINING".to_owned()));
    drop((watcher, registry));
    stopped.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(10), "watchers do not delay the end");
}

/// Of everyone, of some credentials, and of a provider and its staff; never of people that the caller may not see.
#[tokio::test]
async fn filtered() {
    let (server, story) = recorded().await;
    let registry = server.client();
    let all = changes(&pages(&registry, list(0)).await);

    let asked: Vec<String> = story.numbers().take(2).map(str::to_owned).collect();
    let question = v1::ListChangesRequest { credential_numbers: asked.clone(), ..list(0) };
    let shown = changes(&pages(&registry.calling_as("auditor"), question.clone()).await);
    let expected =
        all.iter().filter(|(_, change)| credential_of(change).is_none_or(|of| asked.iter().any(|a| a == of)));
    assert!(shown.iter().eq(expected), "of two credentials, and changes without a credential");
    assert!(shown.iter().any(|(_, change)| matches!(change.change, Some(Kind::Service(_)))));

    let is_designation = |change: &v1::Change| matches!(change.change, Some(Kind::Designation(_)));
    let shown = changes(&pages(&registry.calling_as("payer"), list(0)).await);
    assert!(shown.iter().eq(all.iter().filter(|(_, change)| !is_designation(change))), "no designations for payers");
    for (caller, withheld) in [("payer", true), ("auditor", false)] {
        let (_, progress) = Watcher::of(&registry.calling_as(caller), list(0)).await.caught_up().await;
        assert_eq!(
            (progress.designations_withheld, progress.provider_id.as_str()),
            (withheld, ""),
            "and {caller} knows"
        );
    }

    let [one, two, ..] = &story.providers;
    let own = pages(&registry.calling_as(&format!("provider:{one}")), list(0)).await;
    assert_eq!(own, pages(&registry, of_provider(one)).await, "a provider's feed is its own");
    let caller = registry.calling_as(&format!("provider:{one}"));
    let (watched, progress) = Watcher::of(&caller, list(0)).await.caught_up().await;
    assert_eq!((watched, &progress.provider_id), (own.clone(), one));
    let elsewhere = lines(&own.iter().flat_map(|message| message.changes.clone()).collect::<Vec<_>>());
    assert!(elsewhere.iter().all(|line| !line.contains(two.as_str())), "no other employer: {elsewhere:#?}");

    let mine = v1::ListChangesRequest { credential_numbers: vec![asked[0].clone()], ..list(0) };
    let shown = changes(&pages(&caller, mine.clone()).await);
    let own = changes(&own);
    let expected = own.iter().filter(|(_, change)| credential_of(change).is_none_or(|of| asked[0] == of));
    assert!(shown.iter().eq(expected), "of own staff alone also where credentials are named");
    server.stop().await;
}

fn changes(messages: &[v1::ChangeMessage]) -> Vec<(u64, v1::Change)> {
    let of = |message: &v1::ChangeMessage| {
        let revision = message.revision;
        message.changes.iter().cloned().map(move |change| (revision, change)).collect::<Vec<_>>()
    };
    messages.iter().flat_map(of).collect()
}

/// At every record the copy agrees with what was known then.
#[tokio::test]
async fn atomic_at_every_record() {
    let (server, story) = recorded().await;
    let registry = server.client();
    let mut copy = Copy::default();
    let day = super::copy::number(&crate::harness::requests::date(TODAY));
    for message in pages(&registry, list(0)).await {
        copy.take(&message);
        if !message.last_part || copy.revision < story.people[0].revision || copy.revision % 5 > 0 {
            continue;
        }
        agrees(&registry, &copy, &story, day).await;
    }
    server.stop().await;
}

async fn agrees(registry: &Client, copy: &Copy, story: &super::scenario::Scenario, day: i32) {
    for number in story.numbers() {
        for provider in &story.providers {
            let mut question = crate::harness::requests::verify_with(provider, number, TODAY);
            question.known_at = Some(known_at(copy.revision));
            let answer = registry.ask(question).await.verification.unwrap();
            if answer.reasons.contains(&v1::Reason::CredentialNotOnFile.into()) {
                assert!(!copy.knows(number));
                continue;
            }
            let verdict = copy.verdict(number, provider, day, false);
            assert_eq!(answer.verdict(), verdict, "{number} with {provider} at {}: {answer:?}", copy.revision);
        }
    }
}
