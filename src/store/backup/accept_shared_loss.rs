//! Accepting that the database of a shared log lost records: it continues without them, in a new epoch.

use jiff::Timestamp;
use uuid::Uuid;

use super::BackupError;
use super::rewrite::{Tail, epoch_frame};
use crate::domain::id::Revision;
use crate::store::log::OfflineLog;
use crate::store::log::replicated::restored::last_shared;
use crate::store::log::replicated::statements::{Append, Head, OperatorSession, Replicas, StatementError};

/// What a replica knows that the database lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharedLoss {
    /// The last record that the replica knows.
    pub ours: Revision,
    /// The last record that both have. What the replica has after it would be given up.
    pub last_shared: Revision,
    /// The head of the database.
    pub head: Head,
}

/// The reasons why no epoch was begun. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum SharedLossError {
    /// The database has everything that the replica knows.
    #[error("nothing is lost: the shared log has every record that this replica knows, up to {0}")]
    NothingLost(Revision),
    /// The operator named another revision than the last shared one.
    #[error("the last record that this replica shares with the shared log is {last_shared}, not {asked}")]
    NotTheLast {
        /// The revision that was named.
        asked: Revision,
        /// The last shared one.
        last_shared: Revision,
    },
    /// Some replicas were not heard from since the database was started or restored.
    #[error(
        "the replicas {0:?} were not heard from since the database was started or restored, and one of them may have the \
         lost records: start them, or have them forgotten"
    )]
    Unheard(Vec<String>),
    /// The head is not the one that was shown any more.
    #[error(
        "something was appended meanwhile, a replica joined, or the clock of this machine is more than a second ahead of \
         the database's: run the command again"
    )]
    Moved,
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The log of the replica cannot be read, or the frame could not be made.
    #[error(transparent)]
    Log(#[from] BackupError),
}

/// An epoch that was begun in a shared log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BegunEpoch {
    /// The epoch.
    pub epoch: Uuid,
    /// The revision of the record that begins it.
    pub revision: Revision,
}

impl SharedLoss {
    /// Finds out what a replica knows, by its log and by what the database acknowledged to it, that the database lost.
    pub fn find(
        session: &mut dyn OperatorSession,
        log: &dyn OfflineLog,
        acknowledged: Revision,
    ) -> Result<SharedLoss, SharedLossError> {
        let head = session.turn()?;
        let last_shared = last_shared(session, log, head.tip)?.revision;
        let ours = log.head().max(acknowledged);
        if last_shared >= ours {
            return Err(SharedLossError::NothingLost(ours));
        }
        Ok(SharedLoss { ours, last_shared, head })
    }

    /// Begins an epoch after the head that was found. Every replica folds the log again that has nothing after `after`
    /// but what is given up; `after` must be the last record that the replica shares with the database.
    pub fn accept(
        &self,
        session: &mut dyn OperatorSession,
        after: Revision,
        now: Timestamp,
    ) -> Result<BegunEpoch, SharedLossError> {
        self.require_last(after)?;
        let Replicas { unheard, answered_through: by_replicas } = session.replicas()?;
        if !unheard.is_empty() {
            return Err(SharedLossError::Unheard(unheard));
        }
        let Head { tip: head, turn, recorded_at, answered_through } = self.head;
        let epoch = Uuid::new_v4();
        // The database may lack a time that a replica answered through: nothing may be dated before it.
        let recorded_at = recorded_at.max(answered_through).max(by_replicas);
        let tail = Tail { revision: head.revision, recorded_at, epoch };
        let why = "loss accepted: the database of the shared log was restored to an earlier state";
        let (frame, tip, at) = epoch_frame(&tail, &head, epoch, after, why, now)?;
        let append = Append { after: head, tip, turn, first_at: at, last_at: at, frame: &frame };
        if session.begin_epoch(&append)? {
            Ok(BegunEpoch { epoch, revision: tip.revision })
        } else {
            Err(SharedLossError::Moved)
        }
    }

    /// Refuses any other revision than the last shared one.
    pub fn require_last(&self, asked: Revision) -> Result<(), SharedLossError> {
        let last_shared = self.last_shared;
        if asked == last_shared { Ok(()) } else { Err(SharedLossError::NotTheLast { asked, last_shared }) }
    }
}
