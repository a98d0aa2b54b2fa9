//! Streams: messages in envelopes, of one byte of flags and four bytes of length each. The last envelope of the answer
//! has the status of the call.

use http::{HeaderName, Response, StatusCode};
use prost::bytes::Bytes;
use prost_reflect::DescriptorPool;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tonic::body::Body;

use crate::http::call::{Exchange, parts};
use crate::http::media::Media;
use crate::http::pieces::{Form, pieces};
use crate::http::{error, reply};
use crate::surface::{envelope, status};

static ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
static ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");

/// The flag of the last envelope.
const END: u8 = 2;

/// Answers a call that streams.
pub(in crate::http) async fn stream(exchange: Exchange, body: Body, media: Media) -> Response<Body> {
    let messages = messages(&exchange, body, media);
    let called = exchange.call(messages, &ENCODING).await;
    let pool = exchange.contract().pool().clone();
    match called {
        Err(refusal) => {
            let mut response = reply::whole(StatusCode::OK, media.name(), ended(Some(&refusal), &pool));
            reply::with_id_of(&refusal, response.headers_mut());
            reply::with_encodings(&refusal, &ACCEPT_ENCODING, response.headers_mut());
            response
        }
        Ok((answers, until)) => {
            let id = answers.request_id().cloned();
            let writer = exchange.writer(media.codec());
            let write = move |message| writer.part(&message, |written| envelope(0, written));
            let parts = parts(answers, until, write, move |refusal| ended(refusal, &pool));
            let mut response = reply::streamed(media.name(), parts);
            reply::with_id(id.as_ref(), response.headers_mut());
            reply::with_unknown(exchange.unknown.named(), response.headers_mut());
            response
        }
    }
}

/// The messages of the body.
fn messages(exchange: &Exchange, body: Body, media: Media) -> impl Stream<Item = Result<Bytes, Status>> + Send + use<> {
    let most = if exchange.method.takes_stream { usize::MAX } else { 1 };
    let messages = pieces(exchange.received(body), Form::Envelopes, exchange.method.largest);
    let read = exchange.reader(media.codec());
    exactly(most, messages.map(move |message| message.and_then(&read)))
}

/// The messages, or a refusal if there are more than `most`, or none where there must be one.
fn exactly<M>(most: usize, messages: M) -> impl Stream<Item = Result<Bytes, Status>> + Send
where
    M: Stream<Item = Result<Bytes, Status>> + Send,
{
    let mut count = 0;
    messages.map(Some).chain(tokio_stream::once(None)).filter_map(move |message| match message {
        Some(Ok(_)) if count == most => Some(Err(not_one())),
        Some(message) => {
            count += 1;
            Some(message)
        }
        None => (most == 1 && count == 0).then(|| Err(not_one())),
    })
}

fn not_one() -> Status {
    status::unimplemented("this method takes exactly one message")
}

/// The last envelope.
fn ended(refusal: Option<&Status>, pool: &DescriptorPool) -> Bytes {
    let end = refusal.map_or_else(|| "{}".to_owned(), |refusal| error::ended(refusal, pool));
    envelope(END, end.as_bytes())
}
