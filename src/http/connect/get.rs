//! Unary calls by GET: the message stands in the query of the URL.

use base64::Engine as _;
use http::{Response, Uri};
use percent_encoding::percent_decode;
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::unary::answer;
use crate::http::call::{Exchange, IDENTITY, compressed};
use crate::http::json::URL_SAFE;
use crate::http::media::Media;
use crate::surface::status;

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
    let message = asked(&exchange.head.uri).and_then(exchange.reader(media.codec()));
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
    let message = bytes(uri, "message").ok_or_else(|| status::invalid_field("message", "required"))?;
    if value(uri, "base64").as_deref() != Some("1") {
        return Ok(message.into());
    }
    let message = URL_SAFE.decode(message);
    message.map(Bytes::from).map_err(|_| status::invalid_field("message", "not base 64 for URLs"))
}

/// The first value of this name in the query, if it is a text.
fn value(uri: &Uri, name: &str) -> Option<String> {
    bytes(uri, name).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The bytes of the first value of this name in the query: an encoded message is no text.
fn bytes(uri: &Uri, name: &str) -> Option<Vec<u8>> {
    let mut pairs = uri.query()?.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(key, _)| unescaped(key) == name.as_bytes()).map(|(_, value)| unescaped(value))
}

/// A part of a query without its escapes: a plus stands for a space, and `%` with two hexadecimal digits for a byte.
fn unescaped(part: &str) -> Vec<u8> {
    percent_decode(part.replace('+', " ").as_bytes()).collect()
}
