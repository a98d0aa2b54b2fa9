//! Server-sent events: the feed of changes for browsers and for programs that have nothing else.

use http::header::{CONTENT_ENCODING, HeaderName};
use http::{HeaderMap, Response};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tonic::body::Body;

use super::call::{Exchange, parts};
use super::codec::Codec;
use super::contract::Method;
use super::media::EVENTS;
use super::{error, reply};
use crate::auth::FEED;
use crate::proto::v1::watch_changes_response::Event;
use crate::proto::v1::{ChangeMessage, ChangePosition, WatchChangesRequest, WatchChangesResponse};
use crate::surface::status;

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// True if the responses of a method can be sent as events.
pub(super) fn can_serve(method: &Method) -> bool {
    method.name == FEED
}

/// Answers a watch with events. The id of an event is the position after a whole record.
pub(super) async fn answer(exchange: Exchange, body: Body) -> Response<Body> {
    let messages = resumed(exchange.message(body, Codec::Json), &exchange.head.headers);
    match exchange.call(messages, &CONTENT_ENCODING).await {
        Err(refusal) => reply::refused(&refusal, exchange.contract()),
        Ok((answers, until)) => {
            let id = answers.request_id().cloned();
            let (writer, pool) = (exchange.writer(Codec::Json), exchange.contract().pool().clone());
            let write = move |message: Bytes| {
                let position = position(&message);
                writer.part(&message, |json| event("change", position.as_deref(), json))
            };
            let end = move |refusal: Option<&Status>| match refusal {
                None => Bytes::new(),
                Some(refusal) => event("error", None, error::text(refusal, &pool).as_bytes()),
            };
            let mut response = reply::streamed(EVENTS, parts(answers, until, write, end));
            reply::with_id(id.as_ref(), response.headers_mut());
            reply::with_unknown(exchange.unknown.named(), response.headers_mut());
            response
        }
    }
}

/// The request, from the position of the last event that the caller has seen, if it names one.
fn resumed<M>(messages: M, headers: &HeaderMap) -> impl Stream<Item = Result<Bytes, Status>> + Send + use<M>
where
    M: Stream<Item = Result<Bytes, Status>> + Send,
{
    let last = headers.get(&LAST_EVENT_ID).cloned();
    messages.map(move |message| {
        let message = message?;
        let Some(last) = &last else { return Ok(message) };
        let parsed = last.to_str().ok().and_then(|last| last.split_once('/'));
        let parsed = parsed.and_then(|(epoch, revision)| Some((epoch, revision.parse().ok()?)));
        let Some((epoch, revision)) = parsed else {
            return Err(status::invalid_field(LAST_EVENT_ID.as_str(), "not the id of an event of this feed"));
        };
        let request = WatchChangesRequest::decode(message).map_err(|_| status::internal())?;
        let after = Some(ChangePosition { epoch: epoch.to_owned(), revision });
        Ok(WatchChangesRequest { after, ..request }.encode_to_vec().into())
    })
}

/// The position after a message, if it completes a record.
fn position(message: &[u8]) -> Option<String> {
    match WatchChangesResponse::decode(message).ok()?.event? {
        Event::Message(ChangeMessage { epoch, revision, last_part: true, .. }) => Some(format!("{epoch}/{revision}")),
        Event::Message(_) | Event::Progress(_) => None,
    }
}

/// An event. JSON has no line breaks, so one line of data is enough.
fn event(kind: &str, id: Option<&str>, data: &[u8]) -> Bytes {
    let id = id.map(|id| format!("id: {id}\n")).unwrap_or_default();
    let mut event = format!("event: {kind}\n{id}data: ").into_bytes();
    event.extend_from_slice(data);
    event.extend_from_slice(b"\n\n");
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_part_of_a_record_has_a_position() {
        let position_of = |event| position(&WatchChangesResponse { event: Some(event) }.encode_to_vec());
        let part =
            |last_part| ChangeMessage { epoch: "e".to_owned(), revision: 7, last_part, ..ChangeMessage::default() };
        assert_eq!(position_of(Event::Message(part(false))), None);
        assert_eq!(position_of(Event::Message(part(true))).as_deref(), Some("e/7"));
    }
}
