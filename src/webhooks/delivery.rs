//! The deliveries to one client: read the feed with the client's rights, post what changes something, note the
//! position.
//!
//! After a failure everything begins again at the position that is noted: the client is identified again, and the
//! record is read again, so that a receiver gets what the client may see at that time.

use std::convert::Infallible;
use std::future;
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::body::{WriteError, Writer};
use super::connection::{PostError, Receiver};
use super::cursor::{Cursor, Position};
use super::signature::signatures;
use super::{Sender, Webhook, backoff, tls};
use crate::auth::FEED;
use crate::auth::peer::Peer;
use crate::proto::v1::watch_changes_response::Event;
use crate::proto::v1::{ChangeMessage, ChangePosition, WatchChangesRequest, WatchChangesResponse};
use crate::registry::incident::Incident;
use crate::surface::{Answers, Call};

/// What the requests of a webhook call themselves, here and at the receiver.
static AGENT: HeaderValue = HeaderValue::from_static(concat!("cpss-registry-webhook/", env!("CARGO_PKG_VERSION")));

/// Why deliveries cannot go on now.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The file with the position cannot be read or written.
    #[error("the position cannot be read or written: {0}")]
    Position(#[from] std::io::Error),
    /// The feed ended.
    #[error("the feed ended: {0}")]
    Feed(String),
    /// The history of the position goes on elsewhere, after this revision if it is known.
    #[error("the history of the position is not continued here")]
    OtherHistory(Option<u64>),
    /// A message of the feed cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The authorities cannot be used, or the host is none.
    #[error("no connection can be prepared: {0}")]
    Prepare(String),
    /// There is no answer.
    #[error(transparent)]
    Post(#[from] PostError),
    /// The answer is not a success.
    #[error("the receiver answered {}", .0.as_u16())]
    Answered(StatusCode),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        let info = status.get_details_error_info().filter(|info| info.reason == "HISTORY_CHANGED");
        match info.filter(|_| status.code() == Code::FailedPrecondition) {
            Some(info) => {
                Failure::OtherHistory(info.metadata.get("last_shared_revision").and_then(|text| text.parse().ok()))
            }
            None => Failure::Feed(status.message().to_owned()),
        }
    }
}

/// The deliveries to a client.
pub(super) struct Delivery {
    webhook: Webhook,
    sender: Sender,
    writer: Arc<Writer>,
    /// What makes the calls, in place of a connection of the client.
    peer: Peer,
    /// The failures since a record was confirmed as a whole.
    failures: u32,
    troubles: Incident,
}

impl Delivery {
    pub(super) fn new(webhook: Webhook, sender: Sender, writer: Arc<Writer>) -> Delivery {
        let peer = Peer::within(&webhook.client);
        Delivery { webhook, sender, writer, peer, failures: 0, troubles: Incident::new() }
    }

    /// Delivers until this is dropped or the receiver says that it is gone.
    pub(super) async fn run(mut self) {
        self.sender.board.begun(&self.webhook.client);
        let mut cursor = loop {
            match self.open().await {
                Ok(cursor) => break cursor,
                Err(failure) => self.failed(&failure).await,
            }
        };
        if !self.sender.delivers {
            return future::pending().await;
        }
        let mut receiver = loop {
            self.sender.board.at(&self.webhook.client, cursor.position().revision);
            match self.prepare().await {
                Ok(receiver) => break receiver,
                Err(failure) => self.failed(&failure).await,
            }
        };
        loop {
            let failure = match self.follow(&mut cursor, &mut receiver).await {
                Ok(never) => match never {},
                Err(failure) => failure,
            };
            // A record that was confirmed is not sent again only because of another failure.
            cursor.keep().await.ok();
            match failure {
                Failure::Answered(StatusCode::GONE) => return self.gone(),
                Failure::OtherHistory(last_shared) => self.change_history(last_shared, &mut cursor).await,
                failure => self.failed(&failure).await,
            }
        }
    }

    /// Delivers until something fails.
    async fn follow(&mut self, cursor: &mut Cursor, receiver: &mut Receiver) -> Result<Infallible, Failure> {
        self.sender.board.at(&self.webhook.client, cursor.position().revision);
        let mut answers = self.watch(cursor.position().clone()).await?;
        loop {
            let message = answers.next().await.unwrap_or_else(|| Err(Status::unavailable("it ended")))?;
            let response = WatchChangesResponse::decode(message).map_err(WriteError::from)?;
            match response.event {
                Some(Event::Message(message)) => self.deliver(&message, cursor, receiver).await?,
                Some(Event::Progress(_)) => {
                    cursor.keep().await?;
                    self.works();
                }
                None => {}
            }
        }
    }

    /// Opens the position.
    async fn open(&self) -> Result<Cursor, Failure> {
        let begin = || (self.sender.position)(self.webhook.from_revision);
        Ok(Cursor::open(&self.sender.directory, &self.webhook.client, begin).await?)
    }

    /// Prepares the connection.
    async fn prepare(&self) -> Result<Receiver, Failure> {
        let authorities = self.webhook.authorities.clone();
        let tls = tokio::task::spawn_blocking(|| tls::connector(authorities)).await;
        let tls = tls.map_err(|error| Failure::Prepare(error.to_string()))?;
        let tls = tls.map_err(|error| Failure::Prepare(error.to_string()))?;
        let receiver = Receiver::new(self.webhook.url.clone(), tls, self.webhook.allow_local);
        receiver.ok_or_else(|| Failure::Prepare("the host is not a name".to_owned()))
    }

    /// Asks for the feed after a position, as the client.
    async fn watch(&self, Position { epoch, revision }: Position) -> Result<Answers, Failure> {
        let request =
            WatchChangesRequest { after: Some(ChangePosition { epoch, revision }), ..WatchChangesRequest::default() };
        let request = tokio_stream::once(Ok(Bytes::from(request.encode_to_vec())));
        let headers = HeaderMap::from_iter([(USER_AGENT, AGENT.clone())]);
        let call = Call { method: FEED, headers: &headers, peer: Some(&self.peer), deadline: None };
        Ok(self.sender.surface.call(call, request).await?)
    }

    /// Posts a message if it changes something, and then moves the position if it completes a record.
    async fn deliver(
        &mut self,
        message: &ChangeMessage,
        cursor: &mut Cursor,
        receiver: &mut Receiver,
    ) -> Result<(), Failure> {
        let is_posted = !message.changes.is_empty();
        if is_posted {
            self.post(message, receiver).await?;
            self.sender.board.confirmed(&self.webhook.client);
        }
        if message.last_part {
            let position = Position { epoch: message.epoch.clone(), revision: message.revision };
            cursor.move_to(position).await?;
            self.sender.board.at(&self.webhook.client, message.revision);
            if is_posted {
                self.works();
            }
        }
        Ok(())
    }

    async fn post(&self, message: &ChangeMessage, receiver: &mut Receiver) -> Result<(), Failure> {
        let body = Bytes::from(self.writer.write(&message.encode_to_vec())?);
        let id = format!("{}-{}-{}", message.epoch, message.revision, message.part);
        let time = (self.sender.now)().as_second();
        let signature = signatures(&self.webhook.secrets, &id, time, &body);
        let signed = [("webhook-id", id), ("webhook-timestamp", time.to_string()), ("webhook-signature", signature)];
        let mut headers =
            vec![(CONTENT_TYPE, HeaderValue::from_static("application/json")), (USER_AGENT, AGENT.clone())];
        for (name, value) in signed {
            let value = HeaderValue::from_str(&value).map_err(|error| Failure::Prepare(error.to_string()))?;
            headers.push((HeaderName::from_static(name), value));
        }
        let status = receiver.post(headers, body).await?;
        if status.is_success() { Ok(()) } else { Err(Failure::Answered(status)) }
    }

    /// A record was delivered as a whole, or nothing is left to deliver. A part alone ends no failure: all parts of a
    /// record are sent again until each is confirmed.
    fn works(&mut self) {
        let client = &self.webhook.client;
        self.failures = 0;
        self.troubles.resolve();
        if self.sender.board.works(client) {
            tracing::info!(event = "webhook_recovered", client, "the webhook is delivered again");
        }
    }

    /// Reports a failure, and waits.
    async fn failed(&mut self, failure: &Failure) {
        let client = &self.webhook.client;
        let cause = failure.to_string();
        if let Some(times) = self.troubles.occurred_for(&cause) {
            tracing::warn!(event = "webhook_not_delivered", client, times, cause, "a webhook could not be delivered");
        }
        if let Some(lasts) = self.sender.board.failed(client, Instant::now()) {
            let minutes = lasts.as_secs() / 60;
            tracing::error!(
                event = "webhook_failing",
                client,
                minutes,
                cause,
                "a webhook could not be delivered for more than an hour: attempts go on"
            );
        }
        self.failures = self.failures.saturating_add(1);
        // Without random bytes the wait is only longer.
        let random = getrandom::u32().unwrap_or(u32::MAX);
        let wait = backoff::wait(self.failures, random);
        // The registry itself is asked again soon: the client may have a new token.
        let is_refused_here = matches!(failure, Failure::Feed(_));
        tokio::time::sleep(if is_refused_here { wait.min(backoff::LONGEST_HERE) } else { wait }).await;
    }

    fn gone(&self) {
        let client = &self.webhook.client;
        self.sender.board.gone(client);
        tracing::error!(
            event = "webhook_gone",
            client,
            "the receiver of a webhook answered 410: nothing more is delivered until the list of clients is loaded again"
        );
    }

    /// Goes on where the two histories part, or at the head if that is not known.
    async fn change_history(&mut self, last_shared: Option<u64>, cursor: &mut Cursor) {
        let position = (self.sender.position)(last_shared);
        tracing::warn!(
            event = "webhook_history_changed",
            client = self.webhook.client,
            revision = position.revision,
            "the history forked before the position of a webhook: the records after this revision are delivered"
        );
        if let Err(error) = cursor.move_to(position).await {
            self.failed(&Failure::Position(error)).await;
        }
    }
}
