//! Requests of web pages: of other sites, of configured ones, and of the registry itself.

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::exchange::*;
use crate::harness::http1::{exchange, one_request, request};
use crate::harness::{TODAY, TestServer, soon};

const PORTAL: &str = "https://portal.example.gov";

/// The number of requests that an unauthenticated connection may send.
const UNAUTHENTICATED_REQUESTS: usize = 64;

#[tokio::test]
async fn a_page_of_another_site_may_not_call() {
    let server = server_for(Some(PORTAL)).await;
    for headers in [
        &["origin: https://evil.example"][..],
        &["origin: https://portal.example.gov.evil.example"],
        &["origin: http://portal.example.gov"],
        &["origin: http://127.0.0.1:1"],
        &["origin: null"],
        &["sec-fetch-site: cross-site"],
        &["sec-fetch-site: same-site"],
        &["sec-fetch-site: cross-site", "sec-fetch-mode: navigate"],
        &["sec-fetch-site: same-origin", "origin: https://evil.example"],
    ] {
        let refused = ask(&server, headers).await;
        assert_eq!(refused.status, 403, "{headers:?}");
        assert!(
            refused.body.contains("permission_denied") && refused.body.contains("PERMISSION_DENIED"),
            "{headers:?}: {}",
            refused.body
        );
        assert!(refused.header("x-request-id").is_none(), "{headers:?}: it was a call");
        assert!(refused.header("access-control-allow-origin").is_none(), "{headers:?}");
        let refused = send(&server, "GET", RULES, headers, "").await;
        assert_eq!(refused.status, 403, "{headers:?}, by GET");
    }
    let own = format!("origin: http://{}", server.http());
    for headers in [
        &[][..],
        &["sec-fetch-site: none"],
        &["sec-fetch-site: same-origin", &own],
        &["origin: https://portal.example.gov", "sec-fetch-site: cross-site"],
    ] {
        assert_eq!(ask(&server, headers).await.status, 200, "{headers:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn without_configured_origins_no_page_may_call() {
    let server = TestServer::start(TODAY).await;
    let origin = format!("origin: {PORTAL}");
    assert_eq!(ask(&server, &[&origin]).await.status, 403);
    let asks = [&*origin, "access-control-request-method: POST"];
    assert_eq!(send(&server, "OPTIONS", VERIFY, &asks, "").await.status, 403);
    server.stop().await;
}

#[tokio::test]
async fn a_browser_learns_beforehand_that_a_configured_page_may_call() {
    let server = server_for(Some(PORTAL)).await;
    let origin = format!("origin: {PORTAL}");
    let asks = "access-control-request-method: POST";
    let allowed = send(&server, "OPTIONS", VERIFY, &[&origin, asks, "sec-fetch-site: cross-site"], "").await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), Some(PORTAL));
    assert_eq!(allowed.header("access-control-allow-methods"), Some("GET, POST"));
    assert!(allowed.header("access-control-allow-headers").unwrap().contains("authorization"));
    assert_eq!(allowed.header("vary"), Some("origin"));
    let called = ask(&server, &[&origin]).await;
    assert_eq!((called.status, called.header("access-control-allow-origin")), (200, Some(PORTAL)));
    assert!(called.header("access-control-expose-headers").unwrap().contains("x-request-id"));
    for answer in [&allowed, &called] {
        // With these a browser would send the user's certificate along.
        assert!(answer.header("access-control-allow-credentials").is_none());
    }
    let other = send(&server, "OPTIONS", VERIFY, &["origin: https://evil.example", asks], "").await;
    assert_eq!(other.status, 403);
    for header in ["access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers"] {
        assert!(other.header(header).is_none(), "{header}");
    }
    assert_eq!(send(&server, "OPTIONS", VERIFY, &[], "").await.status, 405, "no page asks");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_only_asks_what_a_page_may_call_is_closed_like_any_unauthenticated_one() {
    let server = secured_for(Some(PORTAL)).await;
    let host = format!("localhost:{}", server.http().port());
    let origin = format!("origin: {PORTAL}");
    let request = one_request("OPTIONS", VERIFY, &host, &[&origin], "");
    let mut stream = BufReader::new(connect(&server.data_dir(), server.http(), None).await);
    let mut answered = 0;
    while answered < 2 * UNAUTHENTICATED_REQUESTS {
        let mut line = String::new();
        let sent = stream.write_all(request.as_bytes()).await;
        if sent.is_err() || soon("an answer", stream.read_line(&mut line)).await.is_err() || line.is_empty() {
            break;
        }
        assert_eq!(line, "HTTP/1.1 204 No Content\r\n");
        while line != "\r\n" {
            line.clear();
            soon("a header", stream.read_line(&mut line)).await.unwrap();
        }
        answered += 1;
    }
    // The one that is too many may be answered before the connection ends.
    assert!([UNAUTHENTICATED_REQUESTS, UNAUTHENTICATED_REQUESTS + 1].contains(&answered), "{answered} were answered");
    server.stop().await;
}

#[tokio::test]
async fn every_answer_has_the_security_headers_and_no_cookie() {
    let server = TestServer::start(TODAY).await;
    let json = "content-type: application/json";
    let answers = [
        (200, ask(&server, &[]).await),
        (200, send(&server, "GET", RULES, &[], "").await),
        (200, send(&server, "GET", "/docs", &[], "").await),
        (200, send(&server, "GET", "/openapi.json", &[], "").await),
        (200, send(&server, "GET", "/", &[], "").await),
        (400, send(&server, "POST", VERIFY, &[json], "{").await),
        (403, ask(&server, &["origin: https://evil.example"]).await),
        (404, send(&server, "POST", "/nothing", &[json], "{}").await),
        (405, send(&server, "GET", VERIFY, &[], "").await),
        (415, send(&server, "POST", VERIFY, &[], "{}").await),
    ];
    for (status, answer) in answers {
        assert_eq!(answer.status, status);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{status}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{status}");
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"), "{status}");
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(["no-store", "no-cache"].contains(&answer.header("cache-control").unwrap()), "{status}");
        assert!(answer.header("set-cookie").is_none(), "{status}");
        assert!(answer.header("access-control-allow-origin").is_none(), "{status}");
    }
    assert_eq!(ask(&server, &[]).await.header("cache-control"), Some("no-store"));
    server.stop().await;
}

#[tokio::test]
async fn what_a_form_can_send_is_refused() {
    let server = TestServer::start(TODAY).await;
    for media in [
        "text/plain",
        "text/plain; charset=utf-8",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; boundary=x",
        "",
    ] {
        let refused = send(&server, "POST", VERIFY, &[&format!("content-type: {media}")], &question()).await;
        assert_eq!(refused.status, 415, "{media}");
        assert_eq!(refused.header("accept-post"), Some("application/json, application/proto"), "{media}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_development_server_is_called_by_its_own_address_only() {
    let server = TestServer::start(TODAY).await;
    let port = server.http().port();
    let json = ["content-type: application/json"];
    for name in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1", "0.0.0.0", ""] {
        for host in [name.to_owned(), format!("{name}:{port}")] {
            for (method, path) in [("POST", VERIFY), ("GET", "/docs"), ("GET", RULES)] {
                let refused = send_to(&server, &host, method, path, &json, &question()).await;
                assert_eq!(refused.status, 403, "{host} {path}");
            }
        }
    }
    for name in ["localhost", "LOCALHOST", "127.0.0.1", "127.1.2.3", "[::1]"] {
        let host = format!("{name}:{port}");
        assert_eq!(send_to(&server, &host, "POST", VERIFY, &json, &question()).await.status, 200, "{host}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_certificate_of_a_browser_is_of_no_use_to_another_page() {
    let server = secured().await;
    let directory = server.data_dir();
    let host = format!("localhost:{}", server.http().port());
    let own = format!("origin: https://{host}");
    let ask = async |headers: &[&str]| {
        let stream = connect(&directory, server.http(), Some("registrar")).await;
        exchange(stream, &request("POST", VERIFY, &host, headers, &question())).await
    };
    let json = "content-type: application/json";
    assert_eq!(ask(&[json]).await.status, 200);
    assert_eq!(ask(&[json, &own, "sec-fetch-site: same-origin"]).await.status, 200);
    assert_eq!(ask(&[json, "origin: https://evil.example"]).await.status, 403);
    assert_eq!(ask(&[json, "sec-fetch-site: cross-site"]).await.status, 403);
    // A form of another page needs no permission of CORS.
    assert_eq!(ask(&["content-type: text/plain", "origin: https://evil.example"]).await.status, 403);
    assert_eq!(ask(&["content-type: text/plain"]).await.status, 415, "an old browser sends no origin with a form");
    server.stop().await;
}
