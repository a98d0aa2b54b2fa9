//! A database that was restored: what this replica still shares with it, and whether an epoch explains the rest.
//!
//! All of this follows a barrier that succeeded and whose database does not have what this replica knows. What plain
//! reads show is used only once its chain leads to what a barrier read.

use super::catching_up::{PAGE, STEP};
use super::statements::{Barrier, RollCall, Session, StatementError};
use super::{AppendError, Frame, ReplicatedLog, not_done};
use crate::domain::fact::{Fact, RegistryFact};
use crate::domain::id::Revision;
use crate::store::log::{ReadError, ReadLog};
use crate::store::record::{self, Tip};

/// Where the histories of this replica and of the database part, and how far the database was searched for an epoch.
#[derive(Clone, Copy)]
pub(super) struct Searched {
    /// The last record that both have.
    shared: Tip,
    /// The end of the frames that were searched.
    through: Tip,
}

/// Where a copy continues in another epoch.
pub(super) struct Fork {
    /// The last record that the copy keeps.
    pub after: Tip,
    /// The frame after it.
    pub frame: Vec<u8>,
}

/// Returns the last record that a log shares with the database. Up to it, both have the same history. The database's
/// head is given, as a durable statement read it.
pub fn last_shared(session: &mut dyn Session, log: &dyn ReadLog, head: Tip) -> Result<Tip, StatementError> {
    let unread = |error: ReadError| StatementError::NotDone(error.into());
    let (mut shared, mut least, mut most) = (Tip::ORIGIN, 0, log.head().min(head.revision).0);
    let mut at = most;
    // Nothing is shared after `most`, and no frame ends between `shared` and `least`.
    while least < most {
        let end = session.end_before(Revision(at))?;
        if end.revision <= shared.revision || log.chain_at(end.revision).map_err(unread)? == Some(end.chain) {
            (shared, least) = (if end.revision > shared.revision { end } else { shared }, at);
        } else {
            most = end.revision.previous().0;
        }
        at = least + (most.saturating_sub(least)).div_ceil(2);
    }
    Ok(shared)
}

/// True if a frame begins an epoch that includes everything up to a revision.
fn begins_epoch(frame: &Frame<'_>, shared: Revision) -> bool {
    let facts = frame.records.iter().filter_map(|(at, bytes)| Some(record::decode(*at, bytes).ok()?.facts)).flatten();
    facts.into_iter().any(|fact| match fact {
        Fact::Registry(RegistryFact::EpochBegan { forked_after, .. }) => forked_after <= shared,
        _ => false,
    })
}

impl ReplicatedLog {
    /// Runs a barrier. If the database has counted fewer barriers than this replica, but lacks no record, it was
    /// restored: the replica counts on from the number of the database.
    pub(super) fn one_barrier(&mut self) -> Result<Barrier, AppendError> {
        let beat = self.acknowledged.beat();
        let barrier = self.compared()?;
        if barrier.beat_before >= beat {
            return Ok(barrier);
        }
        // Who knows of nothing that is missing does not hold the others. Its count goes on from that of the database.
        let (counted, known) = (barrier.beat_before, beat);
        tracing::warn!(
            event = "log_restored",
            counted,
            known,
            "the database of the shared log was restored to an earlier state, and lacks nothing that this replica knows"
        );
        self.compared()
    }

    /// Opens the database, if no replica is waited for.
    pub(super) fn try_to_open(&mut self) -> Result<(), AppendError> {
        let RollCall { waiting_for, passed_over } = self.run(|session| session.open()).map_err(not_done)?;
        if !waiting_for.is_empty() {
            return Err(AppendError::NotOpened { waiting_for });
        }
        if !passed_over.is_empty() {
            tracing::warn!(
                event = "replicas_passed_over",
                replicas = ?passed_over,
                "the shared log is opened without replicas that were not heard from: records that only they have are \
                 replaced"
            );
        }
        Ok(())
    }

    /// Returns what it means that a database does not have what this replica knows.
    pub(super) fn parted(&mut self, barrier: &Barrier) -> AppendError {
        self.compare_histories(barrier.head.tip).unwrap_or_else(|error| error)
    }

    fn compare_histories(&mut self, head: Tip) -> Result<AppendError, AppendError> {
        let (ours, reader) = (self.confirmed.revision, self.copy.reader());
        let shared = self.run(|session| last_shared(session, &*reader, head)).map_err(not_done)?;
        let last_shared = shared.revision;
        if self.finds_epoch(shared, head)? {
            return Ok(AppendError::OtherEpoch { last_shared });
        }
        Ok(AppendError::Lost { ours, head: head.revision, last_shared })
    }

    /// Searches the frames after a shared record, up to a durable head, for an epoch that includes the record. A later
    /// search continues where this one ends.
    fn finds_epoch(&mut self, shared: Tip, head: Tip) -> Result<bool, AppendError> {
        let before = self.searched.take().filter(|searched| searched.shared == shared);
        let (mut tip, mut bytes_read) = (before.map_or(shared, |searched| searched.through), 0);
        while tip.revision < head.revision && bytes_read < STEP {
            let frames = self.run(|session| session.frames(tip.revision, PAGE)).map_err(not_done)?;
            if frames.is_empty() {
                break;
            }
            for bytes in frames {
                let Ok((frame, end)) = Frame::after(&bytes, &tip) else {
                    return Err(AppendError::Unreachable("the node has another history".into()));
                };
                tip = end;
                bytes_read += bytes.len();
                if begins_epoch(&frame, shared.revision) {
                    return self.has_durably(tip);
                }
            }
        }
        self.searched = Some(Searched { shared, through: tip });
        Ok(false)
    }

    /// Reads how the copy continues after the last record that it shares with the database.
    pub(super) fn fork(&mut self, last_shared: Revision) -> Result<Fork, AppendError> {
        let chain = self.copy.reader().chain_at(last_shared);
        let chain = chain.map_err(|error| AppendError::Unreachable(error.into()))?;
        let after = chain.map(|chain| Tip { revision: last_shared, chain });
        let frames = self.run(|session| session.frames(last_shared, 1)).map_err(not_done)?;
        let (Some(after), Some(frame)) = (after, frames.into_iter().next()) else {
            return Err(AppendError::Unreachable("the node has another history".into()));
        };
        match Frame::after(&frame, &after) {
            Ok((_, tip)) if self.has_durably(tip)? => Ok(Fork { after, frame }),
            _ => Err(AppendError::Unreachable("the node has another history".into())),
        }
    }
}
