//! Responses.

use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use prost::bytes::Bytes;
use tokio_stream::{Stream, StreamExt as _};
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::call::IDENTITY;
use super::contract::Contract;
use super::{error, media};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static UNKNOWN_FIELDS: HeaderName = HeaderName::from_static("x-unknown-fields");
static ACCEPT_POST: HeaderName = HeaderName::from_static("accept-post");

/// The scheme by which a caller may identify itself without a certificate.
const CHALLENGE: &str = "Bearer";

/// A response with a whole body.
pub(super) fn whole(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// A response whose body is sent as it comes.
pub(super) fn streamed<S>(content_type: &'static str, body: S) -> Response<Body>
where
    S: Stream<Item = Bytes> + Send + 'static,
{
    let frames = body.map(|bytes| Ok::<_, std::convert::Infallible>(Frame::data(bytes)));
    let mut response = Response::new(Body::new(StreamBody::new(frames)));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// The refusal of a request that is not a call, with the HTTP status of what is wrong with it. Its code is the one that
/// the protocol infers from that status, or a more exact one.
pub(super) fn refusal(http: StatusCode, why: &Status, contract: &Contract) -> Response<Body> {
    whole(http, media::JSON, error::text(why, contract.pool()))
}

/// Adds the HTTP methods that are allowed.
pub(super) fn allowing(methods: &'static str, mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(methods));
    response
}

/// Adds the content types that may be posted.
pub(super) fn posting(types: &'static str, mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(&ACCEPT_POST, HeaderValue::from_static(types));
    response
}

/// The answer to a call that was refused.
pub(super) fn refused(status: &Status, contract: &Contract) -> Response<Body> {
    let body = error::text(status, contract.pool());
    let mut response = whole(error::http_status(status.code()), media::JSON, body);
    with_id_of(status, response.headers_mut());
    with_encodings(status, &ACCEPT_ENCODING, response.headers_mut());
    let delay = status.get_details_retry_info().and_then(|info| info.retry_delay);
    if let Some(delay) = delay {
        let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    if status.code() == Code::Unauthenticated {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    response
}

/// Names the encodings of messages that are spoken, if a call was refused because of another. `accept` is the header
/// for them.
pub(super) fn with_encodings(status: &Status, accept: &HeaderName, headers: &mut HeaderMap) {
    if status.code() == Code::Unimplemented {
        headers.insert(accept, HeaderValue::from_static(IDENTITY));
    }
}

/// Adds the id of a refused call.
pub(super) fn with_id_of(status: &Status, headers: &mut HeaderMap) {
    let id = status.metadata().get(REQUEST_ID.as_str()).and_then(|id| id.to_str().ok());
    with_id(id.and_then(|id| id.parse().ok()).as_ref(), headers);
}

/// Adds the id of a call.
pub(super) fn with_id(id: Option<&HeaderValue>, headers: &mut HeaderMap) {
    if let Some(id) = id {
        headers.insert(&REQUEST_ID, id.clone());
    }
}

/// Names the fields of the question that were ignored.
pub(super) fn with_unknown(named: Option<String>, headers: &mut HeaderMap) {
    if let Some(named) = named.and_then(|named| HeaderValue::try_from(named).ok()) {
        headers.insert(&UNKNOWN_FIELDS, named);
    }
}
