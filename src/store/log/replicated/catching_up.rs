//! Reads the frames that the copy lacks.

use super::statements::{IN_PART, Known};
use super::{AppendError, Frame, ReplicatedLog, not_done};
use crate::store::record::Tip;

/// How many bytes of frames are read at once.
pub(super) const PAGE: usize = 1024 * 1024;

/// About how many bytes of frames are followed at once. A replica that is far behind takes many such steps.
pub(super) const STEP: usize = 4 * PAGE;

impl ReplicatedLog {
    /// Reads frames from the end of the copy towards a confirmed tip, and ensures that they are in its history. Returns
    /// the records of each.
    pub(super) fn read_towards(&mut self, confirmed: Tip) -> Result<Vec<Vec<Vec<u8>>>, AppendError> {
        let (mut tip, mut batches, mut bytes_read) = (self.copy.tip(), Vec::new(), 0);
        while tip.revision < confirmed.revision && bytes_read < STEP {
            let frames = self.run(|session| session.frames(tip.revision, PAGE)).map_err(not_done)?;
            if frames.is_empty() {
                return Err(self.give_up("the node does not have the confirmed frames"));
            }
            for bytes in frames {
                if tip.revision >= confirmed.revision || bytes_read >= STEP {
                    break;
                }
                let Ok((frame, end)) = Frame::after(&bytes, &tip) else {
                    return Err(self.give_up("the node has another history"));
                };
                tip = end;
                bytes_read += bytes.len();
                batches.push(frame.records.iter().map(|(_, record)| record.to_vec()).collect());
            }
        }
        let is_confirmed = if tip.revision < confirmed.revision { self.has_durably(tip)? } else { tip == confirmed };
        if is_confirmed { Ok(batches) } else { Err(self.give_up("the node has another history")) }
    }

    /// True if the database durably has a tip in the history of its head.
    pub(super) fn has_durably(&mut self, tip: Tip) -> Result<bool, AppendError> {
        // This replica may know later tips, so this does not say that the database has all that it knows.
        let known = Known { beat: IN_PART, tip, answered_through: self.answered_through };
        Ok(self.run_barrier(&known)?.chain_at_tip == Some(tip.chain))
    }

    /// Gives the session up, because of what its node shows. It may be an old primary, and then another session finds
    /// the confirmed frames; but if a barrier shows that the database lost them, no session ever does.
    pub(super) fn give_up(&mut self, why: &str) -> AppendError {
        self.session = None;
        self.barrier().err().unwrap_or_else(|| AppendError::Unreachable(why.into()))
    }
}
