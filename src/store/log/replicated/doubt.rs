//! Finds out whether an append whose outcome is unknown is in the log.

use super::{AppendError, Expected, Form, Frame, ReplicatedLog, not_done};
use crate::domain::id::Revision;
use crate::store::record::Tip;

/// How often an unknown outcome is looked into before it is reported. Each attempt opens another session.
const ATTEMPTS: usize = 3;

/// An append whose outcome is unknown.
pub(super) struct Doubt {
    /// The revision before its frame.
    pub(super) after: Revision,
    /// The tip after it.
    pub(super) tip: Tip,
}

impl ReplicatedLog {
    /// Finds out what became of an append in doubt. Returns true if its frame is in the log. If it is not, it never
    /// will be.
    fn resolve(&mut self, doubt: &Doubt) -> Result<bool, AppendError> {
        self.barrier_when_open()?;
        // The turn waits for an append that is under way, and makes a later one fail. The frame is read in a later
        // statement, because the turn's own snapshot may be older, and in the same session, because another one may
        // be with another node.
        let (after, tip) = (doubt.after, doubt.tip);
        let read = self.run(|session| {
            let head = session.turn()?;
            Ok((head, session.frames(after, 1)?))
        });
        let (head, frames) = read.map_err(not_done)?;
        self.note(&head);
        let expected = Expected::at(after.next(), Form::Current);
        let found = frames.first().and_then(|bytes| Frame::check(bytes, expected).ok()?.tip());
        Ok(found == Some(tip))
    }

    /// Resolves the doubt that is left from an earlier append, if there is one. If its frame is in the log, it is
    /// followed like those of others.
    pub(super) fn resolve_earlier(&mut self) -> Result<(), AppendError> {
        let Some(doubt) = self.doubt.take() else { return Ok(()) };
        if let Err(error) = self.resolve(&doubt) {
            self.doubt = Some(doubt);
            return Err(error);
        }
        self.status.note_doubt_resolved();
        Ok(())
    }

    /// Finds out, in a few attempts, whether an append in doubt succeeded.
    pub(super) fn resolve_now(&mut self, doubt: Doubt) -> Result<bool, AppendError> {
        for _ in 0..ATTEMPTS {
            match self.resolve(&doubt) {
                Err(error @ AppendError::Unreachable(_)) => self.status.note_failure(&error),
                Err(_) => break,
                Ok(is_there) => {
                    self.status.note_doubt_resolved();
                    return Ok(is_there);
                }
            }
        }
        self.doubt = Some(doubt);
        Err(AppendError::InDoubt)
    }
}
