//! JSON lines: one response in a line, or one element of a batch.

use http::header::CONTENT_ENCODING;
use http::{Response, StatusCode};
use prost::bytes::Bytes;
use prost_reflect::MessageDescriptor;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::call::{Exchange, parts};
use super::codec::{self, Codec};
use super::connect::one;
use super::media::{JSON_LINES, Media};
use super::pieces::{Form, pieces};
use super::{error, reply};
use crate::surface::{Answers, status};

/// Answers a call in lines.
pub(super) async fn answer(exchange: Exchange, body: Body) -> Response<Body> {
    match called(&exchange, body).await {
        Err(refusal) => reply::refused(&refusal, exchange.contract()),
        Ok((answers, until)) => {
            let id = answers.request_id().cloned();
            let answered = if exchange.method.gives_stream {
                Ok(streamed(&exchange, answers, until))
            } else {
                batch(&exchange.method.output, answers).await
            };
            let mut response = answered.unwrap_or_else(|refusal| reply::refused(&refusal, exchange.contract()));
            reply::with_id(id.as_ref(), response.headers_mut());
            reply::with_unknown(exchange.unknown.named(), response.headers_mut());
            response
        }
    }
}

async fn called(exchange: &Exchange, body: Body) -> Result<(Answers, Option<Instant>), Status> {
    use tokio_stream::StreamExt as _;
    if Media::of(&exchange.head.headers) == Some(Media::JsonLines) {
        let (method, unknown) = (exchange.method.clone(), exchange.unknown.clone());
        if !method.takes_stream {
            let refusal = status::invalid_field("content-type", "this method takes one message: send application/json");
            return exchange.call(tokio_stream::once(Err(refusal)), &CONTENT_ENCODING).await;
        }
        let messages = pieces(exchange.received(body), Form::Lines, method.largest);
        let messages = messages.map(move |message| Codec::Json.read(message?, &method, &unknown));
        exchange.call(messages, &CONTENT_ENCODING).await
    } else {
        exchange.call(exchange.message(body, Codec::Json), &CONTENT_ENCODING).await
    }
}

/// Each response in a line. A refusal is the last line.
fn streamed(exchange: &Exchange, answers: Answers, until: Option<Instant>) -> Response<Body> {
    let (output, pool) = (exchange.method.output.clone(), exchange.contract().pool().clone());
    let write = move |message| Codec::Json.write(message, &output).map(|json| line(&json));
    let end = move |refusal: Option<&Status>| match refusal {
        None => Bytes::new(),
        Some(refusal) => line(error::ended(refusal, &pool).as_bytes()),
    };
    reply::streamed(JSON_LINES, parts(answers, until, write, end))
}

fn line(json: &[u8]) -> Bytes {
    [json, b"\n"].concat().into()
}

/// The elements of a batch in a line each.
async fn batch(output: &MessageDescriptor, mut answers: Answers) -> Result<Response<Body>, Status> {
    let lines = codec::lines(one(&mut answers).await?, output)?;
    Ok(reply::whole(StatusCode::OK, JSON_LINES, lines))
}
