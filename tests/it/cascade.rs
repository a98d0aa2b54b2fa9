//! A provider loses its qualification while its staff are being verified: every batch sees the complete change or
//! nothing of it.
//!
//! `CPSS_CASCADE=10000 cargo test --profile bench --test it cascade -- --nocapture` runs with ten thousand people.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cpss_registry::proto::v1::{self, Verdict};
use tokio::task::JoinSet;

use super::harness::requests::end_period;
use super::harness::{Client, TODAY, TestServer};

/// The number of people in a batch.
const BATCH: usize = 1000;

fn people() -> usize {
    std::env::var("CPSS_CASCADE").map_or(400, |text| text.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_sees_a_cascade_completely_or_not_at_all() {
    let server = TestServer::start(TODAY).await;
    let registry = server.client();
    let closing = registry.qualified_provider("Bogue Chitto Example Center").await;
    let numbers = Arc::new(registry.hire(&closing.provider_id, people()).await);

    let over = Arc::new(AtomicBool::new(false));
    let batches = Arc::new(AtomicU64::new(0));
    let mut readers = JoinSet::new();
    for reader in 0..3 {
        let (client, numbers) = (server.client(), Arc::clone(&numbers));
        let (over, batches) = (Arc::clone(&over), Arc::clone(&batches));
        readers.spawn(async move {
            let mut seen_revoked = false;
            while !over.load(Ordering::Relaxed) || !seen_revoked {
                let (held, revoked) = ask(&client, &numbers, reader).await;
                assert!(held == 0 || revoked == 0, "a batch saw {held} held and {revoked} revoked");
                assert!(!seen_revoked || held == 0, "a revoked credential is held again");
                seen_revoked = revoked > 0;
                batches.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let before = batches.load(Ordering::Relaxed);
    let started = Instant::now();
    let ended = registry.report(end_period(&closing.qualification, "2026-02-27", "Certification withdrawn")).await;
    let committed_in = started.elapsed();
    let during = batches.load(Ordering::Relaxed) - before;
    over.store(true, Ordering::Relaxed);
    while let Some(reader) = readers.join_next().await {
        reader.unwrap();
    }
    assert_eq!(ended.specialist_count as usize, people());
    println!("cascade: {} people revoked in {committed_in:?}; {during} batches were answered during it", people());
    server.stop().await;
}

/// Asks about a batch of people. Returns how many hold the credential and how many lost it.
async fn ask(client: &Client, numbers: &[String], reader: usize) -> (usize, usize) {
    let item = |number: &String| v1::VerificationItem {
        subject: Some(v1::verification_item::Subject::CredentialNumber(number.clone())),
        ..v1::VerificationItem::default()
    };
    let from = (reader * 331) % numbers.len();
    let items: Vec<_> = numbers.iter().cycle().skip(from).take(numbers.len().min(BATCH)).map(item).collect();
    let request = v1::BatchVerifyCredentialsRequest { items, ..v1::BatchVerifyCredentialsRequest::default() };
    let (mut held, mut revoked) = (0, 0);
    for result in client.ask(request).await.results {
        match result.outcome {
            Some(v1::verification_result::Outcome::Verification(answer)) => match answer.verdict() {
                Verdict::Confirmed => held += 1,
                Verdict::NotConfirmed => revoked += 1,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }
    (held, revoked)
}
