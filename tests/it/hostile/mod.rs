//! Hostile peers, all at once, beside clients that only want their answers.
//!
//! `CPSS_HOSTILE_SECONDS=60 CPSS_HOSTILE_CONNECTIONS=10000 cargo test --release --test it hostile -- --nocapture` is the
//! full measure. What is held is that every call of the others is answered and that memory is bounded; times are printed.

mod frames;
mod peers;
mod town;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use self::peers::Harm;
use self::town::Way;
use crate::harness::Client;
use crate::tls::place::{Place, question};

/// How much more memory the server may have while it is attacked: less than a thousand strangers in the middle of their
/// handshakes, and the connections of one client with all that it does not read.
const BOUND: u64 = 256 * 1024 * 1024;

/// How many peers there are that do the same harm.
const OF_A_KIND: usize = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// What 100 MiB of nothing come to.
fn bomb() -> Vec<u8> {
    let made = Command::new("/bin/sh").args(["-c", "head -c 104857600 /dev/zero | gzip -9"]).output().unwrap();
    assert!(made.status.success() && made.stdout.len() > 10_000);
    made.stdout
}

/// A connection that says nothing, and is made again when it is closed.
async fn half_open(way: Way, made: Arc<AtomicU64>) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(way.address).await {
            made.fetch_add(1, Ordering::Relaxed);
            drop(stream.read(&mut [0; 1]).await);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Asks until it is told to stop. Every question is answered; how long each took.
async fn ask(client: Client, stop: Arc<AtomicBool>) -> Vec<Duration> {
    let mut took = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        client.ask(question()).await;
        took.push(began.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    took
}

/// Lets clients ask for so long, and says how long their answers took and how much memory the server had at most.
async fn asked(place: &Place, clients: &[Client], time: Duration, when: &str) -> u64 {
    let stop = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = clients.iter().map(|client| tokio::spawn(ask(client.clone(), Arc::clone(&stop)))).collect();
    let (until, mut most) = (Instant::now() + time, 0);
    while Instant::now() < until {
        most = most.max(place.process.resident_bytes());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for asking in asking {
        took.extend(asking.await.unwrap());
    }
    took.sort();
    let at = |percent: usize| took[(took.len() - 1) * percent / 100];
    let (count, p50, p99, longest) = (took.len(), at(50), at(99), at(100));
    println!("hostile: {when}: {count} calls, p50 {p50:?}, p99 {p99:?}, longest {longest:?}; resident {most} at most");
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_are_answered_and_memory_is_bounded() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
    let seconds = Duration::from_secs(number("CPSS_HOSTILE_SECONDS", 3));
    let connections = number("CPSS_HOSTILE_CONNECTIONS", 500);
    let place = Place::start();
    let way = Way::to(&place).await;
    let token = place.let_in_by_token("medicaid", "payer").await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.extend([place.client("registrar").await, place.stranger().await.showing(&token)]);
    }
    for client in &clients {
        client.ask(question()).await;
    }
    let before = asked(&place, &clients, (seconds / 4).max(Duration::from_secs(1)), "before").await;

    let made = Arc::new(AtomicU64::new(0));
    let mut peers = JoinSet::new();
    let bomb = bomb();
    for harm in Harm::ALL.iter().flat_map(|harm| [*harm; OF_A_KIND]) {
        peers.spawn(harm.go_on(way.clone(), bomb.clone()));
    }
    for _ in 0..connections {
        peers.spawn(half_open(way.clone(), Arc::clone(&made)));
    }
    let during = asked(&place, &clients, seconds, "during").await;
    peers.shutdown().await;
    println!("hostile: {} half-open connections were made", made.load(Ordering::Relaxed));
    asked(&place, &clients, Duration::from_secs(1), "after").await;
    assert!(during < before + BOUND, "resident memory grew from {before} to {during}");
    // Who was there all the time is there still, and so is the way in.
    place.client("registrar").await.ask(question()).await;
    let said = place.process.said();
    assert!(!said.contains("panicked"), "{said}");
    place.process.stop();
}

mod refusals;
