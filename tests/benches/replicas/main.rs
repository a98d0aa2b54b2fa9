//! Registries that share a log in PostgreSQL, compared with what PostgreSQL does by itself, and with a log in files.
//!
//! `cargo bench --bench replicas`. It starts PostgreSQL with one synchronous standby, both with fsync, on this machine.
//! The registries are in this process, each with its own directory, session and writer.
//!
//! `CPSS_BENCH_SECONDS` is the time of each subject in a round, `CPSS_BENCH_ROUNDS` the number of rounds,
//! `CPSS_BENCH_RECORDS` the number of records that a new replica is filled with, and `CPSS_BENCH_ONLY` some of
//! `commits`, `questions`, `news` and `filling`. `CPSS_BENCH_DIR` selects the disk of the registries, `TMPDIR` that of
//! the servers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    dead_code,
    unused_imports,
    reason = "a benchmark says what it measures, fails by panicking, and uses parts of other tests"
)]
#![allow(missing_docs, unreachable_pub, reason = "a program, not a library")]

mod bare;
mod database;
mod filling;
#[path = "../commits/measured.rs"]
mod measured;
mod news;
mod questions;
#[path = "../commits/registry.rs"]
mod registry;
#[path = "../../postgresql/server/mod.rs"]
mod server;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::bare::Bare;
use self::database::Database;
use self::measured::{Measured, find, table};
use self::registry::Subject;

/// The allocator of the program, for all subjects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The numbers of concurrent clients.
const CLIENTS: [usize; 3] = [1, 8, 64];

/// The database of one replica, and that of three.
const ONE: &str = "one";
const THREE: &str = "three";

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect(name))
}

fn main() {
    let directory = std::env::var("CPSS_BENCH_DIR").map_or_else(|_| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    let only = std::env::var("CPSS_BENCH_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let scratch = tempfile::tempdir_in(&directory).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    println!("load {}", load());
    runtime.block_on(async {
        let database = Database::start().await;
        if ["commits", "questions", "news"].into_iter().any(wanted) {
            run(scratch.path(), &database, &wanted).await;
        }
        if wanted("filling") {
            filling::run(&scratch.path().join("filling"), &database, setting("CPSS_BENCH_RECORDS", 1_000_000)).await;
        }
    });
    println!("load {}", load());
}

async fn run(scratch: &Path, database: &Database, wanted: &dyn Fn(&str) -> bool) {
    let [commits, questions, news] = ["commits", "questions", "news"].map(wanted);
    let duration = Duration::from_secs(setting("CPSS_BENCH_SECONDS", 3));
    let rounds = setting("CPSS_BENCH_ROUNDS", 3);
    let files = Subject::open(&scratch.join("files")).await;
    let [one, mut three] = [begin(scratch, database, ONE).await, begin(scratch, database, THREE).await];
    for name in ["b", "c"] {
        three.add(database.join(THREE, &scratch.join(THREE), name).await).await;
    }
    // Also the warm-up, and the source of the bytes.
    one.run(64, Duration::from_secs(1)).await;
    three.run(64, Duration::from_secs(1)).await;
    let bare = Bare::start(database, ONE).await;
    let mut measured: Vec<Measured> = Vec::new();
    for _ in 0..if commits { rounds } else { 0 } {
        for clients in CLIENTS {
            Measured::add(&mut measured, "file log", clients, files.run(clients, duration).await);
            Measured::add(&mut measured, "bare insert", clients, bare.run(clients, duration).await);
            Measured::add(&mut measured, "one replica", clients, one.run(clients, duration).await);
            Measured::add(&mut measured, "three replicas", clients, three.run(clients, duration).await);
        }
    }
    if commits {
        report(&measured, rounds, duration);
    }
    if questions {
        questions::run(&files.caller().registries[0], &one.caller().registries[0]).await;
    }
    if news {
        let peak = find(&measured, "three replicas", 64).map_or(3000.0, |measured| measured.rate().0);
        news::run(database, THREE, three.caller(), peak / 10.0, rounds, duration).await;
    }
    for subject in [files, one, three] {
        subject.close().await;
    }
}

/// A log with its first replica.
async fn begin(scratch: &Path, database: &Database, log: &str) -> Subject {
    database.begin(log).await;
    Subject::begin(database.join(log, &scratch.join(log), "a").await).await
}

fn report(measured: &[Measured], rounds: u64, duration: Duration) {
    println!("{rounds} rounds of {} s each", duration.as_secs());
    table(measured);
    for (subject, mark) in [("one replica", 0.7), ("three replicas", 0.2)] {
        for clients in CLIENTS {
            if let (Some(ours), Some(bare)) = (find(measured, subject, clients), find(measured, "bare insert", clients))
            {
                let mark = if clients == 64 { format!(" (mark: {mark})") } else { String::new() };
                println!("{subject} / bare insert, {clients} clients: {:.2}{mark}", ours.rate().0 / bare.rate().0);
            }
        }
    }
}

/// The load average of the machine.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}
