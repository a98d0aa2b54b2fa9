//! When the audit's share of the disk is used up, if lines come as in the last days.

use jiff::{SignedDuration, Timestamp};

use super::trail::{Closed, Span};

/// The days that tell how fast lines come, and how little of them is enough.
const RECENT: SignedDuration = SignedDuration::from_hours(7 * 24);
const ENOUGH: SignedDuration = SignedDuration::from_hours(1);

/// What is left of a file once it is packed: a part of this many.
const PACKED: u64 = 8;

/// A file, and what it takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sized {
    pub(super) span: Span,
    pub(super) bytes: u64,
    /// Whether it will take an eighth of that.
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

/// After how many seconds the files reach the limit. None: they never do, since old ones go as fast as new ones come.
pub(super) fn seconds_until_full(files: &[Sized], keep: SignedDuration, limit: u64, now: Timestamp) -> Option<u64> {
    let recent = files.iter().filter(|file| now.duration_since(file.span.last) <= RECENT);
    let since = recent.clone().map(|file| file.span.first).min()?;
    let seconds = u64::try_from(now.duration_since(since).max(ENOUGH).as_secs()).ok()?;
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
    // What comes from now on goes when all of these have gone.
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

    /// A packed file of each of these days.
    fn files(days: std::ops::Range<i64>, bytes: u64) -> Vec<Sized> {
        let of = |at| Sized { span: Span::new(day(at), day(at + 1)), bytes, is_plain: false };
        days.map(of).collect()
    }

    #[test]
    fn a_share_is_used_up_when_growth_meets_the_limit_before_old_files_go() {
        let ten = files(0..10, 100);
        assert_eq!(seconds_until_full(&ten, KEEP, 2000, day(10)), Some(10 * DAY));
        assert_eq!(seconds_until_full(&ten, KEEP, 1000, day(10)), Some(0));
        assert_eq!(seconds_until_full(&ten, KEEP, 40_000, day(10)), Some(390 * DAY));
        assert_eq!(seconds_until_full(&ten, KEEP, 40_200, day(10)), None, "then as much goes as comes");
        assert_eq!(seconds_until_full(&files(0..400, 100), KEEP, 40_200, day(400)), None);
        assert_eq!(seconds_until_full(&[], KEEP, 1000, day(10)), None);
        assert_eq!(seconds_until_full(&ten, KEEP, 2000, day(30)), None, "nothing came of late");
    }

    #[test]
    fn the_rate_is_that_of_the_last_days_and_plain_files_count_as_packed_ones() {
        let mut growing = files(0..10, 100);
        growing.extend(files(10..17, 1000));
        assert_eq!(seconds_until_full(&growing, KEEP, 18_000, day(17)), Some(10_000 * 8 * DAY / 7100));
        growing.iter_mut().for_each(|file| (file.bytes, file.is_plain) = (file.bytes * 8, true));
        assert_eq!(seconds_until_full(&growing, KEEP, 18_000, day(17)), Some(10_000 * 8 * DAY / 7100));
        let burst = [Sized { span: Span::new(day(1), day(1)), bytes: 3600, is_plain: false }];
        assert_eq!(seconds_until_full(&burst, KEEP, 7200, day(1)), Some(3600), "a minute is no rate");
    }
}
