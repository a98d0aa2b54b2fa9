//! Dry runs (`validate_only`) and repeated requests: their responses, and that writers do not wait for them.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cpss_registry::domain::day::Period;
use cpss_registry::domain::id::CredentialNumber;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_records_response::Result as Outcome;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::registry::SubmitError;
use cpss_registry::store::StoreOptions;

use super::harness::requests::{
    date, end_period, facts_of_specialist, issue, new_request_id, qualify, register_provider, register_specialist,
    start_job, transfer,
};
use super::harness::scenes::{EFFECTIVE_FROM, HIRED, TERM_LAST_DAY};
use super::harness::{Client, Messages as _, Mutation, TODAY, TestServer, library};

/// The ids in a response: `CPS-7K3M-9QRT-X` and the like, and fact ids.
fn ids(answer: &impl Debug) -> Vec<String> {
    let text = format!("{answer:?}");
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-');
    let is_id = |word: &&str| {
        let parts: Vec<&str> = word.split('-').collect();
        let is_registrys = ["CPS", "SP", "EM", "PR"].contains(&parts[0]) && parts.len() == 4;
        is_registrys || (parts.len() == 3 && parts[0].len() == 8 && parts[1].parse::<u64>().is_ok())
    };
    words.filter(is_id).map(str::to_owned).collect()
}

async fn refuse_unknown_ids<M: Mutation>(registry: &Client, known: &[String], request: M) {
    let answer = registry.validate(request).await;
    for id in ids(&answer) {
        assert!(known.contains(&id), "{id} is not on record: {answer:?}");
    }
}

#[tokio::test]
async fn a_dry_run_returns_only_assigned_ids() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let (west, east) =
        (registry.qualified_provider("Example West").await, registry.qualified_provider("Example East").await);
    let person = registry.credentialed("Odalys", "Example-Hart", &[&west]).await;
    let hired = registry.specialist("Casimir", "Example-Boone").await;
    let job = registry.job(&hired, &west.provider_id, HIRED).await;
    let mut known = vec![person.number, person.specialist_id, hired.clone(), job];
    for provider in [&west, &east] {
        known.extend([provider.provider_id.clone(), provider.qualification.clone()]);
    }
    known.extend(person.jobs);
    for specialist in [known[1].clone(), hired.clone()] {
        let facts = registry.ask(facts_of_specialist(&specialist)).await.facts;
        known.extend(facts.into_iter().map(|fact| fact.fact_id));
    }

    refuse_unknown_ids(&registry, &known, register_specialist("Mirela", "Example-Stone")).await;
    refuse_unknown_ids(&registry, &known, issue(&hired, EFFECTIVE_FROM)).await;
    refuse_unknown_ids(&registry, &known, start_job(&hired, &east.provider_id, HIRED)).await;
    refuse_unknown_ids(&registry, &known, transfer(&west.provider_id, &east.provider_id, "2026-02-27")).await;
    refuse_unknown_ids(&registry, &known, register_provider("Example North")).await;
    refuse_unknown_ids(&registry, &known, qualify(&east.provider_id, "2026-02-01")).await;

    // The recorded request returns new ids, so the responses above had fields for them.
    let recorded = registry.report(issue(&hired, EFFECTIVE_FROM)).await;
    assert!(ids(&recorded).iter().filter(|id| !known.contains(id)).count() > 2, "{recorded:?}");
    server.stop().await;
}

/// The ids in the responses to these rows of an import.
async fn imported(registry: &Client, commands: &[Command], validate_only: bool) -> Vec<Vec<String>> {
    let row = |command: &Command| {
        let (request_id, command) = (new_request_id(), Some(command.clone()));
        v1::ImportRecordsRequest {
            row: Some(v1::ImportRow { request_id, validate_only, command, ..Default::default() }),
        }
    };
    let rows: Vec<_> = commands.iter().map(row).collect();
    let mut answers = registry.record().import_records(tokio_stream::iter(rows)).await.unwrap().into_inner();
    let mut new_ids = Vec::new();
    while let Some(answer) = answers.next_message().await.unwrap() {
        let Some(Outcome::Outcome(outcome)) = &answer.result else { panic!("{answer:?}") };
        new_ids.push(ids(outcome));
    }
    new_ids
}

#[tokio::test]
async fn a_dry_run_of_an_import_returns_only_assigned_ids() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let (west, east) =
        (registry.qualified_provider("Example West").await, registry.qualified_provider("Example East").await);
    let mut known = vec![west.provider_id.clone(), east.provider_id.clone()];
    let hired = registry.specialist("Casimir", "Example-Boone").await;
    for person in [hired.clone(), registry.specialist("Odalys", "Example-Hart").await] {
        known.push(registry.job(&person, &west.provider_id, HIRED).await);
        known.push(person);
    }
    let request_id = String::new;
    let commands = [
        Command::RegisterSpecialist(v1::RegisterSpecialistRequest {
            request_id: request_id(),
            ..register_specialist("Mirela", "Example-Stone")
        }),
        Command::RegisterProvider(v1::RegisterProviderRequest {
            request_id: request_id(),
            ..register_provider("Example North")
        }),
        Command::Transferred(v1::TransferredCredential {
            specialist_id: hired.clone(),
            effective_from: Some(date(EFFECTIVE_FROM)),
            term_last_day: Some(date(TERM_LAST_DAY)),
            designations: vec![v1::Designation::AdultAndRecovery.into()],
            ..Default::default()
        }),
        Command::ReportEmploymentStart(v1::ReportEmploymentStartRequest {
            request_id: request_id(),
            ..start_job(&hired, &east.provider_id, HIRED)
        }),
        Command::TransferEmployments(v1::TransferEmploymentsRequest {
            request_id: request_id(),
            ..transfer(&west.provider_id, &east.provider_id, "2026-02-27")
        }),
    ];
    let is_new = |id: &String| !known.contains(id);
    for (at, new_ids) in imported(&registry, &commands, true).await.iter().enumerate() {
        assert!(!new_ids.iter().any(is_new), "row {at}: {new_ids:?}");
    }
    // The recorded rows return new ids, so the responses above had fields for them.
    for (at, new_ids) in imported(&registry, &commands, false).await.iter().enumerate() {
        assert!(new_ids.iter().filter(|id| is_new(id)).count() > 1, "row {at}: {new_ids:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_dry_run_is_judged_without_the_writer() {
    let data = tempfile::tempdir().unwrap();
    let opened = library::open(data.path(), TODAY, StoreOptions::default());
    let registry = opened.registry.clone();
    let head = registry.head_revision();
    registry.close().await;
    let store = tokio::task::spawn_blocking(|| opened.writer.join()).await.unwrap().unwrap().unwrap();

    let days = Period::from_inclusive(TODAY.parse().unwrap(), None);
    let mut dry_run = library::inactive(CredentialNumber::from_number(7), days);
    assert!(registry.submit(dry_run.clone()).await.is_err(), "the writer has ended");
    dry_run.validate_only = true;
    let judged = registry.submit(dry_run).await;
    assert!(matches!(judged, Err(SubmitError::Rejected(_))), "{judged:?}");
    assert_eq!(registry.head_revision(), head);
    drop((registry, opened.registry));
    store.close().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dry_run_returns_its_revision_and_sees_acknowledged_writes() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let closing = registry.qualified_provider("Example Center").await;
    let end = end_period(&closing.qualification, "2026-02-27", "Certification withdrawn");
    let hired = registry.specialist("Casimir", "Example-Boone").await;
    let start = start_job(&hired, &closing.provider_id, HIRED);
    let over = Arc::new(AtomicBool::new(false));
    let judging = tokio::spawn({
        let (registry, over) = (server.client(), Arc::clone(&over));
        async move {
            let mut judged = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let answer =
                    registry.validate(v1::EndPeriodRequest { request_id: new_request_id(), ..end.clone() }).await;
                judged.push((answer.revision, answer.specialist_count));
                // Another record takes the revision that the fact would have had.
                let start = v1::ReportEmploymentStartRequest { request_id: new_request_id(), ..start.clone() };
                let job = registry.validate(start).await.employment.unwrap();
                assert_eq!(job.fact_id, "", "the id is another fact's");
            }
            judged
        }
    });
    let mut issued = Vec::new();
    for _ in 0..30 {
        let person = registry.credentialed("Ingrid", "Example-Ruiz", &[&closing]).await;
        issued.push(person.revision);
        // A dry run after an acknowledged write sees that write.
        let seen = registry.validate(end_period(&closing.qualification, "2026-02-27", "Certification withdrawn")).await;
        assert_eq!((seen.revision, seen.specialist_count as usize), (person.revision, issued.len()));
    }
    over.store(true, Ordering::Relaxed);
    for (revision, count) in judging.await.unwrap() {
        let expected = issued.iter().filter(|issued| **issued <= revision).count();
        assert_eq!(count as usize, expected, "at revision {revision}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_does_not_wait_for_an_earlier_repeated_request() {
    const STAFF: usize = 100;
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let (west, east) =
        (registry.qualified_provider("Example West").await, registry.qualified_provider("Example East").await);
    for _ in 0..STAFF {
        registry.credentialed("Odalys", "Example-Hart", &[&west]).await;
    }
    let merger = transfer(&west.provider_id, &east.provider_id, "2026-02-27");
    let first = registry.report(merger.clone()).await;
    let mut overtaken = false;
    for _ in 0..20 {
        let replay = registry.ask(merger.clone());
        let write = registry.report(register_specialist("Mirela", "Example-Stone"));
        tokio::pin!(replay);
        tokio::pin!(write);
        tokio::select! {
            biased;
            again = &mut replay => {
                assert_eq!(again, first);
                write.await;
            }
            _ = &mut write => {
                overtaken = true;
                assert_eq!(replay.await, first);
            }
        }
    }
    assert!(overtaken, "every write waited for the repeated request before it");
    server.stop().await;
}
