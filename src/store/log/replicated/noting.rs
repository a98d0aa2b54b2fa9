//! The log as its writer sees it: notes in the status what becomes of each call.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::{ReplicatedLog, Tip};
use crate::store::log::status::LogStatus;
use crate::store::log::{AppendError, Locked, Log, ReadLog, Wake};

impl ReplicatedLog {
    /// Notes what became of a call that has the database do something at its head.
    fn noted<T>(&self, result: Result<T, AppendError>) -> Result<T, AppendError> {
        match &result {
            Ok(_) => self.status.note_success(),
            Err(error) => self.status.note_failure(error),
        }
        result
    }

    /// Like [`ReplicatedLog::noted`], for a call that succeeds only if the replica then has every record of the log.
    fn reaching<T>(
        &mut self,
        call: impl FnOnce(&mut ReplicatedLog) -> Result<T, AppendError>,
    ) -> Result<T, AppendError> {
        let called_at = Instant::now();
        let result = call(self);
        if result.is_ok() {
            self.reached = Some((self.copy.tip(), called_at));
        }
        self.noted(result)
    }
}

impl Log for ReplicatedLog {
    fn tip(&self) -> Tip {
        self.copy.tip()
    }

    fn append(&mut self, after: &Tip, batch: &[Vec<u8>]) -> Result<Vec<Tip>, AppendError> {
        if batch.is_empty() {
            return self.try_append(after, batch);
        }
        let appended = self.reaching(|log| log.try_append(after, batch)).inspect_err(|error| {
            if let AppendError::HeadMoved { .. } = error {
                self.status.note_append_lost();
            }
        });
        // It may have failed before the statement that ends the transaction.
        self.unlock();
        appended
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn follow(&mut self) -> Result<Vec<(Tip, Vec<u8>)>, AppendError> {
        // It need not ask the database, so its success means nothing.
        self.try_follow().inspect_err(|error| self.status.note_failure(error))
    }

    fn lock(&mut self) -> Result<Option<Locked>, AppendError> {
        if !self.is_contended() {
            return Ok(None);
        }
        // What is read under the lock need not last, so its success means nothing.
        self.lock_head().inspect_err(|error| self.status.note_failure(error))
    }

    fn unlock(&mut self) {
        if let Some(held) = self.held.take() {
            self.release(&held);
        }
    }

    fn on_news(&mut self, wake: Wake) {
        self.hearing.on_news(wake);
    }

    fn reach(&mut self) -> Result<Tip, AppendError> {
        let reached = self.try_reach();
        self.noted(reached)
    }

    fn confirm(&mut self, decided_on: &Tip) -> Result<(), AppendError> {
        self.reaching(|log| log.try_confirm(decided_on))
    }

    fn settle(&mut self, through: Timestamp) -> Result<Tip, AppendError> {
        let settled = self.try_settle(through);
        self.noted(settled)
    }

    fn status(&self) -> Option<Arc<LogStatus>> {
        Some(Arc::clone(&self.status))
    }

    fn has_room(&self) -> bool {
        self.copy.has_room()
    }

    fn reader(&self) -> Arc<dyn ReadLog> {
        self.copy.reader()
    }

    fn close(&mut self) {
        self.acknowledged.store();
        self.copy.close();
    }
}
