//! Unary calls: one message in the body, one in the answer.

use http::header::CONTENT_ENCODING;
use http::{Response, StatusCode};
use prost::bytes::Bytes;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;

use crate::http::call::{Exchange, next};
use crate::http::codec::Codec;
use crate::http::media::Media;
use crate::http::reply;
use crate::surface::{Answers, status};

/// Answers a unary call by POST.
pub(in crate::http) async fn unary(exchange: Exchange, body: Body, media: Media) -> Response<Body> {
    let message = exchange.message(body, media.codec());
    answer(exchange, message, media).await
}

/// Calls the method with a message, and answers.
pub(super) async fn answer<M>(exchange: Exchange, message: M, media: Media) -> Response<Body>
where
    M: Stream<Item = Result<Bytes, Status>> + Send + 'static,
{
    match called(&exchange, message, media.codec()).await {
        Ok((written, answers)) => {
            let mut response = reply::whole(StatusCode::OK, media.name(), written);
            reply::with_id(answers.request_id(), response.headers_mut());
            reply::with_unknown(exchange.unknown.named(), response.headers_mut());
            response
        }
        Err(refusal) => reply::refused(&refusal, exchange.contract()),
    }
}

async fn called<M>(exchange: &Exchange, message: M, codec: Codec) -> Result<(Bytes, Answers), Status>
where
    M: Stream<Item = Result<Bytes, Status>> + Send + 'static,
{
    let (mut answers, _) = exchange.call(message, &CONTENT_ENCODING).await?;
    let message = one(&mut answers).await?;
    Ok((exchange.writer(codec).whole(message)?, answers))
}

/// The only response of a unary call.
pub(in crate::http) async fn one(answers: &mut Answers) -> Result<Bytes, Status> {
    let message = next(answers, None).await.unwrap_or_else(|| Err(status::internal()))?;
    // Its status follows.
    match next(answers, None).await {
        None => Ok(message),
        Some(Err(refusal)) => Err(refusal),
        Some(Ok(_)) => Err(status::internal()),
    }
}
