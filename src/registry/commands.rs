//! Commands: submitting them to the writer, and receiving their outcome.

use std::sync::Arc;

use futures_util::future::Either;
use tokio::sync::mpsc;

use super::errors::{ReadError, SubmitError, WritesOff};
use super::handle::Registry;
use super::message::{Message, Outcome, Reply};
use super::receipt::Receipt;
use super::submission::{QueueSlot, Submission};
use crate::domain::id::Revision;
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

    /// Queues a command, to be decided after those queued before it; one with a slot, after those with a slot. The
    /// caller may queue the next command before it awaits the returned future. A command with `validate_only` does not
    /// go to the writer: it is decided against the published head.
    pub async fn hand_in(
        &self,
        submission: Submission,
        slot: Option<QueueSlot>,
    ) -> Result<impl Future<Output = Result<Receipt, SubmitError>> + use<>, SubmitError> {
        let ready = self.get_ready().await;
        if let Err(SubmitError::Log(_)) = ready
            && let Some(revision) = self.recorded_here(&submission).await?
        {
            let (registry, role) = (self.clone(), submission.reporter.role);
            let replay = async move { (registry.replay(revision, role).await, slot).0 };
            return Ok(Either::Left(Either::Left(replay)));
        }
        ready?;
        let registry = self.clone();
        if submission.validate_only {
            let validate = async move { registry.validate(submission, Foreseen::KEPT).await };
            return Ok(Either::Left(Either::Right(async move { (validate.await, slot).0 })));
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

    /// Opens the days that are due. Fails if the log is damaged, or takes no writes.
    async fn get_ready(&self) -> Result<(), SubmitError> {
        if self.shared.damage.is_present() {
            return Err(SubmitError::StoreDamaged);
        }
        match self.shared.trouble() {
            Some(trouble) => Err(SubmitError::Log(trouble)),
            None => self.open_due_days().await,
        }
    }

    /// The revision at which a request was recorded before, as far as that is known without the shared log.
    async fn recorded_here(&self, submission: &Submission) -> Result<Option<Revision>, SubmitError> {
        if submission.validate_only {
            return Ok(None);
        }
        let (shared, submission) = (Arc::clone(&self.shared), submission.clone());
        let looked = tokio::task::spawn_blocking(move || shared.recorded(&submission));
        let recorded = looked.await.map_err(|_| ReadError::Interrupted)??;
        Ok(recorded.filter(|revision| self.shared.require_kept(*revision).is_ok()))
    }

    /// Why a command would not be accepted now. `None` if it would: the calendar is not held, the disk accepts writes,
    /// the scrub found no damage, and a shared log takes writes.
    pub async fn writes_off(&self) -> Option<WritesOff> {
        if let Err(held) = self.shared.due_through(&self.shared.head.load()) {
            return Some(WritesOff::Held(held));
        }
        if self.shared.damage.is_present() {
            return Some(WritesOff::Damaged);
        }
        if let Some(trouble) = self.shared.trouble() {
            return Some(WritesOff::Log(trouble));
        }
        let (reply, answer) = Reply::channel(None);
        let asked = self.writer.send(Message::Probe(reply)).await;
        let accepts = asked.is_ok() && answer.await.unwrap_or(false);
        (!accepts).then_some(WritesOff::Disk)
    }
}
