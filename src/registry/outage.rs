//! While the shared log takes no writes, callers learn it at once. Only the heartbeat goes on to the database.

use std::sync::Arc;

use super::errors::{ReadError, SubmitError};
use super::message::{Message, Outcome};
use super::shared::Shared;
use super::submission::Submission;
use super::writer::Writer;
use crate::domain::id::Revision;
use crate::store::index::View as _;

impl Shared {
    /// The revision at which the same request was recorded before, if that is known here.
    pub(super) fn recorded(&self, submission: &Submission) -> Result<Option<Revision>, ReadError> {
        let Submission { reporter, method, request_id, content, .. } = submission;
        let recorded = self.index.request(&reporter.client, method, *request_id)?;
        let is_same = |digest: &[u8; 32]| content.has_digest(&self.request_key, digest, *request_id);
        Ok(recorded.filter(|(_, digest)| is_same(digest)).map(|(revision, _)| revision))
    }
}

impl Writer {
    /// Answers what needs the shared log while that takes no writes. Returns the messages that go on to it.
    pub(super) fn refuse_in_trouble(&self, messages: Vec<Message>) -> Vec<Message> {
        let Some(trouble) = self.shared.trouble() else { return messages };
        let (going_on, mut refused): (Vec<_>, Vec<_>) =
            messages.into_iter().partition(|message| matches!(message, Message::Follow(_) | Message::Close));
        for message in &mut refused {
            match message {
                Message::Submit(submission, reply) => reply.decide(match self.shared.recorded(submission) {
                    Ok(Some(revision)) if self.shared.require_kept(revision).is_ok() => Ok(Outcome::Recorded(revision)),
                    _ => Err(SubmitError::Log(Arc::clone(&trouble))),
                }),
                Message::OpenDays(_, reply) => reply.decide(Err(SubmitError::Log(Arc::clone(&trouble)))),
                Message::Probe(reply) => reply.decide(false),
                // Who waits for an instant to be settled learns of the trouble from the status.
                Message::Settle(..) | Message::Heard | Message::Follow(_) | Message::Close => {}
            }
        }
        refused.into_iter().for_each(Message::answer);
        going_on
    }
}
