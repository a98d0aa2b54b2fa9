//! Durable commits, compared on one disk: a bare append with fdatasync, the registry's writer, and etcd.
//!
//! `cargo bench --bench commits`. `CPSS_BENCH_DIR` selects the disk (default `target/tmp`), `CPSS_BENCH_SECONDS` the
//! time of each subject in a round, `CPSS_BENCH_ROUNDS` the number of rounds, and `CPSS_BENCH_ONLY` some of `bare`,
//! `registry` and `etcd`. Every round runs all subjects in turn, so that variations of the disk affect all of them.
//! etcd is left out if it is not installed (Debian: etcd-server).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark says what it measures, and fails by panicking"
)]
#![allow(missing_docs, unreachable_pub, reason = "a program, not a library")]

mod bare;
mod etcd;
mod measured;
#[allow(dead_code, reason = "the benchmark of replicas uses more of it")]
mod registry;

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
    let measured = runtime.block_on(run(scratch.path(), duration, rounds, &wanted));
    report(&measured);
    println!("load {}", load());
}

async fn run(scratch: &Path, duration: Duration, rounds: u64, wanted: &dyn Fn(&str) -> bool) -> Vec<Measured> {
    let registry = registry::Subject::open(&scratch.join("registry")).await;
    let etcd = if wanted("etcd") { etcd::Subject::start(&scratch.join("etcd")).await } else { None };
    let mut measured: Vec<Measured> = Vec::new();
    for round in 0..rounds {
        if wanted("bare") {
            let run = bare::run(&scratch.join(format!("bare-{round}")), duration);
            Measured::add(&mut measured, "bare append", 1, run);
        }
        for writers in WRITERS {
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
    registry.close().await;
    measured
}

/// The load average of the machine.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned()
}

/// Prints all measurements, and the ratios that have a target.
fn report(all: &[Measured]) {
    table(all);
    if let (Some(ours), Some(bare)) = (find(all, "registry", 1), find(all, "bare append", 1)) {
        println!("registry p50, 1 writer / bare append p50: {:.2} (mark: 1.5)", ours.latency(500) / bare.latency(500));
    }
    if let Some(ours) = find(all, "registry", 64) {
        println!("registry, 64 writers: {:.0} commits/s (mark: 20000)", ours.rate().0);
    }
    for (writers, etcd) in WRITERS.iter().filter_map(|writers| find(all, "etcd", *writers).map(|etcd| (*writers, etcd)))
    {
        if let Some(ours) = find(all, "registry", writers) {
            println!("registry / etcd, {writers} writers: {:.2}", ours.rate().0 / etcd.rate().0);
        }
    }
}
