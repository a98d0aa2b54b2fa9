//! Why a shared log does not take a write, or why a replica does not get its records.

use std::error::Error;
use std::fmt::Display;
use std::time::Instant;

use jiff::SignedDuration;

use super::AppendError;
use super::replicated::statements::{APART, Ahead};
use crate::domain::id::Revision;

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
    #[error(
        "the database was started or restored, and these replicas have not looked at it yet: {}; start each that does \
         not run, or, if it is gone for good, have it forgotten with `cpss-registry replica forget NAME` \
         (deploy/docs/postgresql.md)",
        waiting_for.join(", ")
    )]
    NotOpened {
        /// The replicas.
        waiting_for: Vec<String>,
    },
    /// The shared log does not contain what this replica knows was acknowledged.
    #[error(
        "the shared log was restored: it ends with revision {head}, and does not contain the records up to {ours} that \
         this replica has; both are known to have the records up to {last_shared}. Bring the records back with \
         `cpss-registry log push`, or accept the loss with `cpss-registry accept-loss` \
         (deploy/docs/postgresql-restore.md)"
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
    /// The disk of this replica does not take what others recorded.
    #[error(
        "this replica cannot write the records of the shared log to its own disk: {why}: make room, or mend the disk"
    )]
    NotCopied {
        /// What the disk says.
        why: String,
    },
}

impl Cause {
    /// The names of all causes.
    pub const NAMES: [&str; 7] =
        ["unreachable", "not_opened", "diverged", "clock_skewed", "durability_reduced", "damaged", "disk"];

    /// The cause behind an error; `None` if there is no trouble, or if it is not known what became of a batch.
    pub(super) fn of(error: &AppendError) -> Option<Cause> {
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
            AppendError::NotCopied(source) => Some(Cause::NotCopied { why: chain(&**source) }),
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
            Cause::NotCopied { .. } => "disk",
        }
    }

    /// Logs the cause.
    pub(super) fn warn(&self) {
        let name = self.name();
        if self.is_final() {
            tracing::error!(event = "log_trouble", cause = name, "writes are refused: {self}");
        } else {
            tracing::warn!(event = "log_trouble", cause = name, "writes are refused: {self}");
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
