//! Messages to the writer, each with the place for its reply.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::errors::SubmitError;
use super::head::Head;
use super::receipt::Receipt;
use super::submission::{QueueSlot, Submission};
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::store::log::AppendError;
use crate::store::record::Tip;

/// Sends the outcome of a message to its sender. The outcome may be decided several times before it is sent.
pub(super) struct Reply<T> {
    sender: oneshot::Sender<T>,
    outcome: Option<T>,
    /// The queue slot that the command holds until it is answered; `None` if it did not have to wait for one.
    slot: Option<QueueSlot>,
}

impl<T> Reply<T> {
    /// Returns a reply and the receiver of its outcome.
    pub(super) fn channel(slot: Option<QueueSlot>) -> (Reply<T>, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Reply { sender, outcome: None, slot }, receiver)
    }

    /// Replaces the outcome.
    pub(super) fn decide(&mut self, outcome: T) {
        self.outcome = Some(outcome);
    }

    /// Sends the outcome, if there is one. It is dropped if the sender has disconnected.
    fn send(self) {
        if let Some(outcome) = self.outcome {
            drop(self.sender.send(outcome));
        }
    }
}

/// The outcome of a command that was not refused.
pub(super) enum Outcome {
    /// The command is recorded now.
    Decided(Box<Receipt>),
    /// The same request was recorded before, at this revision. Its receipt is rebuilt outside the writer.
    Recorded(Revision),
}

/// The outcome for an instant that questions by time are about to be answered for.
pub(super) type Settled = Result<(), Arc<AppendError>>;

/// A message to the writer.
pub(super) enum Message {
    /// Decide a command.
    Submit(Box<Submission>, Reply<Result<Outcome, SubmitError>>),
    /// Open every day up to this one.
    OpenDays(Day, Reply<Result<(), SubmitError>>),
    /// Ensure that no later record is dated at or before this instant, even after a restart.
    Settle(Timestamp, Reply<Settled>),
    /// Publish every record of the log, and return the head: no record was after it when this was sent.
    Follow(Reply<Result<Revision, SubmitError>>),
    /// Publish what other processes appended, as far as it is known here to be durable.
    Heard,
    /// Report whether a command would be recorded.
    Probe(Reply<bool>),
    /// Process the queued messages, then end.
    Close,
}

impl Message {
    /// True if the same request was recorded before, at or before this revision.
    pub(super) fn was_recorded_before(&self, durable: Revision) -> bool {
        matches!(self, Message::Submit(_, Reply { outcome: Some(Ok(Outcome::Recorded(at))), .. }) if *at <= durable)
    }

    /// True if it is a command of a bulk caller, who hands in many at once.
    pub(super) fn is_bulk(&self) -> bool {
        matches!(self, Message::Submit(_, Reply { slot: Some(_), .. }))
    }

    /// True if it asked for a change and was accepted.
    pub(super) fn is_granted(&self) -> bool {
        match self {
            Message::Submit(_, Reply { outcome, .. }) => matches!(outcome, Some(Ok(_))),
            Message::OpenDays(_, Reply { outcome, .. }) => matches!(outcome, Some(Ok(()))),
            Message::Settle(..) | Message::Follow(_) | Message::Heard | Message::Probe(_) | Message::Close => false,
        }
    }

    /// True if it asks for something to be recorded.
    pub(super) fn may_record(&self) -> bool {
        matches!(self, Message::Submit(..) | Message::OpenDays(..))
    }

    /// True if all that is to be done about it is done when its batch is decided and committed.
    pub(super) fn is_decided_in_batch(&self) -> bool {
        match self {
            Message::Submit(..) | Message::OpenDays(..) | Message::Heard | Message::Probe(_) => true,
            Message::Settle(..) | Message::Follow(_) | Message::Close => false,
        }
    }

    /// True if the outcome holds only if no other process recorded something meanwhile.
    pub(super) fn depends_on_head(&self) -> bool {
        match self {
            Message::Submit(_, Reply { outcome, .. }) => {
                matches!(outcome, Some(Err(SubmitError::Rejected(_) | SubmitError::RequestIdReused)))
            }
            Message::OpenDays(..)
            | Message::Follow(_)
            | Message::Settle(..)
            | Message::Heard
            | Message::Probe(_)
            | Message::Close => false,
        }
    }

    /// Returns the instant to be settled, unless that was tried already.
    pub(super) fn unsettled(&self) -> Option<Timestamp> {
        match self {
            Message::Settle(instant, Reply { outcome: None, .. }) => Some(*instant),
            _ => None,
        }
    }

    /// Sets the outcome for an instant to be settled.
    pub(super) fn settle(&mut self, settled: &Settled) {
        if let Message::Settle(_, reply @ Reply { outcome: None, .. }) = self {
            reply.decide(settled.clone());
        }
    }

    /// Adds the token to the receipt of a record that is durable now.
    pub(super) fn add_token(&mut self, head: &Head, tips: &[Tip]) {
        if let Message::Submit(_, reply) = self
            && let Some(Ok(Outcome::Decided(receipt))) = &mut reply.outcome
        {
            let at = tips.binary_search_by_key(&receipt.revision, |tip| tip.revision).ok();
            receipt.token = at.and_then(|at| head.token_of(tips.get(at)?));
        }
    }

    /// Replaces the outcome of a message that asked for a change, or for the head, by an error.
    pub(super) fn refuse(&mut self, error: SubmitError) {
        match self {
            Message::Submit(_, reply) => reply.decide(Err(error)),
            Message::OpenDays(_, reply) => reply.decide(Err(error)),
            Message::Follow(reply) => reply.decide(Err(error)),
            Message::Settle(..) | Message::Heard | Message::Probe(_) | Message::Close => {}
        }
    }

    /// Sends the outcome.
    pub(super) fn answer(self) {
        match self {
            Message::Submit(_, reply) => reply.send(),
            Message::OpenDays(_, reply) => reply.send(),
            Message::Settle(_, reply) => reply.send(),
            Message::Follow(reply) => reply.send(),
            Message::Probe(reply) => reply.send(),
            Message::Heard | Message::Close => {}
        }
    }
}
