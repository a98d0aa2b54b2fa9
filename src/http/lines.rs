//! JSON lines: one response in a line, or one element of a batch.

use http::header::CONTENT_ENCODING;
use http::{Response, StatusCode};
use prost::bytes::Bytes;
use tokio::time::Instant;
use tonic::Status;
use tonic::body::Body;

use super::call::{Exchange, parts};
use super::codec::Codec;
use super::connect::one;
use super::media::{JSON_LINES, Media};
use super::pieces::{Form, pieces};
use super::{error, reply};
use crate::surface::{Answers, status};

/// Answers a call in lines.
pub(super) async fn answer(exchange: Exchange, body: Body, media: Media) -> Response<Body> {
    match called(&exchange, body, media).await {
        Err(refusal) => reply::refused(&refusal, exchange.contract()),
        Ok((answers, until)) => {
            let id = answers.request_id().cloned();
            let answered = if exchange.method.gives_stream {
                Ok(streamed(&exchange, answers, until))
            } else {
                batch(&exchange, answers).await
            };
            let mut response = answered.unwrap_or_else(|refusal| reply::refused(&refusal, exchange.contract()));
            reply::with_id(id.as_ref(), response.headers_mut());
            reply::with_unknown(exchange.unknown.named(), response.headers_mut());
            response
        }
    }
}

async fn called(exchange: &Exchange, body: Body, media: Media) -> Result<(Answers, Option<Instant>), Status> {
    use tokio_stream::StreamExt as _;
    if media == Media::JsonLines {
        if !exchange.method.takes_stream {
            let refusal = status::invalid_field("content-type", "this method takes one message: send application/json");
            return exchange.call(tokio_stream::once(Err(refusal)), &CONTENT_ENCODING).await;
        }
        let messages = pieces(exchange.received(body), Form::Lines, exchange.method.largest);
        let read = exchange.reader(Codec::Json);
        exchange.call(messages.map(move |message| message.and_then(&read)), &CONTENT_ENCODING).await
    } else {
        exchange.call(exchange.message(body, Codec::Json), &CONTENT_ENCODING).await
    }
}

/// Each response in a line. A refusal is the last line.
fn streamed(exchange: &Exchange, answers: Answers, until: Option<Instant>) -> Response<Body> {
    let (writer, pool) = (exchange.writer(Codec::Json), exchange.contract().pool().clone());
    let write = move |message| writer.part(&message, line);
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
async fn batch(exchange: &Exchange, mut answers: Answers) -> Result<Response<Body>, Status> {
    let lines = exchange.writer(Codec::Json).lines(one(&mut answers).await?)?;
    Ok(reply::whole(StatusCode::OK, JSON_LINES, lines))
}
