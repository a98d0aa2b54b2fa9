//! Locks the log before a batch is decided, if other processes append to it often.
//!
//! Under the lock the batch is decided on everything that others appended, also on what may not last: it is published
//! only after the commit, and nothing that depends on it is answered before. This holds for repetitions of requests
//! that others recorded, too.

use super::batch::Batch;
use super::message::Message;
use super::not_committed::NotCommitted;
use super::writer::Writer;
use crate::store::Store;
use crate::store::log::StoredRecord;

impl Writer {
    /// Locks the log for messages that may record something, if that helps. Returns what others appended, as stored.
    /// Adds the messages that arrived while it waited for the lock.
    pub(super) fn lock(&mut self, messages: &mut Vec<Message>) -> Result<Vec<StoredRecord>, NotCommitted> {
        if !messages.iter().any(Message::may_record) {
            return Ok(Vec::new());
        }
        let Some(staged) = self.in_log(Store::lock).map_err(|error| self.not_committed(error))? else {
            return Ok(Vec::new());
        };
        self.mailbox.add_to(messages);
        Ok(staged)
    }

    /// Stages what others appended. If that is impossible, it may be that it does not last: then it is confirmed, and
    /// followed like everything else.
    pub(super) fn stage(&mut self, batch: &mut Batch<'_>, staged: &[StoredRecord]) -> Result<(), NotCommitted> {
        let mut staged = staged.iter();
        if staged.all(|(revision, bytes)| matches!(self.add_foreign(batch, *revision, bytes), Ok(true))) {
            return Ok(());
        }
        self.store.unlock();
        self.in_log(Store::confirm).map_err(|error| self.not_committed(error))?;
        Err(NotCommitted::HeadMoved)
    }
}
