//! Unary calls by GET: the message stands in the query of the URL.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{Response, Uri};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::unary::answer;
use crate::http::call::{Exchange, IDENTITY, compressed};
use crate::http::media::Media;
use crate::surface::status;

/// Senders may pad base 64, or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The form of the message in the query, if it is one that is spoken.
pub(in crate::http) fn media(uri: &Uri) -> Option<Media> {
    match value(uri, "encoding").as_deref() {
        Some("json") => Some(Media::Json),
        Some("proto") => Some(Media::Proto),
        _ => None,
    }
}

/// Answers a unary call by GET.
pub(in crate::http) async fn get(exchange: Exchange, media: Media) -> Response<Body> {
    let message = asked(&exchange.head.uri);
    let message = message.and_then(|message| media.codec().read(message, &exchange.method, &exchange.unknown));
    answer(exchange, tokio_stream::once(message), media).await
}

/// The message in the query.
fn asked(uri: &Uri) -> Result<Bytes, Status> {
    if value(uri, "compression").is_some_and(|compression| !["", IDENTITY].contains(&&*compression)) {
        return Err(compressed());
    }
    if value(uri, "connect").is_some_and(|version| version != "v1") {
        return Err(status::invalid_field("connect", "only v1 is spoken"));
    }
    let message = value(uri, "message").ok_or_else(|| status::invalid_field("message", "required"))?;
    if value(uri, "base64").as_deref() != Some("1") {
        return Ok(Bytes::from(Cow::into_owned(message)));
    }
    let message = BASE64.decode(message.as_bytes());
    message.map(Bytes::from).map_err(|_| status::invalid_field("message", "not base 64 for URLs"))
}

/// The first value of this name in the query.
fn value<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value)
}
