//! What a web page may do. A browser sends its user's certificate with the requests of any page, so a request of
//! another site is refused before anything else processes it.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, ORIGIN,
    REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::uri::Authority;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use tonic::body::Body;

static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
static SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
static RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The headers that pages of configured origins may send and read.
const SENT: &str = "authorization, content-type, connect-protocol-version, connect-timeout-ms, last-event-id, traceparent, x-request-id";
const READ: &str = "x-request-id, x-unknown-fields";

/// Which web pages may call.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origins {
    /// The configured origins: `https://portal.example.gov`.
    pub(crate) configured: Vec<String>,
    /// True on a development server, which has no certificates: only its own addresses may be named, so that no page
    /// reaches it under a name of its own.
    pub(crate) is_dev: bool,
}

impl Origins {
    /// Checks where a request comes from. Returns its origin if that is a configured one, or why it is refused. What
    /// anyone may read (`is_open`), a link on any page may lead to.
    pub(super) fn check<B>(&self, request: &Request<B>, is_open: bool) -> Result<Option<HeaderValue>, &'static str> {
        let headers = request.headers();
        let host = request.uri().authority().map(Authority::as_str);
        let host = host.or_else(|| headers.get(HOST).and_then(|host| host.to_str().ok()));
        if self.is_dev && !host.is_some_and(is_loopback) {
            return Err("a development server is called by a loopback address or as localhost");
        }
        let origin = headers.get(ORIGIN);
        if let Some(origin) = origin.filter(|origin| self.configured.iter().any(|it| *it == **origin)) {
            return Ok(Some(origin.clone()));
        }
        let is_foreign = headers.get(&SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none");
        let is_link =
            request.method() == Method::GET && headers.get(&SEC_FETCH_MODE).is_some_and(|mode| mode == "navigate");
        if is_foreign && !(is_open && is_link) {
            return Err("a page of another site may not call: its origin is not in http_origins");
        }
        match origin.map(|origin| origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok())) {
            None => Ok(None),
            Some(Some(origin)) if host.is_some() && origin.authority().map(Authority::as_str) == host => Ok(None),
            Some(_) => Err("a page of another origin may not call: its origin is not in http_origins"),
        }
    }
}

/// True for localhost and loopback addresses, with or without a port.
fn is_loopback(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
}

/// Answers the question of a browser whether a page of a configured origin may call.
pub(super) fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT));
    headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("3600"));
    response
}

/// Adds what every response has, unless it has another one. `origin` is a configured one.
pub(super) fn harden(mut response: Response<Body>, origin: Option<&HeaderValue>) -> Response<Body> {
    let headers = response.headers_mut();
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert_with(|| HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(READ));
        headers.insert(VARY, HeaderValue::from_static("origin"));
    } else {
        headers.insert(&RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    }
    response
}
