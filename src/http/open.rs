//! What anyone may read without an identity, at a limited rate: static bytes that are made once, the public
//! keys, and the checkpoint and hash tiles of the transparency log.

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

/// The same for hash tiles. Who checks the whole log reads one for every 256 records.
const TILES_PER_SECOND: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// A path, and what it is.
const PATHS: [(&str, Content); 5] = [
    ("/", Content::Entrance),
    ("/docs", Content::Page),
    ("/openapi.json", Content::Document),
    ("/.well-known/jwks.json", Content::Keys),
    ("/log/checkpoint", Content::Checkpoint),
];

/// Where the paths of hash tiles begin.
const TILES: &str = "/log/tile/";

/// A full tile does not change, except by a restore. A witness asks caches for the present one.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// How long the keys may be kept. A rotation publishes a key before it signs.
const KEYS_KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// What anyone may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The way to the page.
    Entrance,
    /// The page about all methods.
    Page,
    /// The OpenAPI document.
    Document,
    /// The public keys.
    Keys,
    /// The latest signed checkpoint.
    Checkpoint,
    /// Hashes of the tree.
    Tile,
}

/// The bytes, once somebody has asked for them, and the limit of requests.
pub(super) struct Open {
    made: OnceCell<Made>,
    limit: DefaultDirectRateLimiter,
    tiles_limit: DefaultDirectRateLimiter,
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
        let limit = |rate| RateLimiter::direct(Quota::per_second(rate));
        Open { made: OnceCell::new(), limit: limit(PER_SECOND), tiles_limit: limit(TILES_PER_SECOND) }
    }
}

/// What anyone may read at a path.
pub(super) fn content(path: &str) -> Option<Content> {
    let listed = PATHS.iter().find(|(open, _)| *open == path).map(|(_, content)| *content);
    listed.or_else(|| path.starts_with(TILES).then_some(Content::Tile))
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
    let open = &listener.shared.open;
    let limit = if content == Content::Tile { &open.tiles_limit } else { &open.limit };
    if limit.check().is_err() {
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
        Content::Keys => {
            let keys = Static::of("application/jwk-set+json", listener.surface.public_keys());
            let mut response = keys.answer(request);
            response.headers_mut().insert(CACHE_CONTROL, KEYS_KEPT);
            return response;
        }
        Content::Checkpoint => return checkpoint(listener, request),
        Content::Tile => return tile(listener, request).await,
        Content::Page => |made| &made.page,
        Content::Document => |made| &made.document,
    };
    match made(listener).await {
        Some(made) => of(made).answer(request),
        None => reply::refusal(StatusCode::INTERNAL_SERVER_ERROR, "the reference was not made"),
    }
}

/// The latest signed checkpoint.
fn checkpoint(listener: &HttpListener, request: &Request<()>) -> Response<Body> {
    match listener.surface.checkpoint() {
        Ok(latest) => granted(request, "text/plain; charset=utf-8", latest.note.clone()),
        Err(status) => reply::refused(&status, &listener.shared.contract),
    }
}

/// A hash tile.
async fn tile(listener: &HttpListener, request: &Request<()>) -> Response<Body> {
    let path = request.uri().path().strip_prefix(TILES).unwrap_or_default();
    match listener.surface.tile(path).await {
        Ok(Some(tile)) => {
            let mut response = granted(request, "application/octet-stream", tile.bytes);
            if tile.is_full {
                response.headers_mut().insert(CACHE_CONTROL, IMMUTABLE);
            }
            response
        }
        Ok(None) => reply::refusal(StatusCode::NOT_FOUND, "the latest checkpoint has no such tile"),
        Err(status) => reply::refused(&status, &listener.shared.contract),
    }
}

/// A response that an unauthenticated connection gets beyond its limit.
fn granted(request: &Request<()>, media: &'static str, bytes: impl Into<Bytes>) -> Response<Body> {
    let bytes = bytes.into();
    if let Some(peer) = request.extensions().get::<Peer>() {
        peer.grant(bytes.len());
    }
    reply::whole(StatusCode::OK, media, bytes)
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
            granted(request, self.media, self.bytes.clone())
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
