//! How a replica stands with the log that it shares: when it last knew that it had every record, and what is wrong.
//!
//! The writer of the log notes it. Everyone else may read it, on any thread and without waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use super::AppendError;
use super::trouble::{Cause, Trouble};
use crate::domain::id::Revision;
use crate::store::incident::Incident;

/// The value of an instant or a clock that is not known. It is no time of a clock.
const UNSET: i64 = i64::MIN;

/// How a replica stands with the shared log.
#[derive(Debug)]
pub struct LogStatus {
    /// Instants are counted from here, in microseconds.
    begun: Instant,
    confirmed_at: AtomicI64,
    trouble: ArcSwapOption<Trouble>,
    troubles: Incident,
    /// What the clock of the shared log showed when this began, in microseconds since 1970.
    clock: AtomicI64,
    head: AtomicU64,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    appends_lost: AtomicU64,
    doubts: AtomicU64,
    doubts_resolved: AtomicU64,
    barriers: AtomicU64,
    followed: AtomicU64,
}

/// What a replica has counted and measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// The appends that were too late, because another replica appended first.
    pub appends_lost: u64,
    /// The appends whose outcome was not known at first.
    pub doubts: u64,
    /// Those of them that were found out about.
    pub doubts_resolved: u64,
    /// The times that the head was read durably.
    pub barriers: u64,
    /// The records of other replicas that were followed.
    pub followed: u64,
    /// The last record of the log, as it was last read.
    pub head: Revision,
}

impl Default for LogStatus {
    fn default() -> LogStatus {
        LogStatus {
            begun: Instant::now(),
            confirmed_at: AtomicI64::new(UNSET),
            trouble: ArcSwapOption::empty(),
            troubles: Incident::new(),
            clock: AtomicI64::new(UNSET),
            head: AtomicU64::default(),
            counts: Counts::default(),
        }
    }
}

impl LogStatus {
    /// How long ago this process last had every record that was in the log. `None` if that was never known.
    pub fn age(&self) -> Option<Duration> {
        let confirmed_at = self.confirmed_at.load(Ordering::Acquire);
        let age = self.micros(Instant::now()).saturating_sub(confirmed_at);
        (confirmed_at != UNSET).then(|| Duration::from_micros(u64::try_from(age).unwrap_or(0)))
    }

    /// What is wrong now, if anything is.
    pub fn trouble(&self) -> Option<Arc<Trouble>> {
        self.trouble.load_full()
    }

    /// The last record that this replica and the log are known to have in common, if the log was restored.
    pub fn last_shared(&self) -> Option<Revision> {
        match self.trouble.load().as_ref()?.cause {
            Cause::Lost { last_shared, .. } => Some(last_shared),
            _ => None,
        }
    }

    /// What the clock of the shared log shows now. `None` if it was never read.
    pub fn clock(&self) -> Option<Timestamp> {
        let clock = Some(self.clock.load(Ordering::Acquire)).filter(|clock| *clock != UNSET)?;
        Timestamp::from_microsecond(clock.saturating_add(self.micros(Instant::now()))).ok()
    }

    /// What was counted.
    pub fn readings(&self) -> Readings {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let Counts { appends_lost, doubts, doubts_resolved, barriers, followed } = &self.counts;
        Readings {
            appends_lost: read(appends_lost),
            doubts: read(doubts),
            doubts_resolved: read(doubts_resolved),
            barriers: read(barriers),
            followed: read(followed),
            head: Revision(read(&self.head)),
        }
    }

    /// Notes that every record that was in the log at an instant is published.
    pub fn confirm(&self, at: Instant) {
        self.confirmed_at.fetch_max(self.micros(at), Ordering::AcqRel);
    }

    /// Notes that the database did what it was asked to. What the disk of this replica refused is another matter.
    pub fn note_success(&self) {
        self.end_trouble(|cause| !matches!(cause, Cause::NotCopied { .. }));
    }

    /// Notes that the database has everything that this replica knows.
    pub fn note_nothing_lost(&self) {
        self.end_trouble(|cause| matches!(cause, Cause::Lost { .. }));
    }

    /// Notes that the copy has every record that is confirmed.
    pub fn note_copied(&self) {
        self.end_trouble(|cause| matches!(cause, Cause::NotCopied { .. }));
    }

    fn end_trouble(&self, is_over: impl FnOnce(&Cause) -> bool) {
        if !self.trouble.load().as_ref().is_some_and(|now| is_over(&now.cause)) {
            return;
        }
        if let Some(ended) = self.trouble.swap(None) {
            self.troubles.resolve();
            let (cause, seconds) = (ended.cause.name(), ended.since.elapsed().as_secs());
            tracing::info!(event = "log_trouble_over", cause, seconds, "this trouble with the shared log is over");
        }
    }

    /// Notes what an error says about the database. A new cause is logged at once, and a lasting one every minute.
    pub fn note_failure(&self, error: &AppendError) {
        let now = self.trouble.load_full();
        let cause = match Cause::of(error) {
            Some(cause) => cause,
            None if matches!(error, AppendError::InDoubt) && now.is_none() => {
                Cause::Unreachable { why: error.to_string() }
            }
            None => return,
        };
        let since = match &now {
            // A loss stands until the database shows otherwise, not until it is silent.
            Some(now) if now.cause.is_final() && !cause.is_final() => return,
            Some(now) if now.cause.name() == cause.name() => now.since,
            _ => Instant::now(),
        };
        let text = match cause {
            // The difference is never quite the same.
            Cause::ClockSkewed { .. } => cause.name().to_owned(),
            _ => cause.to_string(),
        };
        if self.troubles.occurred_for(&text).is_some() {
            cause.warn();
        }
        self.trouble.store(Some(Arc::new(Trouble { cause, since })));
    }

    /// Notes what a barrier read that was sent at an instant, and is answered now.
    pub fn note_barrier(&self, head: Revision, clock: Timestamp, sent_at: Instant) {
        let now = Instant::now();
        // The clock was read somewhere in between.
        let read_at = self.micros(sent_at + now.duration_since(sent_at) / 2);
        self.clock.store(clock.as_microsecond().saturating_sub(read_at), Ordering::Release);
        self.head.fetch_max(head.0, Ordering::Relaxed);
        self.counts.barriers.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an append that was too late.
    pub fn note_append_lost(&self) {
        self.counts.appends_lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an append whose outcome is not known yet.
    pub fn note_doubt(&self) {
        self.counts.doubts.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts an append whose outcome was found out.
    pub fn note_doubt_resolved(&self) {
        self.counts.doubts_resolved.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts records of others that were followed.
    pub fn note_followed(&self, records: usize) {
        self.counts.followed.fetch_add(records as u64, Ordering::Relaxed);
    }

    /// An instant in microseconds since this began; negative before.
    fn micros(&self, at: Instant) -> i64 {
        let after = || i64::try_from(at.checked_duration_since(self.begun)?.as_micros()).ok();
        let before = || i64::try_from(self.begun.duration_since(at).as_micros()).map(|micros| -micros).ok();
        after().or_else(before).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn unreachable(why: &str) -> AppendError {
        AppendError::Unreachable(why.into())
    }

    #[test]
    fn the_age_is_that_of_the_latest_confirmation() {
        let status = LogStatus::default();
        assert_eq!(status.age(), None, "nothing was confirmed since the start");
        let now = Instant::now();
        status.confirm(now - Duration::from_secs(7));
        status.confirm(now - Duration::from_secs(9));
        let age = status.age().unwrap();
        assert!(age > Duration::from_millis(6_999) && age < Duration::from_secs(8), "{age:?}");
    }

    #[test]
    fn a_cause_lasts_until_the_database_does_something_and_another_one_takes_its_place() {
        let status = LogStatus::default();
        status.note_failure(&AppendError::DiskFull);
        status.note_failure(&AppendError::ClockSkewed { by: SignedDuration::from_secs(3) });
        assert_eq!(status.trouble(), None, "the database has nothing to do with it");
        status.note_failure(&unreachable("gone"));
        let first = status.trouble().unwrap();
        status.note_failure(&AppendError::InDoubt);
        assert_eq!(status.trouble().as_ref(), Some(&first), "the cause is known");
        status.note_failure(&unreachable("refused"));
        let second = status.trouble().unwrap();
        assert_eq!((second.since, second.cause.to_string().contains("refused")), (first.since, true));
        let [ours, head, last_shared] = [7, 5, 4].map(Revision);
        status.note_failure(&AppendError::Lost { ours, head, last_shared });
        assert_eq!((status.trouble().unwrap().cause.name(), status.last_shared()), ("diverged", Some(last_shared)));
        status.note_failure(&unreachable("gone"));
        assert_eq!(status.last_shared(), Some(last_shared), "a loss is not forgotten because the database is away");
        status.note_success();
        assert_eq!((status.trouble(), status.last_shared()), (None, None));
        status.note_failure(&AppendError::InDoubt);
        assert_eq!(status.trouble().unwrap().cause.name(), "unreachable", "no other cause is known");
    }

    #[test]
    fn the_clock_of_the_database_goes_on_between_barriers() {
        let status = LogStatus::default();
        assert_eq!(status.clock(), None);
        let clock: Timestamp = "2026-03-02T18:00:00Z".parse().unwrap();
        status.note_barrier(Revision(9), clock, Instant::now() - Duration::from_secs(4));
        let shown = status.clock().unwrap().duration_since(clock);
        assert!(shown >= SignedDuration::from_secs(2) && shown < SignedDuration::from_secs(3), "{shown:?}");
        assert_eq!((status.readings().head, status.readings().barriers), (Revision(9), 1));
    }
}
