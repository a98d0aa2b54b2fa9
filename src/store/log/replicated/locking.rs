//! Locks the head while a batch is decided, if other replicas append often.
//!
//! A replica that is alone appends without a lock, in one statement. If several append at once, most of such tries find
//! that another replica was first, and some replicas hardly ever succeed. So a replica that read something of another
//! one within the last second locks the head first: in one transaction it reads what the others appended, decides, and
//! appends.
//!
//! What it reads under the lock need not last: it is visible, and not confirmed. It is *staged*: decided on, and
//! neither published nor in the copy. If the transaction is committed, it is confirmed, because the head that was
//! committed is after it. If not, it is dropped.

use std::time::Duration;

use super::catching_up::PAGE;
use super::{AppendError, Frame, ReplicatedLog, not_done};
use crate::store::log::Locked;
use crate::store::record::Tip;

/// The time since some moment. It never goes back.
pub(super) type Clock = dyn Fn() -> Duration + Send + Sync;

/// How long after something of another replica was read the head is locked first.
const RECENTLY: Duration = Duration::from_secs(1);

/// How long the head stays locked at most. The database would end the transaction soon after. A batch that takes longer
/// to decide is appended as without a lock.
const LONGEST: Duration = Duration::from_millis(500);

/// What was found when the head was locked.
pub(super) struct Held {
    /// The turn of the head. `None` once the head is not locked any more.
    turn: Option<u64>,
    /// The head.
    tip: Tip,
    /// The records of each frame that others appended.
    staged: Vec<Vec<Vec<u8>>>,
    /// When it was locked, by the clock.
    since: Duration,
}

impl ReplicatedLog {
    /// True if another replica appended something within the last second.
    pub(super) fn is_contended(&self) -> bool {
        self.foreign_at.is_some_and(|at| (self.clock)().saturating_sub(at) < RECENTLY)
    }

    /// Locks the head, and stages what others appended. `None` if it is not known yet whether the database is opened.
    pub(super) fn lock_head(&mut self) -> Result<Option<Locked>, AppendError> {
        self.resolve_earlier()?;
        if self.turn.is_none() {
            return Ok(None);
        }
        let after = self.copy.tip();
        let (head, frames) = self.run(|session| session.lock(after.revision, PAGE)).map_err(not_done)?;
        let mut held = Held { turn: Some(head.turn), tip: after, staged: Vec::new(), since: (self.clock)() };
        let mut records = Vec::new();
        for bytes in &frames {
            let Ok((frame, end)) = Frame::after(bytes, &held.tip) else {
                return Err(self.give_up("the node has another history"));
            };
            records.extend(frame.records.iter().map(|(revision, record)| (*revision, record.to_vec())));
            held.tip = end;
            held.staged.push(frame.records.iter().map(|(_, record)| record.to_vec()).collect());
        }
        if held.tip != head.tip {
            self.release(&held);
            return Err(self.too_far_behind(after, head.tip));
        }
        if !held.staged.is_empty() {
            self.foreign_at = Some(held.since);
        }
        self.held = Some(held);
        Ok(Some(Locked { staged: records, tip: head.tip, answered_through: head.answered_through }))
    }

    /// Confirms what the database has, so that it is followed first. It is too much to be staged, or the node shows
    /// less than the replica has.
    fn too_far_behind(&mut self, ours: Tip, head: Tip) -> AppendError {
        let moved = AppendError::HeadMoved { expected: ours.revision, head: head.revision };
        self.barrier_when_open().err().unwrap_or(moved)
    }

    /// The last record that was staged, or else the last one in the copy.
    pub(super) fn staged_tip(&self) -> Tip {
        self.held.as_ref().map_or_else(|| self.copy.tip(), |held| held.tip)
    }

    /// The turn of the head, if it is locked. If it has been for long, gives the lock up.
    pub(super) fn locked_turn(&mut self) -> Option<u64> {
        let mut held = self.held.take()?;
        if (self.clock)().saturating_sub(held.since) > LONGEST {
            self.release(&held);
            held.turn = None;
        }
        let turn = held.turn;
        self.held = Some(held);
        turn
    }

    /// Takes what was staged. The next statement ends the transaction.
    pub(super) fn take_staged(&mut self) -> Vec<Vec<Vec<u8>>> {
        self.held.take().map(|held| held.staged).unwrap_or_default()
    }

    /// Gives the lock up.
    pub(super) fn release(&mut self, held: &Held) {
        let is_lost = held.turn.is_some() && self.session.as_mut().is_some_and(|session| session.unlock().is_err());
        if is_lost {
            self.session = None;
        }
    }
}
