//! Runs many histories side by side.

use std::num::NonZero;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use super::checks::Violation;

/// Returns the first seed whose history is found in violation.
pub fn first_violation(
    seeds: Range<u64>,
    violation: impl Fn(u64) -> Option<Violation> + Sync,
) -> Option<(u64, Violation)> {
    let (next, end) = (AtomicU64::new(seeds.start), AtomicU64::new(seeds.end));
    let found = Mutex::new(None::<(u64, Violation)>);
    let look = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end.load(Ordering::Relaxed) {
                return;
            }
            if let Some(violation) = violation(seed) {
                let mut found = found.lock().unwrap();
                if found.as_ref().is_none_or(|(first, _)| seed < *first) {
                    *found = Some((seed, violation));
                    end.fetch_min(seed, Ordering::Relaxed);
                }
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(look))));
    found.into_inner().unwrap()
}
