//! The copy: what this replica has of the shared log on its own disk.
//!
//! The reserve of the disk refuses the writes of this replica before they are sent to the database. It does not refuse
//! the records of others: those enter the copy as long as the disk takes them. If it does not, the replica goes on with
//! what it has, and reads the rest again once there is room.

use std::io;

use super::{AppendError, ReplicatedLog, Tip};

impl ReplicatedLog {
    /// Refuses to append if the disk has too little space. Afterwards it would be too late: the database has the
    /// record.
    pub(super) fn require_room(&self) -> Result<(), AppendError> {
        if self.copy.has_room() { Ok(()) } else { Err(AppendError::DiskFull) }
    }

    /// Adds a frame to the copy. The database has it.
    pub(super) fn keep(&mut self, batch: &[Vec<u8>]) -> Result<Vec<Tip>, AppendError> {
        let after = self.copy.tip();
        let tips = self.copy.append(&after, batch).map_err(|error| match error {
            AppendError::DiskFull | AppendError::NotWritten(_) => AppendError::NotCopied(Box::new(error)),
            // The process must end, and a later one reads the frame again.
            error => AppendError::OutcomeUnknown(io::Error::other(error)),
        })?;
        let tip = self.copy.tip();
        if tip.revision > self.confirmed.revision {
            self.confirmed = tip;
        }
        Ok(tips)
    }

    /// Adds frames to the copy that were staged, and are confirmed now, and then perhaps a frame of this replica.
    /// Returns the tips of the last frame. If not all can be added, those that are in the copy are followed.
    pub(super) fn keep_staged(
        &mut self,
        staged: &[Vec<Vec<u8>>],
        own: Option<&[Vec<u8>]>,
    ) -> Result<Vec<Tip>, AppendError> {
        let mut kept = Vec::new();
        for batch in staged.iter().map(Vec::as_slice).chain(own) {
            match self.keep(batch) {
                Ok(tips) => kept.push(tips),
                Err(error) => {
                    let records = staged.iter().flatten().cloned();
                    self.unseen = kept.into_iter().flatten().zip(records).collect();
                    return Err(error);
                }
            }
        }
        self.status.note_followed(staged.iter().map(Vec::len).sum());
        Ok(kept.pop().unwrap_or_default())
    }

    /// Adds to the copy what this replica has appended. The database has it, so if the disk refuses it, the error does
    /// not say that nothing was recorded.
    pub(super) fn keep_own(
        &mut self,
        staged: &[Vec<Vec<u8>>],
        own: &[Vec<u8>],
        tip: Tip,
    ) -> Result<Vec<Tip>, AppendError> {
        if tip.revision > self.confirmed.revision {
            self.confirmed = tip;
        }
        self.keep_staged(staged, Some(own)).map_err(|error| match error {
            AppendError::NotCopied(_) => {
                self.status.note_failure(&error);
                AppendError::InDoubt
            }
            error => error,
        })
    }

    /// Adds frames to the copy that others appended. Returns their records, as far as the disk takes them.
    pub(super) fn keep_followed(&mut self, batches: Vec<Vec<Vec<u8>>>) -> Result<Vec<(Tip, Vec<u8>)>, AppendError> {
        let mut followed = Vec::new();
        for batch in batches {
            match self.keep(&batch) {
                Ok(tips) => followed.extend(tips.into_iter().zip(batch)),
                // What is in the copy is published first, and the next call fails.
                Err(_) if !followed.is_empty() => break,
                // The database must still hear of this replica: others may wait for that.
                Err(error @ AppendError::NotCopied(_)) => return Err(self.barrier_when_open().err().unwrap_or(error)),
                Err(error) => return Err(error),
            }
        }
        Ok(followed)
    }
}
