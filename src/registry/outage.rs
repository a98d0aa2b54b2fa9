//! While the log takes no writes, callers learn it at once. Of a shared log, only the heartbeat goes on to the
//! database.

use std::sync::Arc;

use jiff::SignedDuration;

use super::errors::{ReadError, SubmitError};
use super::message::{Message, Outcome};
use super::shared::Shared;
use super::submission::Submission;
use super::writer::Writer;
use crate::domain::id::Revision;
use crate::store::index::View as _;

/// How long after a refused batch a probe reports that the disk does not accept writes.
const REFUSES_ON: SignedDuration = SignedDuration::from_secs(5);

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
    pub(super) fn refuse_in_trouble(&mut self, messages: Vec<Message>) -> Vec<Message> {
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

    /// True if the disk has room and has not refused a batch within [`REFUSES_ON`].
    pub(super) fn takes_writes(&self) -> bool {
        let now = self.shared.clock.now();
        let refuses = self.refused_at.is_some_and(|refused| now.duration_since(refused) < REFUSES_ON);
        !refuses && self.store.has_room()
    }
}
