//! Malicious peers of all kinds at once, next to well-behaved clients.
//!
//! `CPSS_HOSTILE_SECONDS=60 CPSS_HOSTILE_CONNECTIONS=10000 cargo test --profile bench --test it hostile::the_others --
//! --nocapture` is the full run. It also checks times: the p99 of the other clients must be less than twice the p99
//! without peers, and less than twice the p99 while the peers are paused. `CPSS_HOSTILE_ONLY=Pings,RapidReset` runs
//! only these peers, to see the effect of each.
//!
//! All peers together share a link of `CPSS_HOSTILE_MBITS` (100 by default) and run as fast as the link and the server
//! allow. They share the cores with the server and the other clients, unlike an attacker on a network. Without the link
//! limit, and at the same priority, the test would measure the CPU scheduler. Their threads therefore also have the
//! lowest priority.

mod fixture;
pub mod frames;
mod misses;
mod peers;

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::{Builder, Runtime};

use self::fixture::Way;
use self::peers::Attack;
use crate::harness::Client;
use crate::tls::tls_server::{TlsServer, question};

/// The maximum growth of the server's memory during an attack: less than that of a thousand unauthenticated connections
/// in their handshakes plus the connections of one client with everything that it does not read.
const BOUND: u64 = 128 * 1024 * 1024;

/// The peers run and pause in turns of this length, so that other load on the machine affects both.
const TURN: Duration = Duration::from_secs(5);

/// The time until everything that they have started is finished.
const SETTLED: Duration = Duration::from_millis(300);

/// The number of peers of each kind.
const OF_A_KIND: usize = 3;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// A compressed message that inflates to 100 MiB of zeros.
fn bomb() -> Vec<u8> {
    let made = Command::new("/bin/sh").args(["-c", "head -c 104857600 /dev/zero | gzip -9"]).output().unwrap();
    assert!(made.status.success() && made.stdout.len() > 10_000);
    made.stdout
}

/// A silent connection, reopened each time it is closed.
async fn half_open(way: Way) {
    loop {
        if let Ok(mut stream) = way.tcp().await {
            drop(stream.read(&mut [0; 1]).await);
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Asks until it is stopped. Every question must be answered. Returns the times.
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

/// Measurements of the other clients.
#[derive(Default)]
struct Met {
    took: Vec<Duration>,
    /// The maximum memory of the server.
    most: u64,
}

impl Met {
    /// Runs the clients for this time.
    async fn with(&mut self, place: &TlsServer, clients: &[Client], time: Duration) {
        let stop = Arc::new(AtomicBool::new(false));
        let asking: Vec<_> =
            clients.iter().map(|client| tokio::spawn(ask(client.clone(), Arc::clone(&stop)))).collect();
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.most = self.most.max(place.process.resident_bytes());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        stop.store(true, Ordering::Relaxed);
        for asking in asking {
            self.took.extend(asking.await.unwrap());
        }
    }

    /// Prints the figures and returns the p99.
    fn p99(&mut self, when: &str) -> Duration {
        self.took.sort();
        let at = |percent: usize| self.took[(self.took.len() - 1) * percent / 100];
        let (count, p50, p99, longest) = (self.took.len(), at(50), at(99), at(100));
        let most = self.most;
        println!(
            "hostile: {when}: {count} calls, p50 {p50:?}, p99 {p99:?}, longest {longest:?}; resident {most} at most"
        );
        p99
    }
}

/// Starts the peers. They run until the runtime is dropped.
fn set_on(way: &Way, connections: u64) -> Runtime {
    let lowest = || assert!(rustix::process::nice(19).is_ok());
    let threads = Builder::new_multi_thread().worker_threads(2).enable_all().on_thread_start(lowest).build().unwrap();
    let only = std::env::var("CPSS_HOSTILE_ONLY").unwrap_or_default();
    let is_chosen = |attack: &&Attack| only.is_empty() || only.split(',').any(|name| name == format!("{attack:?}"));
    let bomb = bomb();
    for attack in Attack::ALL.iter().filter(is_chosen).flat_map(|attack| [*attack; OF_A_KIND]) {
        threads.spawn(attack.go_on(way.clone(), bomb.clone()));
    }
    for _ in 0..connections {
        threads.spawn(half_open(way.clone()));
    }
    threads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_others_are_answered_and_memory_is_bounded() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
    let is_full = std::env::var_os("CPSS_HOSTILE_SECONDS").is_some();
    let seconds = Duration::from_secs(number("CPSS_HOSTILE_SECONDS", 3));
    let connections = number("CPSS_HOSTILE_CONNECTIONS", 500);
    let place = TlsServer::start();
    let mbits = u32::try_from(number("CPSS_HOSTILE_MBITS", 100)).unwrap();
    let way = Way::to(&place, mbits).await;
    let token = place.add_client_with_token("medicaid", "payer").await;
    let mut clients = Vec::new();
    for _ in 0..2 {
        clients.extend([place.client("registrar").await, place.unauthenticated().await.with_token(&token)]);
    }
    for client in &clients {
        client.ask(question()).await;
    }
    let turn = seconds.min(TURN);
    let (mut alone, mut quiet, mut during) = (Met::default(), Met::default(), Met::default());
    alone.with(&place, &clients, seconds / 2).await;
    let before = alone.most;
    let peers = set_on(&way, connections);
    let mut attacked = Duration::ZERO;
    while attacked < seconds {
        way.let_them(true);
        during.with(&place, &clients, turn).await;
        attacked += turn;
        way.let_them(false);
        tokio::time::sleep(SETTLED).await;
        quiet.with(&place, &clients, turn).await;
    }
    peers.shutdown_background();
    tokio::time::sleep(SETTLED).await;
    alone.with(&place, &clients, seconds / 2).await;
    let [alone, without, with] =
        [alone.p99("before and after"), quiet.p99("while they hold still"), during.p99("while they go on")];
    println!("hostile: {:?} by the peers", way.done);
    assert!(during.most < before + BOUND, "resident memory grew from {before} to {}", during.most);
    assert!(!is_full || with < 2 * without.min(alone), "p99 grew from {alone:?} and {without:?} to {with:?}");
    // Clients connected all the time are still connected, and new ones can connect.
    place.client("registrar").await.ask(question()).await;
    let said = place.process.log();
    assert!(!said.contains("panicked"), "{said}");
    place.process.stop();
}

mod floods;
mod http;
mod ops;
mod refusals;
mod unidentified;
mod unread;
