//! The HTTP port against requests that are too large, malformed, unfinished, or not requests at all.

use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::browser::exchange::{VERIFY, connect, secured};
use crate::harness::http1::{exchange, received, request};
use crate::harness::{TODAY, TestServer, raw};

const BATCH: &str = "/ms.dmh.credential.v1.VerificationService/BatchVerifyCredentials";

/// The largest JSON of a plain call, and of one of many items.
const LARGEST_PLAIN: usize = 128 * 1024;
const LARGEST_LARGE: usize = 2 * 1024 * 1024;

/// Sends bytes on a new connection, and returns what is answered until the server closes it.
async fn answer(server: &TestServer, request: &[u8]) -> String {
    let mut connection = TcpStream::connect(server.http()).await.unwrap();
    // The server may answer and close before it has read everything.
    connection.write_all(request).await.ok();
    String::from_utf8_lossy(&received(connection).await.0).into_owned()
}

fn post(path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers = [&["content-type: application/json"], headers].concat();
    request("POST", path, "localhost", &headers, body).into_bytes()
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test]
async fn a_message_that_is_too_large_is_refused_with_its_limit() {
    let server = TestServer::start(TODAY).await;
    // A question needs an item; a batch may have none.
    for (path, largest, read) in [(VERIFY, LARGEST_PLAIN, "400"), (BATCH, LARGEST_LARGE, "200")] {
        let padded = |bytes: usize| format!("{{}}{}", " ".repeat(bytes - 2));
        assert_eq!(status(&answer(&server, &post(path, &[], &padded(largest))).await), read, "{path}");
        let refused = answer(&server, &post(path, &[], &padded(largest + 1))).await;
        assert_eq!(status(&refused), "429", "{refused}");
        let limit = format!("a message of this method may have at most {largest} bytes");
        assert!(refused.contains(&limit) && refused.contains("TOO_LARGE"), "{refused}");
        // The same without a length beforehand, and without an end.
        let head = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n");
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000)).repeat(largest / 0x10000 + 1);
        let endless = format!("{head}connection: close\r\ntransfer-encoding: chunked\r\n\r\n{chunk}");
        assert_eq!(status(&answer(&server, endless.as_bytes()).await), "429", "{path}");
    }
    server.stop().await;
}

#[tokio::test]
async fn what_is_not_a_request_is_answered_or_closed_and_others_are_served() {
    let server = TestServer::start(TODAY).await;
    let head =
        format!("POST {VERIFY} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\nconnection: close\r\n");
    let large = format!("{head}x-padding: {}\r\n\r\n", "a".repeat(20_000));
    for (request, expected) in [
        (large, "431"),
        (format!("{head}content-length: 2\r\ncontent-length: 3\r\n\r\n{{}}"), "400"),
        (format!("{head}content-length: -1\r\n\r\n{{}}"), "400"),
        (format!("{head}transfer-encoding: gzip\r\n\r\n{{}}"), "400"),
        (format!("{head} folded: a\r\n\r\n"), "400"),
        (format!("{head}x-padding: {}\r\n\r\n", "a".repeat(200_000)), "431"),
        ("GET / HTTP/9.9\r\n\r\n".to_owned(), "400"),
        ("\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}".to_owned(), "400"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nwhat is this".to_owned(), ""),
    ] {
        let answered = answer(&server, request.as_bytes()).await;
        let shown: String = request.chars().take(120).collect();
        let is_frame = expected.is_empty() && !answered.starts_with("HTTP/1.1");
        assert!(status(&answered) == expected || is_frame, "{shown:?}: {answered:?}");
        // Headers beyond what the listener reads at all are refused without a body.
        let is_read = (10_000..100_000).contains(&request.len());
        assert_eq!(answered.contains("TOO_LARGE"), is_read, "{answered:?}");
    }
    // Both lengths: the chunks are what counts, or the request is refused; it is never read as two.
    let both = format!("{head}content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    assert_eq!(answer(&server, both.as_bytes()).await.matches("HTTP/1.1 ").count(), 1);
    assert_eq!(status(&answer(&server, &post(VERIFY, &[], "{}")).await), "400");
    server.stop().await;
}

#[tokio::test]
async fn unfinished_requests_hold_up_nobody_and_no_drain() {
    let server = TestServer::start(TODAY).await;
    let mut held = Vec::new();
    let half = post(VERIFY, &[], "{\"item\":{}}");
    for end in [0, 1, 3, 20, half.len() - 5] {
        for _ in 0..20 {
            let mut connection = TcpStream::connect(server.http()).await.unwrap();
            connection.write_all(&half[..end]).await.unwrap();
            held.push(connection);
        }
    }
    let refused = answer(&server, &half).await;
    assert!(status(&refused) == "400" && refused.contains("item"), "{refused}");
    // Those whose head is complete have a call in progress, which a drain waits for.
    held.truncate(80);
    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "the drain waited {:?}", begun.elapsed());
}

#[tokio::test]
async fn a_refusal_arrives_although_the_whole_request_was_sent() {
    let server = TestServer::start(TODAY).await;
    let body = " ".repeat(200_000);
    let unknown = raw::path("VerificationService/Verify");
    let refusals: [(&str, &[&str], &str); 5] = [
        (&unknown, &[], "404"),
        (VERIFY, &["origin: https://elsewhere.example"], "403"),
        (VERIFY, &["x-dev-caller: nobody"], "401"),
        (VERIFY, &[], "429"),
        (BATCH, &["content-encoding: gzip"], "501"),
    ];
    for (path, headers, expected) in refusals {
        for _ in 0..20 {
            let answered = answer(&server, &post(path, headers, &body)).await;
            assert_eq!(status(&answered), expected, "{path} {headers:?}: {answered:?}");
        }
    }
    server.stop().await;
}

#[tokio::test]
async fn a_wrong_token_is_refused_in_words_however_much_is_asked_with_it() {
    let server = secured().await;
    let (directory, host) = (server.data_dir(), format!("localhost:{}", server.http().port()));
    let json = "content-type: application/json";
    for token in [None, Some("authorization: Bearer cpss_0123")] {
        let headers: Vec<_> = token.into_iter().chain([json]).collect();
        // More than a connection may send before its client is known.
        let batch = request("POST", BATCH, &host, &headers, &" ".repeat(1_500_000));
        for _ in 0..10 {
            let refused = exchange(connect(&directory, server.http(), None).await, &batch).await;
            assert_eq!((refused.status, refused.header("www-authenticate")), (401, Some("Bearer")), "{}", refused.body);
        }
    }
    // What is thrown away has a limit, too.
    let endless = request("POST", BATCH, &host, &[json], &" ".repeat(20_000_000));
    let mut stream = connect(&directory, server.http(), None).await;
    assert!(stream.write_all(endless.as_bytes()).await.is_err(), "the connection is closed");
    server.stop().await;
}
