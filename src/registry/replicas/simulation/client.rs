//! What clients ask, and what they learn.

use jiff::Timestamp;
use tokio::sync::oneshot::Receiver;
use uuid::Uuid;

use super::super::replica::{Replica, hire, person, register, submission};
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::id::{Revision, SpecialistId};
use crate::registry::errors::{SubmitError, WriterFailed};
use crate::registry::message::{Message, Outcome, Reply, Settled};
use crate::store::index::View as _;
use crate::store::log::AppendError;
use crate::store::log::trouble::Cause;

/// The providers that clients register.
pub const PROVIDERS: [&str; 3] = ["east", "north", "west"];

/// What a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
    /// Register a provider. Repeated requests have the same id.
    Register(usize),
    /// Report that a person works for a provider, which must be registered. Requests have an id each.
    Hire(usize, u64),
    /// Register another person.
    Meet(u64),
    /// The head, as a client sees it that waits for what it knows.
    Head,
    /// The last revision at or before an instant.
    At(Timestamp),
    /// Open the next civil day.
    OpenDay,
}

/// What a client learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is recorded, now or before.
    Recorded(Revision),
    /// Something that it needs is not on file.
    Missing,
    /// Another rule refuses it.
    Refused,
    /// The head, or the last revision at an instant.
    Revision(Revision),
    /// The day is open. That says nothing of the head: it may have been open for long.
    Opened,
    /// Nothing was done.
    Unavailable,
    /// The database lost records.
    Lost,
    /// It is not known.
    Unknown,
}

impl Question {
    /// The id of a request to record something.
    pub fn request_id(self) -> Option<Uuid> {
        match self {
            Question::Register(provider) => Some(Uuid::from_u128(100 + provider as u128)),
            Question::Hire(_, number) => Some(Uuid::from_u128(1000 + u128::from(number))),
            Question::Meet(number) => Some(Uuid::from_u128(1_000_000 + u128::from(number))),
            Question::Head | Question::At(_) | Question::OpenDay => None,
        }
    }
}

/// A message of a client, and the way to its outcome.
enum Sent {
    Submit(Receiver<Result<Outcome, SubmitError>>),
    Day(Receiver<Result<(), SubmitError>>),
    Head(Receiver<Result<Revision, SubmitError>>),
    At(Timestamp, Receiver<Settled>),
}

/// Has a replica process some questions as one batch.
pub fn ask(replica: &mut Replica, who: SpecialistId, questions: &[Question]) -> Result<Vec<Seen>, WriterFailed> {
    let (mut messages, mut sent) = (Vec::new(), Vec::new());
    for question in questions {
        let (message, way) = match *question {
            Question::Register(provider) => submit(*question, register(PROVIDERS[provider])),
            Question::Hire(provider, _) => {
                let start = "2026-02-02".parse().unwrap();
                submit(*question, hire(who, PROVIDERS[provider], start))
            }
            Question::Meet(number) => submit(*question, person(&format!("Mirela-{number}"))),
            Question::Head => {
                let (reply, answer) = Reply::channel(None);
                (Message::Follow(reply), Sent::Head(answer))
            }
            Question::At(instant) => {
                let (reply, answer) = Reply::channel(None);
                (Message::Settle(instant, reply), Sent::At(instant, answer))
            }
            Question::OpenDay => {
                let (reply, answer) = Reply::channel(None);
                (Message::OpenDays("2026-03-03".parse().unwrap(), reply), Sent::Day(answer))
            }
        };
        messages.push(message);
        sent.push(way);
    }
    // A replica that knows of a loss refuses before it decides, as where the service runs. What other trouble refuses
    // is sent to the database here, so that more happens.
    let knows_of_loss = replica.writer.shared.trouble().is_some_and(|trouble| trouble.cause.is_final());
    let messages = if knows_of_loss { replica.writer.refuse_in_trouble(messages) } else { messages };
    replica.writer.process(messages)?;
    Ok(sent.into_iter().map(|way| seen(replica, way)).collect())
}

fn submit(question: Question, command: Command) -> (Message, Sent) {
    let (reply, answer) = Reply::channel(None);
    let submission = submission(question.request_id().unwrap().as_u128(), command);
    (Message::Submit(Box::new(submission), reply), Sent::Submit(answer))
}

fn seen(replica: &Replica, way: Sent) -> Seen {
    match way {
        Sent::Submit(mut answer) => match answer.try_recv().unwrap() {
            Ok(Outcome::Decided(receipt)) => Seen::Recorded(receipt.revision),
            Ok(Outcome::Recorded(revision)) => Seen::Recorded(revision),
            Err(error) => refused(&error),
        },
        Sent::Day(mut answer) => match answer.try_recv().unwrap() {
            Ok(()) => Seen::Opened,
            Err(error) => refused(&error),
        },
        Sent::Head(mut answer) => answer.try_recv().unwrap().map_or_else(|error| refused(&error), Seen::Revision),
        Sent::At(instant, mut answer) => match answer.try_recv() {
            Ok(Ok(())) => Seen::Revision(replica.writer.shared.index.revision_at(instant).unwrap()),
            Ok(Err(error)) if matches!(*error, AppendError::Lost { .. }) => Seen::Lost,
            Ok(Err(_)) | Err(_) => Seen::Unavailable,
        },
    }
}

fn refused(error: &SubmitError) -> Seen {
    match error {
        SubmitError::Rejected(Rejection::NotFound { .. }) => Seen::Missing,
        SubmitError::Rejected(_) | SubmitError::RequestIdReused => Seen::Refused,
        SubmitError::OutcomeUnknown => Seen::Unknown,
        SubmitError::Log(trouble) if matches!(trouble.cause, Cause::Lost { .. }) => Seen::Lost,
        SubmitError::Busy | SubmitError::Log(_) => Seen::Unavailable,
        other => panic!("{other:?}"),
    }
}
