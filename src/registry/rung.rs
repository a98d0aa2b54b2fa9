//! What a replica of a shared log answers, by how it stands with the log. Other processes do not change what it knows
//! up to a revision, so only questions at the head depend on it.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::errors::PinError;
use super::handle::Registry;
use super::shared::Shared;
use super::snapshot::Snapshot;
use crate::domain::id::Revision;
use crate::store::log::status::{LogStatus, Readings};
use crate::store::log::trouble::{Cause, Trouble};

/// How old the last confirmation of the head may be without anything being wrong.
const USUAL: Duration = Duration::from_secs(5);

/// Why questions at the head are answered, or are not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rung {
    /// The replica had every record a moment ago, or shares its log with nobody.
    Current,
    /// The replica had every record this long ago. It still answers.
    Late(Duration),
    /// That was too long ago, or was never known since the start. It does not answer.
    Stale(Option<Duration>),
    /// The shared log does not contain what the replica knows, or is damaged. It does not answer.
    Broken(Arc<Trouble>),
}

impl Rung {
    /// True if questions at the head are answered.
    pub fn answers(&self) -> bool {
        matches!(self, Rung::Current | Rung::Late(_))
    }
}

impl Display for Rung {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Rung::Current => f.write_str("every record is known"),
            Rung::Late(age) => write!(f, "every record was known {} s ago, and answers may be that old", age.as_secs()),
            Rung::Stale(Some(age)) => {
                write!(f, "every record was last known {} s ago, which is too long for answers", age.as_secs())
            }
            Rung::Stale(None) => f.write_str("the shared log was not reached since the start"),
            Rung::Broken(trouble) => trouble.fmt(f),
        }
    }
}

/// How a replica stands with the shared log.
#[derive(Clone, Debug)]
pub struct LogReport {
    /// How long ago the replica last had every record. `None` if that was never known since the start.
    pub age: Option<Duration>,
    /// Why the log takes no writes, if so.
    pub trouble: Option<Arc<Trouble>>,
    /// How far the clock is ahead of the log's; negative if it is behind. `None` if it was never compared.
    pub clock_ahead: Option<SignedDuration>,
    /// The number of records that the replica knows to be in the log, and has not published.
    pub lag: u64,
    /// What was counted.
    pub readings: Readings,
}

impl Shared {
    /// What is wrong with the shared log, if anything is.
    pub(super) fn trouble(&self) -> Option<Arc<Trouble>> {
        self.log_status.as_ref()?.trouble()
    }

    /// Refuses a revision that a restored log may not contain.
    pub(super) fn require_kept(&self, revision: Revision) -> Result<(), PinError> {
        if self.kept(revision) == revision { Ok(()) } else { Err(self.log_unavailable()) }
    }

    /// A revision, or the last one before it that a restored log surely contains.
    pub(super) fn kept(&self, revision: Revision) -> Revision {
        let last_shared = self.log_status.as_ref().and_then(|status| status.last_shared());
        last_shared.map_or(revision, |last_shared| revision.min(last_shared))
    }

    /// The error for a question that needs the shared log.
    pub(super) fn log_unavailable(&self) -> PinError {
        PinError::Log(self.trouble())
    }
}

impl Snapshot {
    /// Refuses to answer from a revision that a restored log may not contain.
    pub fn require_kept(&self) -> Result<(), PinError> {
        self.shared.require_kept(self.revision)
    }
}

impl Registry {
    /// Answers questions at the head for this long after the last time that every record was known.
    pub fn serving_stale_for(self, serve_stale_for: Duration) -> Registry {
        Registry { serve_stale_for, ..self }
    }

    /// Whether questions at the head are answered, and why.
    pub fn rung(&self) -> Rung {
        self.shared.log_status.as_ref().map_or(Rung::Current, |status| self.rung_of(status))
    }

    fn rung_of(&self, status: &LogStatus) -> Rung {
        if let Some(trouble) = status.trouble()
            && trouble.cause.is_final()
        {
            return Rung::Broken(trouble);
        }
        match status.age() {
            Some(age) if age <= USUAL.min(self.serve_stale_for) => Rung::Current,
            Some(age) if age <= self.serve_stale_for => Rung::Late(age),
            age => Rung::Stale(age),
        }
    }

    /// Refuses a question at the head if what is known may be too old.
    pub fn require_current(&self) -> Result<(), PinError> {
        self.head_confirmed_at().map(drop)
    }

    /// The last instant at which every record was known, if the log is shared. Refuses one that is too long ago.
    pub(super) fn head_confirmed_at(&self) -> Result<Option<Timestamp>, PinError> {
        let Some(status) = &self.shared.log_status else { return Ok(None) };
        match self.rung_of(status) {
            Rung::Current | Rung::Late(_) => {
                let now = self.shared.clock.now();
                let age = status.age().and_then(|age| SignedDuration::try_from(age).ok());
                Ok(age.and_then(|age| now.checked_sub(age).ok()))
            }
            Rung::Stale(age) => Err(PinError::Stale { age }),
            Rung::Broken(trouble) => Err(PinError::Log(Some(trouble))),
        }
    }

    /// How this replica stands with the shared log. `None` if it shares its log with nobody.
    pub fn log_report(&self) -> Option<LogReport> {
        let status = self.shared.log_status.as_ref()?;
        let (readings, trouble) = (status.readings(), status.trouble());
        let clock_ahead = match trouble.as_ref().map(|trouble| &trouble.cause) {
            // The database was refused for it, so its clock is not read any more, and may never have been.
            Some(Cause::ClockSkewed { ahead }) => Some(*ahead),
            _ => status.clock().map(|clock| self.shared.clock.now().duration_since(clock)),
        };
        Some(LogReport {
            age: status.age(),
            trouble,
            clock_ahead,
            lag: readings.head.0.saturating_sub(self.head_revision().0),
            readings,
        })
    }
}
