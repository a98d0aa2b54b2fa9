//! How long to wait after failures in a row: from a second, twice as long each time, up to an hour.

use std::time::Duration;

/// The wait after the first failure.
pub(super) const FIRST: Duration = Duration::from_secs(1);

/// The longest wait for a receiver.
const LONGEST: Duration = Duration::from_secs(3600);

/// The longest wait after a refusal of the registry itself.
pub(super) const LONGEST_HERE: Duration = Duration::from_secs(60);

/// The wait after this many failures in a row, at least one. `random` shortens it by up to a half, so that receivers
/// that failed together are not all tried together.
pub(super) fn wait(failures: u32, random: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(12);
    let longest = (FIRST * (1 << doublings)).min(LONGEST);
    longest.mul_f64(0.5 + 0.5 * f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_from_a_second_to_an_hour_and_differ_by_up_to_a_half() {
        let longest = |failures| wait(failures, u32::MAX).as_secs();
        assert_eq!([1, 2, 3, 4, 11, 12, 13, 1000, u32::MAX].map(longest), [1, 2, 4, 8, 1024, 2048, 3600, 3600, 3600]);
        assert_eq!(wait(1, 0), Duration::from_millis(500));
        assert_eq!(wait(13, 0), Duration::from_secs(1800));
    }
}
