//! How a replica stands with the log that it shares: when it last knew that it had every record, and what is wrong.
//!
//! The writer of the log notes it. Everyone else may read it, on any thread and without waiting.

use std::error::Error;
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::{SignedDuration, Timestamp};

use super::AppendError;
use super::replicated::statements::{APART, Ahead};
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

/// Why the shared log does not take a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The cause.
    pub cause: Cause,
    /// Since when it is the cause.
    pub since: Instant,
}

/// The cause of trouble with a shared log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The database that keeps the log does not do what it is asked to.
    #[error("the shared log cannot be reached: {why}")]
    Unreachable {
        /// What it says.
        why: String,
    },
    /// The database was started or restored, and some replicas have not compared it with what they know.
    #[error("the database was started or restored, and these replicas have not looked at it yet: {}", waiting_for.join(", "))]
    NotOpened {
        /// The replicas.
        waiting_for: Vec<String>,
    },
    /// The shared log does not contain what this replica knows was acknowledged.
    #[error(
        "the shared log was restored: it ends with revision {head}, and does not contain the records up to {ours} that \
         this replica has; both are known to have the records up to {last_shared}"
    )]
    Lost {
        /// The last record that the replica knows.
        ours: Revision,
        /// The head of the log.
        head: Revision,
        /// The last record that both are known to have.
        last_shared: Revision,
    },
    /// The clocks of this machine and of the database are too far apart.
    #[error(
        "the clock of this machine is {} the clock of the shared log: correct the one that is wrong", Ahead(*ahead)
    )]
    ClockSkewed {
        /// How far this machine's clock is ahead; negative if it is behind.
        ahead: SignedDuration,
    },
    /// What the database acknowledges is not durable.
    #[error("what the shared log acknowledges is not durable: {why}")]
    DurabilityReduced {
        /// What is missing.
        why: String,
    },
    /// The database contains what its rules forbid.
    #[error("the shared log is damaged: {why}")]
    Damaged {
        /// What it says.
        why: String,
    },
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

impl Cause {
    /// The cause behind an error; `None` if there is no trouble, or if it is not known what became of a batch.
    fn of(error: &AppendError) -> Option<Cause> {
        match error {
            AppendError::Unreachable(source) => Some(Cause::Unreachable { why: chain(&**source) }),
            AppendError::NotOpened { waiting_for } => Some(Cause::NotOpened { waiting_for: waiting_for.clone() }),
            AppendError::Lost { ours, head, last_shared } => {
                Some(Cause::Lost { ours: *ours, head: *head, last_shared: *last_shared })
            }
            AppendError::ClocksApart { ahead } => Some(Cause::ClockSkewed { ahead: *ahead }),
            AppendError::ClockSkewed { by } if by.abs() > APART => Some(Cause::ClockSkewed { ahead: *by }),
            AppendError::DurabilityReduced(source) => Some(Cause::DurabilityReduced { why: chain(&**source) }),
            AppendError::Damaged(source) => Some(Cause::Damaged { why: chain(&**source) }),
            _ => None,
        }
    }

    /// True if nothing that the replica knows beyond the last shared record can be relied on.
    pub fn is_final(&self) -> bool {
        matches!(self, Cause::Lost { .. } | Cause::Damaged { .. })
    }

    /// The name of the cause, for metrics and logs.
    pub fn name(&self) -> &'static str {
        match self {
            Cause::Unreachable { .. } => "unreachable",
            Cause::NotOpened { .. } => "not_opened",
            Cause::Lost { .. } => "diverged",
            Cause::ClockSkewed { .. } => "clock_skewed",
            Cause::DurabilityReduced { .. } => "durability_reduced",
            Cause::Damaged { .. } => "damaged",
        }
    }
}

impl Trouble {
    /// The trouble that the log cannot be reached any more.
    pub fn unreachable(why: &dyn Display) -> Trouble {
        Trouble { cause: Cause::Unreachable { why: why.to_string() }, since: Instant::now() }
    }

    /// The trouble that an error of an append shows; `None` if it shows none.
    pub fn of(error: &AppendError) -> Option<Trouble> {
        Cause::of(error).map(|cause| Trouble { cause, since: Instant::now() })
    }
}

impl Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.cause.fmt(f)
    }
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

    /// Notes that the database did what it was asked to.
    pub fn note_success(&self) {
        if self.trouble.load().is_none() {
            return;
        }
        if let Some(ended) = self.trouble.swap(None) {
            self.troubles.resolve();
            let (cause, seconds) = (ended.cause.name(), ended.since.elapsed().as_secs());
            tracing::info!(event = "log_trouble_over", cause, seconds, "the shared log takes writes again");
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
            warn(&cause);
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

fn warn(cause: &Cause) {
    let name = cause.name();
    if cause.is_final() {
        tracing::error!(event = "log_trouble", cause = name, "writes are refused: {cause}");
    } else {
        tracing::warn!(event = "log_trouble", cause = name, "writes are refused: {cause}");
    }
}

/// The text of an error and of its causes.
fn chain(error: &(dyn Error + Send + Sync + 'static)) -> String {
    let mut texts = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        texts.push(error.to_string());
        source = error.source();
    }
    texts.dedup();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
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
        assert!(age >= Duration::from_secs(7) && age < Duration::from_secs(8), "{age:?}");
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
