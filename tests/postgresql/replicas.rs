//! Replicas take writes and answer questions as one registry, whatever happens to one of them.

use std::fs;

use cpss_registry::proto::v1;
use tonic::Code;

use crate::fleet::{Fleet, Replica, assert_days_opened_once, records};
use crate::harness::requests::{issue, new_request_id, periods, qualify, register_provider, register_specialist};
use crate::harness::requests::{retract, start_job, verify};
use crate::harness::scenes::{EFFECTIVE_FROM, HIRED, QUALIFIED_FROM};
use crate::harness::{Client, Promised as _, Refusal as _, until};

/// A day on which the credential of a test is in force.
pub const DAY: &str = "2025-03-03";

/// The same question, answered from what a token names.
pub fn since(token: &str, number: &str) -> v1::VerifyCredentialRequest {
    v1::VerifyCredentialRequest { min_token: token.to_owned(), ..verify(number, DAY, None) }
}

/// Checks that all replicas give the same bytes, for each revision up to a token's.
pub async fn assert_alike(replicas: &[&Replica], number: &str, token: &str) {
    let mut heads = Vec::new();
    for replica in replicas {
        let answered = replica.registrar().ask(since(token, number)).await;
        heads.push(answered.verification.unwrap().answer.unwrap().known_at_revision);
    }
    let head = *heads.iter().min().unwrap();
    assert!(head > 0);
    for revision in 1..=head {
        let mut answers = Vec::new();
        for replica in replicas {
            let client = replica.registrar();
            answers.push((bytes(&client, number, revision).await, replica.process.id()));
        }
        let first = &answers[0].0;
        assert!(answers.iter().all(|(bytes, _)| bytes == first), "at revision {revision}: {answers:?}");
    }
}

/// What a replica answers from a revision: bytes, or the reason of its refusal.
pub async fn bytes(client: &Client, number: &str, revision: u64) -> Vec<u8> {
    let mut bytes = client.ask(verify(number, DAY, revision)).await.promised_bytes();
    match client.call(periods(number, revision)).await {
        Ok(listed) => bytes.extend(listed.promised_bytes()),
        Err(refused) => bytes.extend(refused.reason().into_bytes()),
    }
    bytes
}

/// Has three replicas in turn record a person with a credential. Returns the number and the token of the last record.
pub async fn credential(replicas: [&Replica; 3], family_name: &str) -> (String, String) {
    let [a, b, c] = replicas;
    let registered = a.client("certifier").ask(register_provider(&format!("{family_name} Center"))).await;
    let provider_id = registered.provider.unwrap().provider_id;
    b.client("certifier").ask(qualify(&provider_id, QUALIFIED_FROM)).await;
    let registered = c.registrar().report(register_specialist("Ada", family_name)).await;
    let specialist_id = registered.specialist.unwrap().specialist_id;
    a.registrar().report(start_job(&specialist_id, &provider_id, HIRED)).await;
    let issued = b.registrar().report(issue(&specialist_id, EFFECTIVE_FROM)).await;
    (issued.credential.unwrap().credential_number, issued.token)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_are_one_registry() {
    let fleet = Fleet::begin().await;
    let (a, b, c) = (fleet.start("a"), fleet.add("b"), fleet.add("c"));

    // Each knows at once what another one recorded: nothing above was refused, and a token is enough for a question.
    let (number, token) = credential([&a, &b, &c], "Example-Stone").await;
    for replica in [&a, &b, &c] {
        let verified = replica.registrar().ask(since(&token, &number)).await.verification.unwrap();
        assert_eq!(verified.verdict(), v1::Verdict::Confirmed, "{verified:?}");
    }
    assert_alike(&[&a, &b, &c], &number, &token).await;

    // A request that was recorded by one is found by the others, and other content under its id is refused.
    let request = register_specialist("Grace", "Example-Field");
    let first = a.registrar().report(request.clone()).await;
    for replica in [&c, &b, &a] {
        assert_eq!(replica.registrar().report(request.clone()).await, first);
        let other = v1::RegisterSpecialistRequest { name: register_specialist("G", "E").name, ..request.clone() };
        assert_eq!(replica.registrar().refusal(other).await.reason(), "REQUEST_ID_REUSED");
    }

    // One that was killed goes on where it was, and knows what was recorded meanwhile.
    c.process.kill();
    let meanwhile = b.registrar().report(register_specialist("Ida", "Example-Brook")).await;
    let c = fleet.start("c");
    let seen = c.registrar().ask(since(&meanwhile.token, &number)).await;
    assert!(seen.verification.unwrap().answer.unwrap().known_at_revision >= meanwhile.revision);

    // One that lost its data directory is filled from the log, and answers with the same bytes.
    b.process.stop();
    fs::remove_dir_all(fleet.directory("b").join("data")).unwrap();
    let b = fleet.start("b");
    assert_alike(&[&a, &b, &c], &number, &meanwhile.token).await;
    let last = b.registrar().report(register_specialist("May", "Example-Hill")).await;
    assert_alike(&[&a, &b, &c], &number, &last.token).await;

    assert_one_history([a, b, c]);
}

/// Stops the replicas. Checks that they have the same records, each day opened once.
fn assert_one_history(replicas: [Replica; 3]) {
    let histories = replicas.map(|replica| {
        let data = replica.data();
        replica.process.stop();
        records(&data)
    });
    let shortest = histories.iter().map(|history| history.lines().count()).min().unwrap();
    let common = histories.each_ref().map(|history| history.lines().take(shortest).collect::<Vec<_>>());
    assert!(shortest > 6, "{shortest} records");
    assert!(common.iter().all(|lines| *lines == common[0]), "{histories:?}");
    let longest = histories.iter().max_by_key(|history| history.lines().count()).unwrap();
    assert_days_opened_once(longest);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_replica_acknowledged_can_be_retracted_at_once() {
    let fleet = Fleet::begin().await;
    let (a, b) = (fleet.start("a"), fleet.add("b"));
    let (recording, retracting) = (a.registrar(), b.registrar());
    for _ in 0..30 {
        let recorded = recording.report(register_specialist("Ada", "Example-Stone")).await;
        // It has mostly not heard of it yet.
        retracting.report(retract(&recorded.fact_id, "Reported twice")).await;
    }
    let refused = retracting.refusal(retract("00000000-9999-0", "Reported twice")).await;
    assert_eq!(refused.reason(), "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_at_once_lose_nothing() {
    let fleet = Fleet::begin().await;
    let (a, b, c) = (fleet.start("a"), fleet.add("b"), fleet.add("c"));
    let (number, _) = credential([&a, &b, &c], "Example-Stone").await;
    let clients = [&a, &b, &c].map(Replica::registrar);
    let writers = clients.into_iter().enumerate().map(|(at, client)| {
        tokio::spawn(async move {
            let mut recorded = Vec::new();
            for count in 0..20 {
                let letter = |at: usize| char::from(b'a' + u8::try_from(at).unwrap());
                let request = register_specialist("Ada", &format!("Example-Stone{}{}", letter(at), letter(count)));
                // Others may be faster each time. Whatever the answer, the same request is recorded once.
                let registered = loop {
                    match client.call(request.clone()).await {
                        Ok(registered) => break registered,
                        Err(busy) => assert_eq!(busy.reason(), "WRITER_BUSY", "{busy:?}"),
                    }
                };
                recorded.push((registered.revision, registered.token));
            }
            recorded
        })
    });
    let mut recorded = Vec::new();
    for writer in writers {
        recorded.extend(writer.await.unwrap());
    }
    recorded.sort();
    let revisions: std::collections::BTreeSet<_> = recorded.iter().map(|(revision, _)| *revision).collect();
    assert_eq!(revisions.len(), 60, "each has a revision of its own");
    assert_alike(&[&a, &b, &c], &number, &recorded.last().unwrap().1).await;
    assert_one_history([a, b, c]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_database_what_is_known_is_answered_and_writes_are_refused() {
    let mut fleet = Fleet::begin().await;
    let (a, b, c) = (fleet.start("a"), fleet.add("b"), fleet.add("c"));
    let (number, token) = credential([&a, &b, &c], "Example-Stone").await;
    let verified = a.registrar().ask(since(&token, &number)).await;
    let revision = verified.verification.as_ref().unwrap().answer.as_ref().unwrap().known_at_revision;
    let known = a.registrar().ask(verify(&number, DAY, revision)).await.promised_bytes();
    c.process.stop();
    fs::remove_dir_all(fleet.directory("c").join("data")).unwrap();
    b.process.stop();
    fleet.server.stop();

    let request =
        v1::RegisterSpecialistRequest { request_id: new_request_id(), ..register_specialist("A", "Example-Late") };
    let refused = a.registrar().refusal(request.clone()).await;
    assert_eq!(refused.code_and_reason(), (Code::Unavailable, "LOG_UNREACHABLE".to_owned()));
    // One with a copy starts and answers from it; one without waits, and says so.
    let b = fleet.start("b");
    for replica in [&a, &b] {
        let answered = replica.registrar().ask(verify(&number, DAY, revision)).await;
        assert_eq!(answered.promised_bytes(), known);
    }
    assert_eq!(b.registrar().refusal(request.clone()).await.reason(), "LOG_UNREACHABLE");
    let c = fleet.spawn("c");
    c.wait_for("waiting_for_log");
    assert!(c.lives());

    fleet.server.start_again();
    c.process.listening();
    let registrar = b.registrar();
    until("writes go on", async || registrar.call(request.clone()).await.is_ok()).await;
    let recorded = registrar.report(request).await;
    assert_alike(&[&a, &b, &c], &number, &recorded.token).await;
}
