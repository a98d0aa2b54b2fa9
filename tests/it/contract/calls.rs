//! Requests that are not gRPC calls, such as a web page of another origin can send: refused on both ports, and never
//! carried out.

use std::net::SocketAddr;

use prost::Message as _;
use tokio::net::TcpStream;

use crate::harness::raw::PACKAGE;
use crate::harness::requests::register_specialist;
use crate::harness::{Process, TODAY};

const HEALTH: &str = "/grpc.health.v1.Health/Check";

/// The response to a request in this form: the HTTP status, and the gRPC status if there is one.
async fn answer(
    address: SocketAddr,
    method: &str,
    content_type: Option<&str>,
    path: &str,
    message: &[u8],
) -> (u16, Option<String>) {
    let stream = TcpStream::connect(address).await.unwrap();
    let (h2, connection) = h2::client::handshake(stream).await.unwrap();
    let connection = tokio::spawn(connection);
    let mut request = http::Request::builder().method(method).uri(format!("http://{address}{path}"));
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    let (answer, mut body) = h2.ready().await.unwrap().send_request(request.body(()).unwrap(), false).unwrap();
    let framed = [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat();
    // It may be refused before it is complete.
    body.send_data(framed.into(), true).ok();
    let (head, mut body) = answer.await.unwrap().into_parts();
    while let Some(data) = body.data().await {
        assert!(head.headers.contains_key("content-type") && data.is_ok(), "a refusal has no body: {head:?} {data:?}");
    }
    let trailers = body.trailers().await.unwrap_or_default().unwrap_or_default();
    let status = head.headers.get("grpc-status").or(trailers.get("grpc-status"));
    let status = status.map(|status| status.to_str().unwrap().to_owned());
    if head.status == 405 {
        assert_eq!(head.headers["allow"], "POST");
    }
    connection.abort();
    (head.status.as_u16(), status)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_not_a_call_is_refused_on_both_ports_and_not_carried_out() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let registration = register_specialist("Rosalind", "Example").encode_to_vec();
    let register = format!("/{PACKAGE}.CredentialService/RegisterSpecialist");
    let before = registry.head().await;
    for (method, content_type, expected) in [
        ("GET", Some("application/grpc"), 405),
        ("PUT", Some("application/grpc"), 405),
        ("OPTIONS", None, 405),
        ("POST", None, 415),
        ("POST", Some("text/plain"), 415),
        ("POST", Some("application/x-www-form-urlencoded"), 415),
        ("POST", Some("multipart/form-data; boundary=application/grpc"), 415),
    ] {
        for (address, path) in [
            (process.listening(), register.as_str()),
            (process.listening(), &format!("/{PACKAGE}.ChangeService/WatchChanges")),
            (process.listening(), &format!("/{PACKAGE}.NoService/NoMethod")),
            (process.listening(), HEALTH),
            (process.listening(), "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
            (process.ops(), HEALTH),
        ] {
            let message = if path == register { &registration[..] } else { &[] };
            let answer = answer(address, method, content_type, path, message).await;
            assert_eq!(answer, (expected, None), "{method} {content_type:?} {path}");
        }
    }
    assert_eq!(registry.head().await, before, "nothing is recorded");
    // Only the form was wrong.
    let grpc = Some("application/grpc");
    for (address, path, message) in [
        (process.listening(), register.as_str(), &registration[..]),
        (process.listening(), HEALTH, &[]),
        (process.ops(), HEALTH, &[]),
    ] {
        assert_eq!(answer(address, "POST", grpc, path, message).await, (200, Some("0".to_owned())), "{path}");
    }
    assert_eq!(registry.head().await, before + 1);
    process.stop();
}
