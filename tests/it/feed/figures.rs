//! Figures: how soon a cascade is sent, and the memory of watchers of an idle registry. They are printed. They are
//! meaningful for many people, cascades and watchers in an optimized build: `CPSS_CASCADE=10000 CPSS_CASCADES=30
//! CPSS_WATCHERS=1000 cargo test --profile bench --test it feed::figures -- --nocapture`.

use std::time::{Duration, Instant};

use super::{Watcher, crowd, list};
use crate::harness::requests::{end_period, retract};
use crate::harness::{Client, Process, TODAY};

/// The number of watchers per connection, below the maximum number of streams.
const ON_A_CONNECTION: usize = 100;

fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// The memory in KiB that idle watchers cost a registry that has just started.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_watchers_cost_little() {
    let idle = setting("CPSS_WATCHERS", 200);
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let head = registry.head().await;
    let before = process.resident_bytes();
    let mut watchers = Vec::new();
    for _ in 0..idle.div_ceil(ON_A_CONNECTION) {
        let client = Client::connect(process.listening());
        for _ in 0..ON_A_CONNECTION.min(idle - watchers.len()) {
            let mut watcher = Watcher::of(&client, list(head)).await;
            watcher.caught_up().await;
            watchers.push(watcher);
        }
    }
    // Each watcher has received another heartbeat without changes.
    for watcher in &mut watchers {
        assert!(watcher.caught_up().await.0.is_empty());
    }
    let cost = process.resident_bytes().saturating_sub(before) / 1024;
    println!("{idle} idle watchers cost {cost} KiB");
    assert!(cost < 50 * 1024, "{idle} idle watchers cost {cost} KiB");

    // They are connected: each gets the next record.
    registry.qualified_provider("Big Black Example Residential Center").await;
    let began = Instant::now();
    for watcher in &mut watchers {
        assert_eq!(watcher.message().await.revision, head + 1);
    }
    println!("all of them got the next record within {:?}", began.elapsed());
    process.kill();
}

/// The time below which all but one percent of the samples are.
fn slowest(times: &mut [Duration]) -> String {
    times.sort();
    let p99 = times[(times.len() * 99).div_ceil(100) - 1];
    format!("median {:?}, p99 {p99:?}, most {:?} of {}", times[times.len() / 2], times[times.len() - 1], times.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cascade_is_sent_completely_and_soon() {
    let (people, cascades) = (setting("CPSS_CASCADE", 100), setting("CPSS_CASCADES", 10));
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let closing = registry.qualified_provider("Big Black Example Residential Center").await;
    let began = Instant::now();
    crowd::employ(&registry, &closing, people).await;
    println!("{people} people within {:?}", began.elapsed());

    let head = registry.head().await;
    let live = Client::connect(process.listening());
    let mut watcher = Watcher::after(&live, head).await;
    let (mut answers, mut first_parts, mut last_parts, mut fact) = (Vec::new(), Vec::new(), Vec::new(), None);
    for at in 0..cascades {
        let watched = tokio::spawn(async move {
            let mut part = watcher.message().await;
            let (first, mut changes) = (Instant::now(), part.changes.len());
            let revision = part.revision;
            while !part.last_part {
                part = watcher.message().await;
                assert_eq!(part.revision, revision, "nothing else before it is whole");
                changes += part.changes.len();
            }
            (watcher, first, Instant::now(), changes)
        });
        let asked = Instant::now();
        let count = match fact.take() {
            None => {
                let ended = registry.report(end_period(&closing.qualification, "2026-02-27", "Withdrawn")).await;
                fact = Some(ended.fact_id);
                ended.change_count
            }
            Some(end) => registry.report(retract(&end, "Not that one")).await.change_count,
        };
        // The response follows the commit. Messages sent before the response count as immediate.
        let answered = Instant::now();
        answers.push(answered - asked);
        let (back, first, last, changes) = watched.await.unwrap();
        assert_eq!((count as usize, changes), (2 * people, 2 * people), "cascade {at}");
        watcher = back;
        first_parts.push(first.saturating_duration_since(answered));
        last_parts.push(last.saturating_duration_since(answered));
    }
    println!("the answer: {}", slowest(&mut answers));
    println!("first part after the answer: {}", slowest(&mut first_parts));
    println!("last part after the answer: {}", slowest(&mut last_parts));
    process.kill();
}
