//! Locks a log that several processes share, while a batch is decided.

use super::Store;
use super::log::{AppendError, Locked, StoredRecord};
use super::record::Tip;

impl Store {
    /// Keeps other processes from appending, if they do so often, until this one has committed, confirmed or unlocked.
    /// Returns the records that they appended, as stored, which may not last. `None` if the log is not locked.
    pub fn lock(&mut self) -> Result<Option<Vec<StoredRecord>>, AppendError> {
        let Some(Locked { staged, tip, answered_through }) = self.log.lock()? else { return Ok(None) };
        self.locked = Some((tip, answered_through));
        Ok(Some(staged))
    }

    /// Lets other processes append again. Records that they appended and that are not followed yet do not count.
    pub fn unlock(&mut self) {
        if self.locked.take().is_some() {
            self.log.unlock();
        }
    }

    /// What the next batch builds on.
    pub(super) fn builds_on(&self) -> Tip {
        self.locked.map_or(self.tip, |(tip, _)| tip)
    }

    /// Ensures that the last record that this process knows is the head of the log. If the log is locked, the records
    /// that others appended last then.
    pub fn confirm(&mut self) -> Result<(), AppendError> {
        let tip = self.builds_on();
        self.log.confirm(&tip)?;
        self.tip = tip;
        Ok(())
    }
}
