//! The access log: one line for each call when it has ended, however it ended.

use std::time::Duration;

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::stream_verify_credentials_request::Kind;
use cpss_registry::proto::v1::watch_changes_response::Event;
use prost::Message as _;
use tokio::net::TcpStream;
use tonic::Request;

use super::harness::raw::PACKAGE;
use super::harness::requests::verify;
use super::harness::{Messages as _, NOT_ON_FILE, Process, Refusal as _, TODAY, soon};

const REQUEST_ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// The line of the access log that contains all of these parts.
async fn line(process: &Process, parts: &[&str]) -> String {
    let found = async {
        loop {
            let said = process.log();
            let mut lines = said.lines().filter(|line| line.contains(" access: "));
            if let Some(line) = lines.find(|line| parts.iter().all(|part| line.contains(part))) {
                return line.to_owned();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    soon(&format!("a line of the access log with {parts:?}"), found).await
}

fn message(kind: Kind) -> v1::StreamVerifyCredentialsRequest {
    v1::StreamVerifyCredentialsRequest { kind: Some(kind) }
}

fn options() -> v1::StreamVerifyCredentialsRequest {
    message(Kind::Options(v1::StreamOptions::default()))
}

fn item() -> v1::StreamVerifyCredentialsRequest {
    message(Kind::Item(verify(NOT_ON_FILE, None, None).item.unwrap()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_call_is_logged_with_its_outcome() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_logging(data.path(), TODAY, &[]);
    let registry = super::harness::Client::connect(process.listening());
    let mut verification = registry.verification();

    let mut request = Request::new(verify(NOT_ON_FILE, None, None));
    request.metadata_mut().insert("x-request-id", REQUEST_ID.parse().unwrap());
    verification.verify_credential(request).await.unwrap();
    let unary = line(&process, &["/VerifyCredential\"", "code=0", REQUEST_ID]).await;
    assert!(unary.contains(" user_agent=\"tonic/") && !unary.contains("received="), "{unary}");

    // A call that the role may not make names the client, too.
    let denied = registry.calling_as("payer").refusal(v1::ListCredentialsRequest::default()).await;
    assert_eq!(denied.code(), tonic::Code::PermissionDenied);
    line(&process, &["/ListCredentials\"", "client=\"dev:payer\" code=7 "]).await;

    // A stream has no line before it has ended.
    let whole = tokio_stream::iter([options(), item(), item(), item()]);
    let mut answers = verification.stream_verify_credentials(whole).await.unwrap().into_inner();
    while answers.next_message().await.unwrap().is_some() {}
    line(&process, &["/StreamVerifyCredentials\"", "code=0 received=4 sent=4 micros="]).await;

    // A stream that fails after some responses.
    let faulty = tokio_stream::iter([options(), item(), options()]);
    let mut answers = verification.stream_verify_credentials(faulty).await.unwrap().into_inner();
    while let Ok(answer) = answers.next_message().await {
        assert!(answer.is_some(), "it fails");
    }
    line(&process, &["/StreamVerifyCredentials\"", "code=3 received=3 sent=2 micros="]).await;

    // A stream whose client goes away.
    let mut changes = registry.change().watch_changes(v1::WatchChangesRequest::default()).await.unwrap().into_inner();
    let mut sent = 1;
    while !matches!(changes.next_message().await.unwrap().unwrap().event, Some(Event::Progress(_))) {
        sent += 1;
    }
    drop(changes);
    line(&process, &["/WatchChanges\"", &format!("code=1 received=1 sent={sent} micros=")]).await;

    // A stream that is refused before it begins.
    let refused = verification.stream_verify_credentials(tokio_stream::iter([item()])).await.unwrap_err();
    assert!(refused.fields() == ["options"], "{refused}");
    line(&process, &["/StreamVerifyCredentials\"", "code=3 received=1 sent=0 micros="]).await;
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnected_caller_is_cancelled_and_an_invalid_call_has_its_status() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_logging(data.path(), TODAY, &[]);
    let address = process.listening();
    let message = verify(NOT_ON_FILE, None, None).encode_to_vec();
    let begin = async |agent: &str, content_type: &str| {
        let (h2, connection) = h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
        let connection = tokio::spawn(connection);
        let uri = format!("http://{address}/{PACKAGE}.VerificationService/VerifyCredential");
        let request = http::Request::post(uri).header("content-type", content_type).header("user-agent", agent);
        let mut h2 = h2.ready().await.unwrap();
        let (answer, mut body) = h2.send_request(request.body(()).unwrap(), false).unwrap();
        // The length prefix of a message that is not sent completely.
        body.send_data(u32::try_from(message.len()).unwrap().to_be_bytes().to_vec().into(), false).ok();
        (h2, connection, answer, body)
    };
    let (_h2, _connection, answer, _body) = begin("a-page", "text/plain").await;
    assert_eq!(answer.await.unwrap().status(), 415);
    let no_call = line(&process, &["user_agent=\"a-page\""]).await;
    assert!(no_call.contains("client=\"-\" http=415 micros="), "{no_call}");

    let (_h2, _connection, _answer, mut body) = begin("cancels", "application/grpc").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    body.send_reset(h2::Reason::CANCEL);
    let (h2, connection, answer, body) = begin("is gone", "application/grpc").await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    connection.abort();
    drop((h2, answer, body));
    for agent in ["cancels", "is gone"] {
        let cancelled = line(&process, &[&format!("user_agent=\"{agent}\"")]).await;
        assert!(cancelled.contains("/VerifyCredential\" ") && cancelled.contains(" code=1 micros="), "{cancelled}");
    }
    process.stop();
}
