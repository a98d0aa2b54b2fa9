//! Commands: how they are handed to the writer, and answered.

use std::sync::Arc;

use futures_util::future::Either;
use tokio::sync::{mpsc, oneshot};

use super::errors::{ReadError, SubmitError};
use super::handle::Registry;
use super::receipt::Receipt;
use super::submission::{Place, Submission};
use super::writer::{Message, Outcome, Reply};

impl Registry {
    /// Records what a command asks for, unless the rules or the disk refuse.
    pub async fn submit(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.hand_in(submission, None).await?.await
    }

    /// Waits for one of the places for callers with many commands. It is taken until its command is answered.
    pub async fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).acquire_owned().await.ok().map(Place)
    }

    /// Hands a command in, to be decided after those handed in before it; the next one need not wait for the future. A
    /// command that is only to be validated never comes to the writer: it is judged by the published head.
    pub async fn hand_in(
        &self,
        submission: Submission,
        place: Option<Place>,
    ) -> Result<impl Future<Output = Result<Receipt, SubmitError>> + use<>, SubmitError> {
        if self.shared.damage.is_there() {
            return Err(SubmitError::StoreDamaged);
        }
        self.keep_up().await?;
        let registry = self.clone();
        if submission.validate_only {
            return Ok(Either::Left(async move { (registry.validate(submission).await, place).0 }));
        }
        let role = submission.reporter.role.clone();
        let (reply, answer) = Reply::channel(place);
        self.writer.try_send(Message::Submit(Box::new(submission), reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => SubmitError::Read(ReadError::Interrupted),
        })?;
        Ok(Either::Right(async move {
            match answer.await.unwrap_or(Err(SubmitError::OutcomeUnknown))? {
                Outcome::Decided(receipt) => Ok(*receipt),
                Outcome::Recorded(revision) => registry.answer_again(revision, role).await,
            }
        }))
    }

    /// Whether a command would be taken at the moment, by the calendar, by the disk, and by what the scrub has found.
    pub async fn takes_writes(&self) -> bool {
        let is_held = self.shared.due_through(&self.shared.head.load()).is_err() || self.shared.damage.is_there();
        let (reply, answer) = oneshot::channel();
        let asked = self.writer.send(Message::Probe(reply)).await;
        !is_held && asked.is_ok() && answer.await.unwrap_or(false)
    }
}
