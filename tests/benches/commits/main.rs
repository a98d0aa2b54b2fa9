//! Durable commits, compared on one disk: a bare log with group commit, the registry's writer, and etcd. Then what a
//! command costs a registry of `CPSS_SPECIALISTS` people, and one about a person of `CPSS_FACTS` facts.
//!
//! `cargo bench --bench commits`. `CPSS_BENCH_DIR` selects the disk (default `target/tmp`), `CPSS_BENCH_SECONDS` the
//! time of each subject in a round, `CPSS_BENCH_ROUNDS` the number of rounds, and `CPSS_BENCH_ONLY` some of `bare`,
//! `registry`, `etcd` and `cost`. Every round runs all subjects in turn, so that variations of the disk affect all of
//! them. etcd is left out if it is not installed (Debian: etcd-server).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what it measures, and fails by panicking"
)]
#![allow(missing_docs, unreachable_pub, reason = "a program, not a library")]

mod bare;
mod cost;
mod etcd;
#[path = "../made.rs"]
mod made;
mod measured;
#[allow(dead_code, reason = "the benchmark of replicas uses more of it")]
mod registry;
mod threads;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::measured::{Measured, find, table};

/// The allocator of the program, for all subjects.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The numbers of concurrent writers.
const WRITERS: [usize; 4] = [1, 8, 64, 256];

fn setting(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().map_or(otherwise, |text| text.parse().expect(name))
}

fn main() {
    let directory = std::env::var("CPSS_BENCH_DIR").map_or_else(|_| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from);
    let duration = Duration::from_secs(setting("CPSS_BENCH_SECONDS", 3));
    let rounds = setting("CPSS_BENCH_ROUNDS", 3);
    let only = std::env::var("CPSS_BENCH_ONLY").unwrap_or_default();
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    let scratch = tempfile::tempdir_in(&directory).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    println!("on {}, {rounds} rounds of {} s each; load {}", directory.display(), duration.as_secs(), load());
    if ["bare", "registry", "etcd"].into_iter().any(&wanted) {
        report(&runtime.block_on(run(scratch.path(), duration, rounds, &wanted)));
    }
    if wanted("cost") {
        let facts = setting("CPSS_FACTS", 500).try_into().unwrap();
        runtime.block_on(cost::run(scratch.path(), setting("CPSS_SPECIALISTS", 2_000), facts, rounds, duration));
    }
    println!("load {}", load());
}

async fn run(scratch: &Path, duration: Duration, rounds: u64, wanted: &dyn Fn(&str) -> bool) -> Vec<Measured> {
    let bytes = bytes_of_a_record(scratch).await;
    println!("{bytes} bytes a record");
    let bare = bare::Subject::create(&scratch.join("bare"), bytes);
    let registry = registry::Subject::open(&scratch.join("registry")).await;
    let etcd = if wanted("etcd") { etcd::Subject::start(&scratch.join("etcd")).await } else { None };
    let mut measured: Vec<Measured> = Vec::new();
    for _ in 0..rounds {
        for writers in WRITERS {
            if wanted("bare") {
                Measured::add(&mut measured, "bare", writers, bare.run(writers, duration).await);
            }
            if wanted("registry") {
                let run = registry.run(writers, duration).await;
                Measured::add(&mut measured, "registry", writers, run);
            }
            if let Some(etcd) = &etcd {
                let run = etcd.run(writers, duration).await;
                Measured::add(&mut measured, "etcd", writers, run);
            }
        }
    }
    bare.close();
    registry.close().await;
    measured
}

/// The bytes of the log that one of the registry's records takes, if each is in a frame of its own.
async fn bytes_of_a_record(scratch: &Path) -> usize {
    let begun = log_after(&scratch.join("begun"), Duration::ZERO).await;
    let written = log_after(&scratch.join("written"), Duration::from_millis(300)).await;
    usize::try_from((written.0 - begun.0) / (written.1 - begun.1)).unwrap()
}

/// The bytes of the log of a new registry after one writer has reported for a while, and its records.
async fn log_after(directory: &Path, duration: Duration) -> (u64, u64) {
    let registry = registry::Subject::open(directory).await;
    registry.run(1, duration).await;
    let records = registry.caller().registries[0].head_revision().0;
    registry.close().await;
    let segments = std::fs::read_dir(directory.join("log")).unwrap().map(|file| file.unwrap().path());
    let segments = segments.filter(|path| path.extension().is_some_and(|name| name == "log"));
    // After the last frame there are zeros, as far as space is preallocated.
    let used =
        |path| std::fs::read(path).unwrap().iter().rposition(|byte| *byte != 0).map_or(0, |last| last as u64 + 1);
    (segments.map(used).sum(), records)
}

/// The load average of the machine.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Prints all measurements, and the ratios that have a target.
fn report(all: &[Measured]) {
    table(all);
    for subject in ["bare", "etcd"] {
        for writers in WRITERS {
            if let (Some(ours), Some(other)) = (find(all, "registry", writers), find(all, subject, writers)) {
                println!("registry / {subject}, {writers} writers: {:.2}", ours.rate().0 / other.rate().0);
            }
        }
    }
}
