//! Unary calls by GET: the message stands in the query of the URL.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::Response;
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::unary::answer;
use crate::http::call::Exchange;
use crate::http::media::Media;
use crate::http::reply;
use crate::surface::status;

/// Senders may pad base 64, or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Answers a unary call by GET.
pub(in crate::http) async fn get(exchange: Exchange) -> Response<Body> {
    match asked(&exchange) {
        Ok((message, media)) => {
            let message = media.codec().read(message, &exchange.method, &exchange.unknown);
            answer(exchange, tokio_stream::once(message), media).await
        }
        Err(refusal) => reply::refused(&refusal, exchange.contract()),
    }
}

/// The message in the query, and its form.
fn asked(exchange: &Exchange) -> Result<(Bytes, Media), Status> {
    let query = exchange.head.uri.query().unwrap_or_default();
    let value =
        |name: &str| form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value);
    let media = match value("encoding").as_deref() {
        Some("json") => Media::Json,
        Some("proto") => Media::Proto,
        _ => return Err(status::invalid_field("encoding", "json or proto")),
    };
    if value("compression").is_some_and(|compression| !["", "identity"].contains(&&*compression)) {
        return Err(status::unimplemented("send the message without compression (identity)"));
    }
    if value("connect").is_some_and(|version| version != "v1") {
        return Err(status::invalid_field("connect", "only v1 is spoken"));
    }
    let message = value("message").ok_or_else(|| status::invalid_field("message", "required"))?;
    if value("base64").as_deref() != Some("1") {
        return Ok((Bytes::from(Cow::into_owned(message)), media));
    }
    let message = BASE64.decode(message.as_bytes());
    let message = message.map_err(|_| status::invalid_field("message", "not base 64 for URLs"))?;
    Ok((message.into(), media))
}
