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
        headers.append(VARY, HeaderValue::from_static("origin"));
    } else {
        headers.insert(&RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(origins: &Origins, host: &str, headers: &[(&str, &str)], is_open: bool) -> Result<bool, &'static str> {
        let mut request = Request::get("/").header(HOST, host);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        origins.check(&request.body(()).unwrap(), is_open).map(|origin| origin.is_some())
    }

    #[test]
    fn an_origin_is_the_host_or_a_configured_one() {
        let configured = vec!["https://portal.example.gov".to_owned()];
        let origins = Origins { configured, is_dev: false };
        let check = |headers: &[_]| checked(&origins, "registry.example.gov:8443", headers, false);
        assert_eq!(check(&[]), Ok(false));
        assert_eq!(check(&[("origin", "https://registry.example.gov:8443")]), Ok(false));
        assert_eq!(check(&[("origin", "https://portal.example.gov")]), Ok(true));
        assert_eq!(check(&[("origin", "https://portal.example.gov"), ("sec-fetch-site", "cross-site")]), Ok(true));
        for origin in ["https://registry.example.gov", "https://portal.example.gov:444", "null", ""] {
            assert!(check(&[("origin", origin)]).is_err(), "{origin}");
        }
        for site in ["cross-site", "same-site", "unheard-of", ""] {
            assert!(check(&[("sec-fetch-site", site)]).is_err(), "{site}");
        }
    }

    #[test]
    fn only_a_link_may_lead_from_another_site_and_only_to_what_is_open() {
        let origins = Origins::default();
        let link = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        let check = |headers: &[_], is_open| checked(&origins, "registry.example.gov", headers, is_open);
        assert_eq!(check(&link, true), Ok(false));
        assert!(check(&link, false).is_err());
        assert!(check(&[link[0], ("sec-fetch-mode", "no-cors")], true).is_err());
        assert!(check(&[link[0], link[1], ("origin", "https://evil.example")], true).is_err());
    }

    #[test]
    fn a_development_server_has_loopback_names_only() {
        let origins = Origins { is_dev: true, ..Origins::default() };
        for (host, is_own) in [
            ("localhost:8080", true),
            ("127.0.0.1", true),
            ("127.9.9.9:1", true),
            ("[::1]:8080", true),
            ("localhost.evil.example", false),
            ("evil.example:8080", false),
            ("10.0.0.1", false),
            ("[::]", false),
            ("", false),
        ] {
            assert_eq!(checked(&origins, host, &[], true).is_ok(), is_own, "{host}");
        }
    }
}
