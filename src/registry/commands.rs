//! Commands: submitting them to the writer, and receiving their outcome.

use std::sync::Arc;

use futures_util::future::Either;
use tokio::sync::mpsc;

use super::errors::{ReadError, SubmitError};
use super::handle::Registry;
use super::message::{Message, Outcome, Reply};
use super::receipt::Receipt;
use super::submission::{QueueSlot, Submission};
use crate::domain::record::Foreseen;

impl Registry {
    /// Records a command, unless the rules or the disk refuse it.
    pub async fn submit(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.hand_in(submission, None).await?.await
    }

    /// Waits for one of the queue slots that are set aside for bulk callers. The slot is held until its command is
    /// answered.
    pub async fn queue_slot(&self) -> Option<QueueSlot> {
        Arc::clone(&self.bulk_slots).acquire_owned().await.ok().map(QueueSlot)
    }

    /// Queues a command, to be decided after those queued before it. The caller may queue the next command before it
    /// awaits the returned future. A command with `validate_only` does not go to the writer: it is decided against the
    /// published head.
    pub async fn hand_in(
        &self,
        submission: Submission,
        slot: Option<QueueSlot>,
    ) -> Result<impl Future<Output = Result<Receipt, SubmitError>> + use<>, SubmitError> {
        self.get_ready().await?;
        let registry = self.clone();
        if submission.validate_only {
            let validate = async move { registry.validate(submission, Foreseen::KEPT).await };
            return Ok(Either::Left(async move { (validate.await, slot).0 }));
        }
        let role = submission.reporter.role.clone();
        let (reply, answer) = Reply::channel(slot);
        self.writer.try_send(Message::Submit(Box::new(submission), reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => SubmitError::Read(ReadError::Interrupted),
        })?;
        Ok(Either::Right(async move {
            match answer.await.unwrap_or(Err(SubmitError::OutcomeUnknown))? {
                Outcome::Decided(receipt) => Ok(*receipt),
                Outcome::Recorded(revision) => registry.replay(revision, role).await,
            }
        }))
    }

    /// Decides a command against the published head, like one with `validate_only`. The receipt has all changes
    /// foreseen.
    pub async fn preview(
        &self,
        submission: Submission,
    ) -> Result<impl Future<Output = Result<Receipt, SubmitError>> + use<>, SubmitError> {
        self.get_ready().await?;
        let registry = self.clone();
        Ok(async move { registry.validate(submission, usize::MAX).await })
    }

    /// Opens the days that are due. Fails if the log is damaged.
    async fn get_ready(&self) -> Result<(), SubmitError> {
        if self.shared.damage.is_present() { Err(SubmitError::StoreDamaged) } else { self.open_due_days().await }
    }

    /// True if a command would be accepted now: the calendar is not held, the disk accepts writes, and the scrub found
    /// no damage.
    pub async fn takes_writes(&self) -> bool {
        let is_held = self.shared.due_through(&self.shared.head.load()).is_err() || self.shared.damage.is_present();
        let (reply, answer) = Reply::channel(None);
        let asked = self.writer.send(Message::Probe(reply)).await;
        !is_held && asked.is_ok() && answer.await.unwrap_or(false)
    }
}
