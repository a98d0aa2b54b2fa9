//! What anyone may read without an identity: a fixed list of static bytes, made once, at a limited rate.

use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, LOCATION, RETRY_AFTER};
use http::{HeaderValue, Method as Verb, Request, Response, StatusCode};
use prost::bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tonic::body::Body;

use super::media::JSON;
use super::reference::{self, Reference};
use super::{HttpListener, reply};
use crate::auth::peer::Peer;

/// The number of requests per second that all connections together may send.
const PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();

/// After this number of seconds all of these requests may be sent again.
const RETRY_SECONDS: &str = "1";

/// A path, and what it is.
const PATHS: [(&str, Content); 3] =
    [("/", Content::Entrance), ("/docs", Content::Page), ("/openapi.json", Content::Document)];

/// What anyone may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The way to the page.
    Entrance,
    /// The page about all methods.
    Page,
    /// The OpenAPI document.
    Document,
}

/// The bytes, once somebody has asked for them, and the limit of requests.
pub(super) struct Open {
    made: OnceCell<Made>,
    limit: DefaultDirectRateLimiter,
}

struct Made {
    page: Static,
    document: Static,
}

/// Bytes that do not change.
struct Static {
    media: &'static str,
    bytes: Bytes,
    tag: HeaderValue,
    policy: Option<HeaderValue>,
}

impl Open {
    pub(super) fn new() -> Open {
        Open { made: OnceCell::new(), limit: RateLimiter::direct(Quota::per_second(PER_SECOND)) }
    }
}

/// What anyone may read at a path.
pub(super) fn content(path: &str) -> Option<Content> {
    PATHS.iter().find(|(open, _)| *open == path).map(|(_, content)| *content)
}

/// Answers a request for it.
pub(super) async fn answer(listener: &HttpListener, content: Content, request: &Request<()>) -> Response<Body> {
    let mut response = read(listener, content, request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    listener.surface.answered(request, response.status());
    response
}

async fn read(listener: &HttpListener, content: Content, request: &Request<()>) -> Response<Body> {
    if request.method() != Verb::GET {
        return reply::allowing("GET", reply::refusal(StatusCode::METHOD_NOT_ALLOWED, "send a GET"));
    }
    if listener.shared.open.limit.check().is_err() {
        let mut response = reply::refusal(StatusCode::TOO_MANY_REQUESTS, "too many requests without an identity");
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_SECONDS));
        return response;
    }
    let of: fn(&Made) -> &Static = match content {
        Content::Entrance => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(LOCATION, HeaderValue::from_static("/docs"));
            return response;
        }
        Content::Page => |made| &made.page,
        Content::Document => |made| &made.document,
    };
    match made(listener).await {
        Some(made) => of(made).answer(request),
        None => reply::refusal(StatusCode::INTERNAL_SERVER_ERROR, "the reference was not made"),
    }
}

/// The bytes. The first request makes them, on a thread where no call waits.
async fn made(listener: &HttpListener) -> Option<&Made> {
    let make = || async {
        let shared = std::sync::Arc::clone(&listener.shared);
        tokio::task::spawn_blocking(move || Made::of(Reference::of(&shared.contract))).await
    };
    let made = listener.shared.open.made.get_or_try_init(make).await;
    made.inspect_err(|error| {
        let error = error as &dyn std::error::Error;
        tracing::error!(event = "reference_not_made", error, "the reference of the contract was not made");
    })
    .ok()
}

impl Made {
    fn of(reference: Reference) -> Made {
        let policy = HeaderValue::try_from(reference::policy()).ok();
        let page = Static { policy, ..Static::of("text/html; charset=utf-8", reference.page) };
        Made { page, document: Static::of(JSON, reference.openapi) }
    }
}

impl Static {
    fn of(media: &'static str, text: String) -> Static {
        let digest: String = Sha256::digest(&text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // Hexadecimal digits are valid in a header.
        let tag = HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Static { media, bytes: text.into(), tag, policy: None }
    }

    fn answer(&self, request: &Request<()>) -> Response<Body> {
        let mut response = if self.is_known_to(request) {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            // An unauthenticated connection gets little else.
            if let Some(peer) = request.extensions().get::<Peer>() {
                peer.grant(self.bytes.len());
            }
            reply::whole(StatusCode::OK, self.media, self.bytes.clone())
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, self.tag.clone());
        if let Some(policy) = &self.policy {
            headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }

    /// True if the caller has these bytes already.
    fn is_known_to(&self, request: &Request<()>) -> bool {
        let named = request.headers().get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut tags = named.flat_map(|value| value.split(',')).map(str::trim);
        tags.any(|tag| tag == "*" || self.tag == *tag.trim_start_matches("W/"))
    }
}
