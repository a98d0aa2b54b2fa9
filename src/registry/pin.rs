//! Pinning: from the state of knowledge that a question names to a snapshot of it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::errors::{PinError, ReadError};
use super::handle::Registry;
use super::snapshot::{KnownAt, Snapshot};
use super::writer::Message;
use crate::domain::id::Revision;
use crate::store::index::View as _;

impl Registry {
    /// Pins the state of knowledge that a question names.
    pub async fn pin(&self, known_at: KnownAt) -> Result<Snapshot, PinError> {
        self.keep_up_or_go_on().await;
        match known_at {
            KnownAt::Head => Ok(self.pin_head()),
            KnownAt::Revision(epoch, revision) => {
                self.refuse_other_history(epoch, revision)?;
                let head = self.head_revision();
                if revision > head {
                    return Err(PinError::BeyondHead { asked: revision, head });
                }
                Ok(self.pin_revision(revision).await?)
            }
            KnownAt::Time(epoch, instant) => {
                let revision = self.revision_at(instant).await?;
                self.refuse_other_history(epoch, revision)?;
                Ok(self.pin_revision(revision).await?)
            }
        }
    }

    /// Pins the head.
    pub fn pin_head(&self) -> Snapshot {
        let head = self.shared.head.load();
        self.shared.snapshot(&head, head.revision, Some(head.recorded_at))
    }

    async fn pin_revision(&self, revision: Revision) -> Result<Snapshot, ReadError> {
        if let Some(snapshot) = self.shared.at_once(revision) {
            return Ok(snapshot);
        }
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.at(revision));
        read.await.map_err(|_| ReadError::Interrupted)?
    }

    /// The last record at or before an instant. Once this is answered no later record is dated so, nor after a restart: an
    /// instant that was answered for once is answered for by a clock that was set back, too.
    async fn revision_at(&self, instant: Timestamp) -> Result<Revision, PinError> {
        if instant.as_microsecond() > self.shared.answered_through.load(Ordering::Acquire) {
            self.settle(instant).await?;
        }
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.index.revision_at(instant));
        Ok(read.await.map_err(|_| ReadError::Interrupted)?.map_err(ReadError::from)?)
    }

    /// Has no later record dated at or before an instant.
    async fn settle(&self, instant: Timestamp) -> Result<(), PinError> {
        if instant > self.shared.clock.now() {
            return Err(PinError::InTheFuture);
        }
        if instant < self.head().recorded_at {
            return Ok(());
        }
        let (reply, settled) = oneshot::channel();
        let sent = self.writer.send(Message::Settle(instant, reply)).await;
        sent.map_err(|_| ReadError::Interrupted)?;
        settled.await.map_err(|_| ReadError::Interrupted)?.map_err(PinError::NotKept)
    }

    /// A revision of an epoch that was left before it is no part of this history.
    fn refuse_other_history(&self, epoch: Option<Uuid>, revision: Revision) -> Result<(), PinError> {
        let Some(epoch) = epoch else { return Ok(()) };
        match self.head().history.last_shared(epoch) {
            // Before the first record all histories are the same.
            None if revision > Revision::ZERO => Err(PinError::UnknownEpoch),
            Some(last_shared) if revision > last_shared => Err(PinError::HistoryChanged { last_shared }),
            None | Some(_) => Ok(()),
        }
    }
}
