//! Estimates when the audit's share of the disk will be used up, at the rate of the last days.

use jiff::{SignedDuration, Timestamp};

use super::trail::{Closed, Span};

/// The period that determines the rate, and its minimum length.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);
const MIN_PERIOD: SignedDuration = SignedDuration::from_hours(1);

/// A packed file has this fraction (1/8) of its size.
const PACKED: u64 = 8;

/// A file with its size on disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sized {
    pub(super) span: Span,
    pub(super) bytes: u64,
    /// True if the file is not packed yet, and will shrink to an eighth.
    pub(super) is_plain: bool,
}

impl From<&Closed> for Sized {
    fn from(file: &Closed) -> Sized {
        Sized { span: file.span, bytes: file.bytes(), is_plain: file.plain_bytes.is_some() }
    }
}

impl Sized {
    fn packed(&self) -> u64 {
        if self.is_plain { self.bytes / PACKED } else { self.bytes }
    }
}

/// Returns the number of seconds until the files reach the limit. None: never, because old files are removed as fast as
/// new ones arrive.
pub(super) fn seconds_until_full(files: &[Sized], keep: SignedDuration, limit: u64, now: Timestamp) -> Option<u64> {
    let recent = files.iter().filter(|file| now.duration_since(file.span.last) <= RECENT);
    let since = recent.clone().map(|file| file.span.first).min()?;
    let seconds = u64::try_from(now.duration_since(since).max(MIN_PERIOD).as_secs()).ok()?;
    let bytes: u64 = recent.map(Sized::packed).sum();
    let after = |grow: u64| u64::try_from(u128::from(grow) * u128::from(seconds) / u128::from(bytes)).ok();
    let grown =
        |after: u64| u64::try_from(u128::from(bytes) * u128::from(after) / u128::from(seconds)).unwrap_or(u64::MAX);
    let mut left: u64 = files.iter().map(Sized::packed).sum();
    let mut going: Vec<_> = files
        .iter()
        .map(|file| {
            let goes = keep - now.duration_since(file.span.last);
            (u64::try_from(goes.as_secs()).unwrap_or(0), file.packed())
        })
        .collect();
    going.sort_unstable();
    // Lines that arrive from now on are removed after all of these.
    let last = (u64::try_from(keep.as_secs()).ok()?, 0);
    for (goes, packed) in going.into_iter().chain([last]) {
        if bytes > 0 && left.saturating_add(grown(goes)) >= limit {
            return after(limit.saturating_sub(left));
        }
        left = left.saturating_sub(packed);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600;
    const KEEP: SignedDuration = SignedDuration::from_hours(400 * 24);

    fn day(day: i64) -> Timestamp {
        Timestamp::from_second(day * 86_400).unwrap()
    }

    /// Creates one packed file for each of these days.
    fn files(days: std::ops::Range<i64>, bytes: u64) -> Vec<Sized> {
        let of = |at| Sized { span: Span::new(day(at), day(at + 1)), bytes, is_plain: false };
        days.map(of).collect()
    }

    #[test]
    fn the_share_is_used_up_when_growth_reaches_the_limit_before_old_files_are_removed() {
        let ten = files(0..10, 100);
        assert_eq!(seconds_until_full(&ten, KEEP, 2000, day(10)), Some(10 * DAY));
        assert_eq!(seconds_until_full(&ten, KEEP, 1000, day(10)), Some(0));
        assert_eq!(seconds_until_full(&ten, KEEP, 40_000, day(10)), Some(390 * DAY));
        assert_eq!(seconds_until_full(&ten, KEEP, 40_200, day(10)), None, "by then, as much is removed as arrives");
        assert_eq!(seconds_until_full(&files(0..400, 100), KEEP, 40_200, day(400)), None);
        assert_eq!(seconds_until_full(&[], KEEP, 1000, day(10)), None);
        assert_eq!(seconds_until_full(&ten, KEEP, 2000, day(30)), None, "no lines recently");
    }

    #[test]
    fn the_rate_is_that_of_the_last_days_and_plain_files_count_as_packed() {
        let mut growing = files(0..10, 100);
        growing.extend(files(10..17, 1000));
        assert_eq!(seconds_until_full(&growing, KEEP, 18_000, day(17)), Some(10_000 * 8 * DAY / 7100));
        growing.iter_mut().for_each(|file| (file.bytes, file.is_plain) = (file.bytes * 8, true));
        assert_eq!(seconds_until_full(&growing, KEEP, 18_000, day(17)), Some(10_000 * 8 * DAY / 7100));
        let burst = [Sized { span: Span::new(day(1), day(1)), bytes: 3600, is_plain: false }];
        assert_eq!(seconds_until_full(&burst, KEEP, 7200, day(1)), Some(3600), "the period is at least an hour");
    }
}
