//! External input is read without a panic, and without allocating more than its size justifies.
//!
//! Everything that the registry reads but did not write, or that a disk may have changed, is generated and mutated
//! here: messages of the contract, encoded and as JSON, segments of the log, stored records, the list of clients, the
//! configuration, rule sets, certificates.
//!
//! `CPSS_FUZZ_SECONDS=60` runs each for a minute; `CPSS_FUZZ_SEED` sets the seed. A failure is printed with its bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test says what it found, and fails by panicking"
)]

mod files;
mod json;
mod messages;
mod mutate;
mod stored;
mod wire;
#[cfg(feature = "workbooks")]
#[path = "../it/lists/workbook.rs"]
#[allow(dead_code, reason = "the integration tests use all of it")]
mod workbook;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Allocations are counted for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The allocation allowed for any input, however short.
const BASE: usize = 256 * 1024;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Every test holds this lock while it runs.
fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Generates and reads inputs repeatedly. Reading may allocate `factor` times the length of the input.
fn again_and_again(what: &str, factor: usize, mut make: impl FnMut(&mut Rng) -> Vec<u8>, mut read: impl FnMut(&[u8])) {
    // A backtrace would be counted: it takes 80 MB to make one.
    std::panic::set_hook(Box::new(|panic| eprintln!("{panic}")));
    let time = Duration::from_secs(number("CPSS_FUZZ_SECONDS", 1));
    let mut random = Rng::with_seed(number("CPSS_FUZZ_SEED", 7));
    let (began, mut inputs, mut worst) = (Instant::now(), 0_u64, 0.0_f64);
    while began.elapsed() < time {
        let input = make(&mut random);
        ALLOCATED.reset_peak_usage();
        let before = ALLOCATED.current_usage();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(&input)));
        let allocated = ALLOCATED.peak_usage().saturating_sub(before);
        let shown = || input.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(outcome.is_ok(), "{what}: it panics on {}", shown());
        let most = BASE + factor * input.len();
        assert!(allocated <= most, "{what}: {allocated} bytes for {} of input: {}", input.len(), shown());
        if input.len() >= 1024 {
            #[expect(clippy::cast_precision_loss, reason = "a figure to be printed")]
            let times = allocated as f64 / input.len() as f64;
            worst = worst.max(times);
        }
        inputs += 1;
    }
    println!(
        "untrusted: {what}: {inputs} inputs; at most {worst:.1} bytes allocated for one of an input of 1 KiB or more"
    );
}
