//! A request for a method of the contract.

use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_ENCODING;
use http::request::Parts;
use http::{HeaderMap, HeaderName};
use prost::bytes::Bytes;
use tokio::time::Instant;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;

use super::HttpListener;
use super::codec::{Codec, Unknown};
use super::contract::{Contract, Method};
use super::received::Received;
use super::writer::Writer;
use crate::auth::peer::Peer;
use crate::surface::{Answers, Call, status};

static TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
static VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");

/// The only encoding of messages that is spoken.
pub(super) const IDENTITY: &str = "identity";

/// A request for a method, and what answers it.
pub(super) struct Exchange {
    listener: HttpListener,
    pub(super) method: Arc<Method>,
    pub(super) head: Parts,
    /// The unknown fields of the request.
    pub(super) unknown: Unknown,
}

impl Exchange {
    pub(super) fn new(listener: HttpListener, method: Arc<Method>, head: Parts) -> Exchange {
        Exchange { listener, method, head, unknown: Unknown::default() }
    }

    /// The descriptors of the contract.
    pub(super) fn contract(&self) -> &Contract {
        &self.listener.shared.contract
    }

    /// Calls the method with these messages. Returns its answers, and until when the caller waits for them. `encoding`
    /// is the header that says how messages are compressed.
    pub(super) async fn call<M>(&self, messages: M, encoding: &HeaderName) -> Result<(Answers, Option<Instant>), Status>
    where
        M: Stream<Item = Result<Bytes, Status>> + Send + 'static,
    {
        let begun = Instant::now();
        let peer: Option<&Peer> = self.head.extensions.get();
        let call = |deadline| Call { method: &self.method.name, headers: &self.head.headers, peer, deadline };
        match self.checked(encoding) {
            Ok(deadline) => {
                let answers = self.listener.surface.call(call(deadline), messages).await?;
                Ok((answers, deadline.map(|deadline| begun + deadline)))
            }
            // As the message of a call, the refusal is given only to a known caller, and is in the access log.
            Err(refusal) => Ok((self.listener.surface.call(call(None), tokio_stream::once(Err(refusal))).await?, None)),
        }
    }

    /// Checks the headers of the protocol. Returns how long the caller waits.
    fn checked(&self, encoding: &HeaderName) -> Result<Option<Duration>, Status> {
        let headers = &self.head.headers;
        if headers.get(&VERSION).is_some_and(|version| version != "1") {
            return Err(status::invalid_field(VERSION.as_str(), "only version 1 is spoken"));
        }
        for encoding in [encoding, &CONTENT_ENCODING] {
            if headers.get(encoding).is_some_and(|encoding| encoding != IDENTITY) {
                return Err(compressed());
            }
        }
        deadline(headers)
    }

    /// The bytes of a body, as they come.
    pub(super) fn received(&self, body: Body) -> Received {
        Received::new(body, self.head.extensions.get().cloned())
    }

    /// Reads the messages of the request.
    pub(super) fn reader(&self, codec: Codec) -> impl Fn(Bytes) -> Result<Bytes, Status> + Send + use<> {
        let (method, unknown) = (Arc::clone(&self.method), self.unknown.clone());
        move |message| codec.read(message, &method, &unknown)
    }

    /// Writes the responses.
    pub(super) fn writer(&self, codec: Codec) -> Writer {
        Writer::new(codec, self.method.output.clone(), self.head.extensions.get().cloned())
    }

    /// The single message of a body.
    pub(super) fn message(&self, body: Body, codec: Codec) -> impl Stream<Item = Result<Bytes, Status>> + Send + use<> {
        let (received, most, read) = (self.received(body), self.method.largest, self.reader(codec));
        futures_util::stream::once(async move { read(whole(received, most).await?) })
    }
}

/// The whole body, if it is at most this large.
async fn whole(mut received: Received, most: usize) -> Result<Bytes, Status> {
    while !received.is_over {
        received.more().await?;
        if received.bytes.len() > most {
            return Err(too_large(most));
        }
    }
    Ok(received.bytes.freeze())
}

/// The refusal of a message that is too large.
pub(super) fn too_large(most: usize) -> Status {
    status::too_large(format!("a message of this method may have at most {most} bytes as it is sent"))
}

/// The refusal of a message that is compressed.
pub(super) fn compressed() -> Status {
    status::unimplemented(format!("send the message without compression ({IDENTITY})"))
}

/// How long the caller waits, if it says so.
fn deadline(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(&TIMEOUT) else { return Ok(None) };
    let digits = value
        .to_str()
        .ok()
        .filter(|text| (1..=10).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()));
    let millis = digits.and_then(|digits| digits.parse().ok()).map(Duration::from_millis);
    match millis {
        Some(Duration::ZERO) => Err(status::deadline_exceeded()),
        Some(_) => Ok(millis),
        None => Err(status::invalid_field(TIMEOUT.as_str(), "not a number of milliseconds of up to ten digits")),
    }
}

/// Waits for the next response, but not longer than until the caller gives up.
pub(super) async fn next(answers: &mut Answers, until: Option<Instant>) -> Option<Result<Bytes, Status>> {
    use tokio_stream::StreamExt as _;
    match until {
        None => answers.next().await,
        Some(until) => tokio::time::timeout_at(until, answers.next())
            .await
            .unwrap_or_else(|_| Some(Err(status::deadline_exceeded()))),
    }
}

/// The responses of a call, as they are sent: `write` writes one, and `end` the end, with the refusal if there is one.
pub(super) fn parts<W, E>(
    answers: Answers,
    until: Option<Instant>,
    write: W,
    end: E,
) -> impl Stream<Item = Bytes> + Send
where
    W: FnMut(Bytes) -> Result<Bytes, Status> + Send,
    E: Fn(Option<&Status>) -> Bytes + Send,
{
    futures_util::stream::unfold(Some((answers, write, end)), move |state| async move {
        let (mut answers, mut write, end) = state?;
        let part = match next(&mut answers, until).await {
            None => return Some((end(None), None)),
            Some(part) => part.and_then(&mut write),
        };
        Some(match part {
            Ok(part) => (part, Some((answers, write, end))),
            Err(refusal) => (end(Some(&refusal)), None),
        })
    })
}
