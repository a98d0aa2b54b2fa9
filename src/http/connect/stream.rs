//! Streams: messages in envelopes, of one byte of flags and four bytes of length each. The last envelope of the answer
//! has the status of the call.

use futures_util::StreamExt as _;
use http::{HeaderName, Response, StatusCode};
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use prost_reflect::DescriptorPool;
use tokio::time::Instant;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;

use crate::http::call::{Exchange, parts};
use crate::http::media::Media;
use crate::http::pieces::{Form, pieces};
use crate::http::{error, reply};

static ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");

/// The flag of the last envelope.
const END: u8 = 2;

/// Answers a call that streams.
pub(in crate::http) async fn stream(exchange: Exchange, body: Body) -> Response<Body> {
    let media = Media::of(&exchange.head.headers).unwrap_or(Media::ConnectJson);
    let begun = Instant::now();
    let called = match exchange.checked(&ENCODING) {
        Err(refusal) => Err(refusal),
        Ok(deadline) => {
            let messages = messages(&exchange, body, media);
            let answers = exchange.call(messages, deadline).await;
            answers.map(|answers| (answers, deadline.map(|deadline| begun + deadline)))
        }
    };
    let pool = exchange.contract().pool().clone();
    match called {
        Err(refusal) => {
            let mut response = reply::whole(StatusCode::OK, media.name(), ended(Some(&refusal), &pool));
            reply::with_id_of(&refusal, response.headers_mut());
            response
        }
        Ok((answers, until)) => {
            let id = answers.request_id().cloned();
            let output = exchange.method.output.clone();
            let write = move |message| media.codec().write(message, &output).map(|message| envelope(0, &message));
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
    let (method, unknown) = (exchange.method.clone(), exchange.unknown.clone());
    let messages = pieces(exchange.received(body), Form::Envelopes, method.largest);
    messages.map(move |message| media.codec().read(message?, &method, &unknown))
}

fn envelope(flags: u8, message: &[u8]) -> Bytes {
    // No answer has 4 GiB.
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut envelope = BytesMut::with_capacity(5 + message.len());
    envelope.put_u8(flags);
    envelope.put_u32(length);
    envelope.put_slice(message);
    envelope.freeze()
}

/// The last envelope.
fn ended(refusal: Option<&Status>, pool: &DescriptorPool) -> Bytes {
    let end = refusal.map_or_else(|| "{}".to_owned(), |refusal| error::ended(refusal, pool));
    envelope(END, end.as_bytes())
}
