//! What must hold when all faults are over.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::clients::{DAY, Place, World};
use crate::fleet::{assert_days_opened_once, client, done, records};
use crate::harness::requests::{periods, verify};
use crate::harness::{Call, Client, Promised as _, Refusal as _, until};

/// The maximum number of answers by time, of requests, and of states of knowledge that are asked for again.
const SAMPLE: usize = 60;
/// The number of people whose answers are compared.
const PEOPLE: usize = 4;

/// How much was compared.
#[derive(Debug, Default)]
pub struct Compared {
    by_time: usize,
    receipts: usize,
    states: usize,
}

/// Checks that all replicas give the answers that were given, and the same ones.
pub async fn check_answers(world: &World, compared: &mut Compared) {
    let replicas: Vec<_> = world.replicas.iter().map(registrar).collect();
    let mut heads = Vec::new();
    for replica in &replicas {
        let verified = settled(replica, world.seen.question(&world.people[0].number)).await.verification.unwrap();
        heads.push(verified.answer.unwrap().known_at_revision);
    }
    let by_time = sample(&world.seen.by_time.lock().unwrap());
    for (request, given) in by_time {
        for replica in &replicas {
            assert_eq!(settled(replica, request.clone()).await.promised_bytes(), given, "changed: {request:?}");
        }
        compared.by_time += 1;
    }
    let renames = sample(&world.seen.renames.lock().unwrap());
    for (request, given) in renames {
        for replica in &replicas {
            assert_eq!(settled(replica, request.clone()).await, given);
        }
        compared.receipts += 1;
    }
    let head = heads.into_iter().min().unwrap();
    for _ in 0..SAMPLE {
        let revision = fastrand::u64(1..=head);
        for person in &world.people[..PEOPLE] {
            let mut answers = BTreeSet::new();
            for replica in &replicas {
                answers.insert(answers_at(replica, &person.number, revision).await);
            }
            assert_eq!(answers.len(), 1, "not the same on all replicas at {revision}: {answers:?}");
        }
        compared.states += 1;
    }
}

fn registrar((address, directory): &Place) -> Client {
    client(directory, address.borrow().expect("it runs"), "registrar")
}

fn sample<T: Clone>(all: &[T]) -> Vec<T> {
    fastrand::choose_multiple(all.iter(), SAMPLE).into_iter().cloned().collect()
}

/// The answer to a request that must succeed now, or soon.
async fn settled<C: Call>(replica: &Client, request: C) -> C::Response {
    let mut answer = None;
    until("the replica answers", async || {
        match replica.call(request.clone()).await {
            Ok(response) => answer = Some(response),
            Err(status) => assert_eq!(status.code(), tonic::Code::Unavailable, "{status:?}"),
        }
        answer.is_some()
    })
    .await;
    answer.unwrap()
}

/// What a replica answers about a credential at a revision: bytes, and the reason if it refuses to list periods.
async fn answers_at(replica: &Client, number: &str, revision: u64) -> Vec<u8> {
    let mut bytes = settled(replica, verify(number, DAY, revision)).await.promised_bytes();
    match replica.call(periods(number, revision)).await {
        Ok(listed) => bytes.extend(listed.promised_bytes()),
        Err(refused) => bytes.extend(refused.reason().into_bytes()),
    }
    bytes
}

/// Checks the copies of all replicas: they are whole and equal, have every acknowledged fact in the record that was
/// named, and no request twice. Returns the number of records.
pub fn check_copies(directories: &[PathBuf], acknowledged: &BTreeMap<String, u64>) -> usize {
    let histories: Vec<_> = directories.iter().map(|data| records(data)).collect();
    for data in directories {
        done(&["check", "--data-dir", data.to_str().unwrap()]);
    }
    // One that stops later may have opened a day.
    let shortest = histories.iter().map(|history| history.lines().count()).min().unwrap();
    let longest = histories.iter().max_by_key(|history| history.lines().count()).unwrap();
    for history in &histories {
        for (line, other) in history.lines().zip(longest.lines()) {
            assert_eq!(line, other);
        }
    }
    assert_days_opened_once(longest);
    let (mut facts, mut requests) = (BTreeMap::new(), BTreeSet::new());
    for line in longest.lines().take(shortest) {
        let record: serde_json::Value = serde_json::from_str(line).unwrap();
        let revision = record["revision"].as_u64().unwrap();
        for fact in record["facts"].as_array().unwrap() {
            facts.insert(fact["fact_id"].as_str().unwrap().to_owned(), revision);
        }
        if let Some(id) = record["request_id"].as_str() {
            assert!(requests.insert(id.to_owned()), "the request {id} is recorded twice");
        }
    }
    for (fact, revision) in acknowledged {
        assert_eq!(facts.get(fact), Some(revision), "the acknowledged fact {fact}");
    }
    shortest
}
