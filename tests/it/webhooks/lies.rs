//! Receivers that answer something else than success, too much, or nothing.

use std::time::Duration;

use super::receiver::Manner;
use super::{check_order, delivered, delivering, expected, register};
use crate::harness::until;
use crate::tls::tls_server::TlsServer;

const REDIRECT: &str = "HTTP/1.1 307 Temporary Redirect\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_success_confirms_and_no_lie_stops_or_fills_the_server() {
    let place = TlsServer::start();
    let receiver = delivering(&place, ", allow_local = true").await;
    let certifier = place.client("certifier-1").await;
    let begin = place.client("registrar").await.head().await;
    let long_head: &'static str = format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "a".repeat(100_000)).leak();
    let begun = place.process.resident_bytes();
    for (manner, confirms) in [
        (Manner::Say("HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n"), false),
        (Manner::Say("HTTP/1.1 429 Too Many Requests\r\n\r\n"), false),
        (Manner::Say(REDIRECT), false),
        (Manner::Say("HTTP/1.1 101 Switching Protocols\r\n\r\n"), false),
        (Manner::Say("204 No Content"), false),
        (Manner::Say(""), false),
        (Manner::Say(long_head), false),
        (Manner::Endless, true),
        (Manner::Slow(Duration::from_secs(2)), true),
        (Manner::Hang, false),
    ] {
        receiver.behave(manner);
        let (received, confirmed) = (receiver.received().len(), receiver.confirmed().len());
        register(&certifier, 1).await;
        until(&format!("a request: {manner:?}"), async || receiver.received().len() > received).await;
        if !confirms {
            assert_eq!(receiver.confirmed().len(), confirmed, "{manner:?}");
            receiver.behave(Manner::Confirm);
        }
        until(&format!("a confirmation after {manner:?}"), async || receiver.confirmed().len() > confirmed).await;
        let confirmed = receiver.confirmed();
        let last = confirmed.last().unwrap();
        let of_last = receiver.received().iter().filter(|received| received.id == last.id).count();
        assert_eq!(of_last == 1, confirms, "{manner:?}: a repetition has the same id");
    }
    let grown = place.process.resident_bytes().saturating_sub(begun);
    assert!(grown < 64 << 20, "{grown} bytes");
    let expected = expected(&place.client("auditor-1").await, begin).await;
    delivered(&receiver, &expected).await;
    check_order(&receiver.confirmed(), &expected);
    let log = place.process.log();
    for said in ["the receiver answered 500", "the receiver answered 307", "no answer within 10 s", "no answer: "] {
        assert!(log.contains(said), "{said}: {log}");
    }
}
