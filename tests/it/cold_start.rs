//! A registry that has just opened: every answer is right although nothing is cached yet.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::id::CredentialNumber;
use cpss_registry::registry::{Opened, Submission};
use cpss_registry::store::StoreOptions;

use super::harness::library::{self, close};
use super::harness::process::Process;
use super::harness::{TODAY, TestServer};

const PEOPLE: usize = 24;

/// A data directory with some people, and their credential numbers.
async fn some_people() -> (tempfile::TempDir, Vec<CredentialNumber>) {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let employer = registry.qualified_provider("Homochitto Example Center").await;
    let mut numbers = Vec::new();
    for at in 0..PEOPLE {
        let person = registry.credentialed("Example", &format!("Cold-{at}"), &[&employer]).await;
        numbers.push(person.number.parse().unwrap());
    }
    (server.stop().await, numbers)
}

fn open(data: &Path) -> Opened {
    library::open(data, TODAY, StoreOptions::default())
}

#[tokio::test]
async fn uncached_credentials_are_found() {
    let (data, numbers) = some_people().await;
    let nobody = CredentialNumber::from_number(7);
    for is_read_in in [false, true] {
        let opened = open(data.path());
        let registry = &opened.registry;
        if is_read_in {
            registry.start_warm_up().unwrap();
        }
        let snapshot = registry.pin_head();
        for number in &numbers {
            assert!(snapshot.timeline(*number).await.unwrap().is_some(), "{number}");
        }
        assert!(snapshot.timeline(nobody).await.unwrap().is_none());
        drop(snapshot);
        close(opened).await;

        // All kinds of questions, while nothing is cached.
        let opened = open(data.path());
        let snapshot = opened.registry.pin_head();
        let today = TODAY.parse().unwrap();
        let found = library::all_credentials(&snapshot, today);
        assert_eq!(found.len(), PEOPLE);
        assert!(found.is_sorted_by_key(|timeline| timeline.number));
        let with_specialist: u32 =
            snapshot.program_statistics(today).unwrap().iter().map(|(_, c)| c.with_specialist).sum();
        assert_eq!(with_specialist, 1);
        drop((snapshot, found));
        close(opened).await;
    }
}

fn inactive(number: CredentialNumber, round: i32) -> Submission {
    let first: Day = "2025-01-01".parse().unwrap();
    library::inactive(number, Period::from_inclusive(first.plus(3 * round), Some(first.plus(3 * round + 1))))
}

/// Readers load entries while the writer changes them. The cached entries must match the facts.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn entries_loaded_during_a_change_are_current() {
    let (data, numbers) = some_people().await;
    let rounds: i32 = std::env::var("CPSS_COLD").map_or(6, |text| text.parse().unwrap());
    for round in 0..rounds {
        let opened = open(data.path());
        let over = Arc::new(AtomicBool::new(false));
        let mut readers = Vec::new();
        for reader in 0..3 {
            let (registry, numbers, over) = (opened.registry.clone(), numbers.clone(), Arc::clone(&over));
            readers.push(tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    for at in 0..numbers.len() {
                        let number = numbers[(at * (2 * reader + 1)) % numbers.len()];
                        let snapshot = registry.pin_head();
                        let held = snapshot.timeline(number).await.unwrap().unwrap();
                        let read = snapshot
                            .off_thread(move |known| known.compile(held.specialist, number).map(|it| (it, held)));
                        let (compiled, held) = read.await.unwrap();
                        assert_eq!(*compiled.unwrap(), *held, "at {:?}", snapshot.revision);
                    }
                }
            }));
        }
        opened.registry.start_warm_up().unwrap();
        for number in numbers.iter().rev() {
            opened.registry.submit(inactive(*number, round)).await.unwrap();
        }
        over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.await.unwrap();
        }
        let snapshot = opened.registry.pin_head();
        for number in &numbers {
            let held = snapshot.timeline(*number).await.unwrap().unwrap();
            assert_eq!(held, snapshot.compile(held.specialist, *number).unwrap().unwrap());
        }
        drop(snapshot);
        close(opened).await;
    }
}

#[test]
fn the_remaining_warm_up_loads_small_pages() {
    let directory = tempfile::tempdir().unwrap();
    for _new_and_then_read_in in 0..2 {
        let process = Process::spawn(directory.path(), TODAY);
        process.wait_for_log("timeline cache is warm");
        assert_eq!(process.status("THP_enabled"), "0");
        process.stop();
    }
}
