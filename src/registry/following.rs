//! Following: publishes what other processes append to a log that they share.

use std::time::Duration;

use super::errors::{ReadError, SubmitError};
use super::handle::Registry;
use super::message::{Message, Reply};
use crate::domain::id::Revision;

/// How often something is decided before it is refused, because other processes append to the log each time.
pub(super) const TRIES: usize = 16;

/// How often the log is looked at, whether there is news or not: news may get lost.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl Registry {
    /// Waits until every record is published that was in the log when this was called. Returns the head.
    pub(super) async fn follow(&self) -> Result<Revision, SubmitError> {
        let (reply, answer) = Reply::channel(None);
        let sent = self.writer.send(Message::Follow(reply)).await;
        sent.map_err(|_| SubmitError::Read(ReadError::Interrupted))?;
        answer.await.unwrap_or(Err(SubmitError::Read(ReadError::Interrupted)))
    }

    /// Follows the log. Never returns.
    pub async fn keep_following(&self) {
        if !self.shared.is_log_shared {
            std::future::pending::<()>().await;
        }
        loop {
            // The writer logs it if this fails, and the next heartbeat tries again.
            match tokio::time::timeout(HEARTBEAT, self.shared.news.notified()).await {
                Ok(()) => drop(self.writer.send(Message::Heard).await),
                Err(_) => drop(self.follow().await),
            }
        }
    }
}
