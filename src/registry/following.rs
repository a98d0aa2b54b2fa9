//! Following: publishes what other processes append to a log that they share.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use super::errors::{ReadError, SubmitError};
use super::handle::Registry;
use super::message::{Message, Reply};
use crate::domain::id::Revision;

/// How often something is decided before it is refused, because other processes append to the log each time.
pub(super) const TRIES: usize = 16;

/// How often the head of the log is read, whether there is news or not. News may get lost, and says nothing about what
/// else there is.
const HEARTBEAT: Duration = Duration::from_secs(1);

impl Registry {
    /// Waits until every record is published that was in the log when this was called. Returns the head.
    pub(super) async fn follow(&self) -> Result<Revision, SubmitError> {
        let (reply, answer) = Reply::channel(None);
        let sent = self.writer.send(Message::Follow(reply)).await;
        sent.map_err(|_| SubmitError::Read(ReadError::Interrupted))?;
        answer.await.unwrap_or(Err(SubmitError::Read(ReadError::Interrupted)))
    }

    /// Publishes every record that is in a shared log now, if it can be reached.
    pub async fn look_at_log(&self) {
        if self.shared.log_status.is_some() {
            // If it cannot be reached, the status says so.
            drop(self.follow().await);
        }
    }

    /// Follows the log. Never returns.
    pub async fn keep_following(&self) {
        if !self.shared.is_log_shared {
            std::future::pending::<()>().await;
        }
        let mut heartbeat = tokio::time::interval(HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // The log's status says so if this fails, and the next heartbeat tries again.
            tokio::select! {
                _ = heartbeat.tick() => drop(self.follow().await),
                () = self.shared.news.notified() => drop(self.writer.send(Message::Heard).await),
            }
        }
    }
}
