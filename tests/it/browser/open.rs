//! What anyone may read without an identity, and how much of it.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::exchange::*;
use crate::harness::http1::{exchange, request};
use crate::harness::{TODAY, TestServer, read, soon};

/// The requests that are sent at once: those of ten seconds.
const MANY: usize = 200;

#[tokio::test]
async fn the_reference_is_open_to_anyone() {
    let server = secured().await;
    let directory = server.data_dir();
    let host = format!("localhost:{}", server.http().port());
    let get = async |path: &str, headers: &[&str]| {
        let stream = connect(&directory, server.http(), None).await;
        exchange(stream, &request("GET", path, &host, headers, "")).await
    };
    let page = get("/docs", &[]).await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    // It is more than an unauthenticated connection may have of anything else.
    assert!(page.body.len() > 128 * 1024 && page.body.ends_with("</html>\n"), "{}", page.body.len());
    assert!(page.header("content-security-policy").unwrap().contains("style-src 'sha256-"));
    let document = get("/openapi.json", &[]).await;
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
    let parsed: serde_json::Value = serde_json::from_str(&document.body).unwrap();
    assert_eq!(parsed, serde_json::from_str::<serde_json::Value>(&read("proto/openapi.json")).unwrap());
    let refused = get(RULES, &[]).await;
    assert_eq!(refused.status, 401, "nothing else is open");
    server.stop().await;
}

#[tokio::test]
async fn the_page_is_open_to_anyone_and_asks_for_a_token_where_there_is_no_certificate() {
    let server = secured().await;
    let directory = server.data_dir();
    let host = format!("localhost:{}", server.http().port());
    let get = async |path: &str, shown| {
        let stream = connect(&directory, server.http(), shown).await;
        exchange(stream, &request("GET", path, &host, &[], "")).await
    };
    let unidentified = get("/", None).await;
    assert_eq!((unidentified.status, unidentified.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
                  base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    assert_eq!(unidentified.header("content-security-policy"), Some(policy));
    assert!(unidentified.body.contains("data-identity=\"asked\""));
    let identified = get("/", Some("registrar")).await;
    assert!(identified.body.contains("data-identity=\"given\""));
    assert_eq!(identified.header("content-security-policy"), Some(policy));
    assert_ne!(identified.header("etag"), unidentified.header("etag"));
    for (path, media) in
        [("/page/page.css", "text/css; charset=utf-8"), ("/page/page.js", "text/javascript; charset=utf-8")]
    {
        let part = get(path, None).await;
        assert_eq!((part.status, part.header("content-type")), (200, Some(media)), "{path}");
        assert_eq!(part.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(part.header("cross-origin-resource-policy"), Some("same-origin"), "{path}");
    }
    assert_eq!(get("/page/mod.rs", None).await.status, 404);
    let stream = connect(&directory, server.http(), None).await;
    let asks = request("GET", "/page/page.css", &host, &["accept-encoding: gzip"], "");
    let (bytes, _) = crate::harness::http1::sent(stream, &asks).await;
    let head = String::from_utf8_lossy(&bytes[..400]).into_owned();
    assert!(head.contains("content-encoding: gzip") && head.contains("vary: accept-encoding"), "{head}");
    assert!(bytes.len() < 8 * 1024, "{} bytes", bytes.len());
    server.stop().await;
}

#[tokio::test]
async fn a_connection_may_read_the_reference_more_than_once() {
    let server = secured().await;
    let mut stream = connect(&server.data_dir(), server.http(), None).await;
    let mut bytes = vec![0; 64 * 1024];
    for time in 1..=3 {
        stream.write_all(b"GET /docs HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let mut page = Vec::new();
        while !page.ends_with(b"</html>\n") {
            let read = soon("the rest of the page", stream.read(&mut bytes)).await.unwrap_or(0);
            assert!(read > 0, "it ended after {} bytes, reading for the {time}. time", page.len());
            page.extend_from_slice(&bytes[..read]);
        }
    }
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn a_reader_that_has_the_bytes_gets_none() {
    let server = TestServer::start(TODAY).await;
    for path in ["/docs", "/openapi.json", "/", "/page/page.js"] {
        let first = send(&server, "GET", path, &[], "").await;
        let tag = first.header("etag").unwrap().to_owned();
        assert_eq!(first.header("cache-control"), Some("no-cache"), "a reader may keep it, and must ask");
        for known in [&tag, &format!("W/{tag}"), &format!("\"other\", {tag}"), "*"] {
            let again = send(&server, "GET", path, &[&format!("if-none-match: {known}")], "").await;
            assert_eq!((again.status, &*again.body, again.header("etag")), (304, "", Some(&*tag)), "{known}");
        }
        let other = send(&server, "GET", path, &["if-none-match: \"other\""], "").await;
        assert_eq!((other.status, other.body.len()), (200, first.body.len()));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_link_on_any_page_leads_to_the_reference_and_to_nothing_else() {
    let server = TestServer::start(TODAY).await;
    let link = ["sec-fetch-site: cross-site", "sec-fetch-mode: navigate", "sec-fetch-dest: document"];
    assert_eq!(send(&server, "GET", "/docs", &link, "").await.status, 200);
    assert_eq!(send(&server, "GET", "/", &link, "").await.status, 200);
    assert_eq!(send(&server, "POST", "/", &link, "").await.status, 403, "a form");
    assert_eq!(send(&server, "GET", RULES, &link, "").await.status, 403);
    assert_eq!(send(&server, "POST", "/docs", &link, "").await.status, 403, "a form");
    for mode in ["no-cors", "cors"] {
        let mode = format!("sec-fetch-mode: {mode}");
        assert_eq!(send(&server, "GET", "/docs", &[link[0], &mode], "").await.status, 403, "{mode}");
    }
    let origin = [&link[..], &["origin: https://evil.example"]].concat();
    assert_eq!(send(&server, "GET", "/docs", &origin, "").await.status, 403, "a link has no origin");
    let refused = send(&server, "POST", "/docs", &["content-type: application/json"], "{}").await;
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET")));
    server.stop().await;
}

#[tokio::test]
async fn all_readers_together_get_twenty_answers_a_second() {
    let server = TestServer::start(TODAY).await;
    // The first request makes the bytes.
    assert_eq!(send(&server, "GET", "/docs", &[], "").await.status, 200);
    let asks = (0..MANY).map(|_| send(&server, "GET", "/openapi.json", &["if-none-match: *"], ""));
    let begun = std::time::Instant::now();
    let answers = futures_util::future::join_all(asks).await;
    // Twenty at once, and one more every 50 ms.
    let allowed = 20 + usize::try_from(begun.elapsed().as_millis() / 50).unwrap();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert!(answers.iter().all(|answer| [304, 429].contains(&answer.status)));
    let granted = answers.len() - refused.len();
    assert!((19..=allowed).contains(&granted), "{granted} of {MANY}, {allowed} are allowed");
    assert!(!refused.is_empty(), "none of {MANY} was refused in {:?}", begun.elapsed());
    for answer in refused {
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.body.contains("resource_exhausted"), "{}", answer.body);
    }
    assert_eq!(ask(&server, &[]).await.status, 200, "calls have limits of their own");
    server.stop().await;
}

#[tokio::test]
async fn a_connection_that_only_reads_is_closed() {
    let server = secured().await;
    let directory = server.data_dir();
    let mut stream = connect(&directory, server.http(), None).await;
    let request = "GET /docs HTTP/1.1\r\nhost: localhost\r\nif-none-match: *\r\n\r\n";
    let mut answered = 0;
    let mut bytes = vec![0; 64 * 1024];
    while stream.write_all(request.as_bytes()).await.is_ok() {
        let read = soon("an answer or the end", stream.read(&mut bytes)).await;
        if read.unwrap_or(0) == 0 {
            break;
        }
        answered += 1;
        assert!(answered < 200, "it is not closed");
    }
    assert!((60..70).contains(&answered), "{answered}");
    server.stop().await;
}
