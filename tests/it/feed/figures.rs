//! Figures: how soon a cascade is told, and what somebody costs who watches an idle registry. They are printed, and mean
//! something for many people in a release build:
//! `CPSS_CASCADE=10000 cargo test --release --test it feed::figures -- --nocapture`.

use std::time::{Duration, Instant};

use super::{Watcher, crowd, list};
use crate::harness::requests::{end_period, retract};
use crate::harness::{Client, Process, TODAY};

const CASCADES: usize = 10;
const IDLE: usize = 200;

fn people() -> usize {
    std::env::var("CPSS_CASCADE").map_or(100, |text| text.parse().unwrap())
}

/// What those who only watch cost a registry that has just begun and has no memory to spare, in KiB.
async fn cost_of_idle_watchers() -> u64 {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let before = process.resident_bytes();
    let head = registry.head().await;
    let mut watchers = Vec::new();
    for _ in 0..IDLE / 100 {
        let client = Client::connect(process.listening());
        for _ in 0..100 {
            let mut watcher = Watcher::of(&client, list(head)).await;
            watcher.caught_up().await;
            watchers.push(watcher);
        }
    }
    // Each has been told that there is nothing to tell, at least once.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let cost = process.resident_bytes().saturating_sub(before) / 1024;
    process.kill();
    cost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_is_told_whole_and_idle_watchers_cost_little() {
    let cost = cost_of_idle_watchers().await;
    println!("{IDLE} idle watchers cost {cost} KiB");
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let closing = registry.qualified_provider("Big Black Example Residential Center").await;
    let began = Instant::now();
    crowd::employ(&registry, &closing, people()).await;
    println!("{} people within {:?}", people(), began.elapsed());

    let head = registry.head().await;
    let live = Client::connect(process.listening());
    let mut watcher = Watcher::after(&live, head).await;
    let (mut first_parts, mut whole, mut fact) = (Vec::new(), Vec::new(), None);
    for at in 0..CASCADES {
        let watched = tokio::spawn(async move {
            let part = watcher.message().await;
            let (first, mut last) = (Instant::now(), part.last_part);
            while !last {
                last = watcher.message().await.last_part;
            }
            (watcher, first, Instant::now())
        });
        let answer = match fact.take() {
            None => {
                let ended = registry.report(end_period(&closing.qualification, "2026-02-27", "Withdrawn")).await;
                fact = Some(ended.fact_id);
                (ended.change_count, Instant::now())
            }
            Some(end) => (registry.report(retract(&end, "Not that one")).await.change_count, Instant::now()),
        };
        assert_eq!(answer.0 as usize, 2 * people(), "cascade {at}");
        let (back, first, last) = watched.await.unwrap();
        watcher = back;
        first_parts.push(first.saturating_duration_since(answer.1));
        whole.push(last.saturating_duration_since(answer.1));
    }
    for (part, mut times) in [("first", first_parts), ("last", whole)] {
        times.sort();
        println!("{part} part after the answer: median {:?}, most {:?}", times[CASCADES / 2], times[CASCADES - 1]);
    }
    assert!(cost < 50 * 1024, "{IDLE} idle watchers cost {cost} KiB");
    process.kill();
}
