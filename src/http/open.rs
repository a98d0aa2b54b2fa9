//! What anyone may read without an identity, at a limited rate: static bytes that are made once, the public
//! keys, and the checkpoint and hash tiles of the transparency log.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderValue, Method as Verb, Request, Response, StatusCode};
use prost::bytes::Bytes;
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tonic::body::Body;

use super::gzip::{self, GZIP};
use super::media::JSON;
use super::page::{self, Part};
use super::reference::{self, Reference};
use super::{HttpListener, Shared, reply};
use crate::auth::peer::Peer;
use crate::surface::status;
use crate::surface::status::transport::method_not_allowed;

/// The numbers of requests per second that all connections together may send: for the reference, and for the page,
/// which a browser fetches in some thirty parts.
const REFERENCE_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).unwrap();
const PAGE_PER_SECOND: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// After this time all of these requests may be sent again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The same for hash tiles. Who checks the whole log reads one for every 256 records.
const TILES_PER_SECOND: NonZeroU32 = NonZeroU32::new(200).unwrap();

/// Where the paths of hash tiles begin.
const TILES: &str = "/log/tile/";

/// A full tile does not change, except by a restore. A witness asks caches for the present one.
const IMMUTABLE: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// How long the keys may be kept. A rotation publishes a key before it signs.
const KEYS_KEPT: HeaderValue = HeaderValue::from_static("public, max-age=300");

/// What anyone may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// A part of the page for a person, by its place in the list.
    Page(usize),
    /// The page about all methods.
    Reference,
    /// The OpenAPI document.
    Document,
    /// The public keys.
    Keys,
    /// The latest signed checkpoint.
    Checkpoint,
    /// Hashes of the tree.
    Tile,
}

/// The bytes, once somebody has asked for them, and the limits of requests.
pub(super) struct Open {
    page: OnceCell<Page>,
    reference: OnceCell<Made>,
    page_limit: DefaultDirectRateLimiter,
    reference_limit: DefaultDirectRateLimiter,
    tiles_limit: DefaultDirectRateLimiter,
}

/// The page for a person.
struct Page {
    /// Its parts, in the order of their list.
    parts: Vec<Static>,
    /// Its document for those whose connection identifies them.
    identified: Static,
}

/// The reference of the contract.
struct Made {
    reference: Static,
    document: Static,
}

/// Bytes that do not change.
struct Static {
    media: &'static str,
    bytes: Bytes,
    tag: HeaderValue,
    policy: Option<HeaderValue>,
    /// The same as gzip, with its tag.
    packed: Option<(Bytes, HeaderValue)>,
}

impl Open {
    pub(super) fn new() -> Open {
        let limit = |rate| RateLimiter::direct(Quota::per_second(rate));
        Open {
            page: OnceCell::new(),
            reference: OnceCell::new(),
            page_limit: limit(PAGE_PER_SECOND),
            reference_limit: limit(REFERENCE_PER_SECOND),
            tiles_limit: limit(TILES_PER_SECOND),
        }
    }
}

impl Page {
    fn new() -> Page {
        let with_policy = |part| Static { policy: Some(HeaderValue::from_static(page::POLICY)), ..part };
        let part = |part: &Part| match part.path {
            page::DOCUMENT => with_policy(Static::of(part.media, page::served(part))),
            _ => Static::of(part.media, page::served(part)),
        };
        let parts = page::PARTS.iter().map(|it| part(it).packed()).collect();
        Page { parts, identified: with_policy(Static::of(page::HTML, page::identified())).packed() }
    }

    /// A part of the page. Its document tells the browser whether to ask for a token.
    fn part(&self, at: usize, is_identified: bool) -> Option<&Static> {
        match page::PARTS.get(at)?.path {
            page::DOCUMENT if is_identified => Some(&self.identified),
            _ => self.parts.get(at),
        }
    }
}

/// What anyone may read at a path.
pub(super) fn content(path: &str) -> Option<Content> {
    match path {
        "/docs" => Some(Content::Reference),
        "/openapi.json" => Some(Content::Document),
        "/.well-known/jwks.json" => Some(Content::Keys),
        "/log/checkpoint" => Some(Content::Checkpoint),
        _ if path.starts_with(TILES) => Some(Content::Tile),
        _ => page::PARTS.iter().position(|part| part.path == path).map(Content::Page),
    }
}

/// Answers a request for it.
pub(super) async fn answer(listener: &HttpListener, content: Content, request: &Request<()>) -> Response<Body> {
    let mut response = read(listener, content, request).await;
    response.headers_mut().entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-cache"));
    listener.surface.answered(request, response.status());
    response
}

async fn read(listener: &HttpListener, content: Content, request: &Request<()>) -> Response<Body> {
    let Shared { contract, open, .. } = &*listener.shared;
    if request.method() != Verb::GET {
        let why = method_not_allowed("send a GET");
        return reply::allowing("GET", reply::refusal(StatusCode::METHOD_NOT_ALLOWED, &why, contract));
    }
    let limit = match content {
        Content::Page(_) => &open.page_limit,
        Content::Tile => &open.tiles_limit,
        _ => &open.reference_limit,
    };
    if limit.check().is_err() {
        return reply::refused(&status::too_fast("too many requests without an identity", RETRY_AFTER), contract);
    }
    let found = match content {
        Content::Page(at) => {
            let page = made("page", &open.page, Page::new).await;
            page.and_then(|page| page.part(at, is_identified(listener, request)))
        }
        Content::Reference => reference(listener).await.map(|made| &made.reference),
        Content::Document => reference(listener).await.map(|made| &made.document),
        Content::Keys => {
            let keys = Static::of("application/jwk-set+json", listener.surface.public_keys());
            let mut response = keys.answer(request);
            response.headers_mut().insert(CACHE_CONTROL, KEYS_KEPT);
            return response;
        }
        Content::Checkpoint => return checkpoint(listener, request),
        Content::Tile => return tile(listener, request).await,
    };
    match found {
        Some(found) => found.answer(request),
        None => reply::refused(&status::internal(), contract),
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
        Ok(None) => reply::refused(&status::not_found("tile", path), &listener.shared.contract),
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

/// True if the connection says who calls, so that the page asks for no token: by a certificate, or because a
/// development server takes any caller.
fn is_identified(listener: &HttpListener, request: &Request<()>) -> bool {
    let peer = request.extensions().get::<Peer>();
    listener.shared.origins.is_dev || peer.is_some_and(|peer| peer.certificate().is_some())
}

async fn reference(listener: &HttpListener) -> Option<&Made> {
    let shared = Arc::clone(&listener.shared);
    made("reference", &listener.shared.open.reference, move || Made::of(Reference::of(&shared.contract))).await
}

/// What is made once. The first request makes it, on a thread where no call waits.
async fn made<'a, T: Send + 'static>(
    what: &'static str,
    cell: &'a OnceCell<T>,
    make: impl FnOnce() -> T + Send + 'static,
) -> Option<&'a T> {
    let made = cell.get_or_try_init(|| tokio::task::spawn_blocking(make)).await;
    made.inspect_err(|error| {
        let error = error as &dyn std::error::Error;
        tracing::error!(event = "page_not_made", what, error, "static bytes of the HTTP port could not be made");
    })
    .ok()
}

impl Made {
    fn of(reference: Reference) -> Made {
        let policy = HeaderValue::try_from(reference::policy()).ok();
        let page = Static { policy, ..Static::of(page::HTML, reference.page) };
        Made { reference: page, document: Static::of(JSON, reference.openapi) }
    }
}

impl Static {
    fn of(media: &'static str, text: String) -> Static {
        let digest: String = Sha256::digest(&text).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        // Hexadecimal digits are valid in a header.
        let tag = HeaderValue::try_from(format!("\"{digest}\"")).unwrap_or(HeaderValue::from_static("\"\""));
        Static { media, bytes: text.into(), tag, policy: None, packed: None }
    }

    /// The same, as gzip for those who take it.
    fn packed(self) -> Static {
        let tag = self.tag.to_str().ok().and_then(|tag| HeaderValue::try_from(tag.replacen('"', "\"z", 1)).ok());
        let packed = gzip::packed(&self.bytes).map(Bytes::from).zip(tag);
        Static { packed, ..self }
    }

    fn answer(&self, request: &Request<()>) -> Response<Body> {
        let packed = self.packed.as_ref().filter(|_| gzip::is_taken(request.headers()));
        let (bytes, tag) = packed.map_or((&self.bytes, &self.tag), |(bytes, tag)| (bytes, tag));
        let is_known = is_known_to(request, tag);
        let mut response = if is_known {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response
        } else {
            granted(request, self.media, bytes.clone())
        };
        let headers = response.headers_mut();
        headers.insert(ETAG, tag.clone());
        if packed.is_some() && !is_known {
            headers.insert(CONTENT_ENCODING, GZIP);
        }
        if self.packed.is_some() {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if let Some(policy) = &self.policy {
            headers.insert(CONTENT_SECURITY_POLICY, policy.clone());
        }
        response
    }
}

/// True if the caller has the bytes with this tag already.
fn is_known_to(request: &Request<()>, its: &HeaderValue) -> bool {
    let named = request.headers().get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut tags = named.flat_map(|value| value.split(',')).map(str::trim);
    tags.any(|tag| tag == "*" || *its == *tag.trim_start_matches("W/"))
}
