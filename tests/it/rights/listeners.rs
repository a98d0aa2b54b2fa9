//! A listener that only passes bytes on contains none of the checks, and still has all of them.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpss_registry::auth::peer::{Authority, Certificate, Peer};
use cpss_registry::proto::v1;
use cpss_registry::server::config::{Config, Flags};
use cpss_registry::server::setup::{self, NewClient};
use cpss_registry::surface::Call;
use futures_util::StreamExt as _;
use http::HeaderMap;
use prost::Message as _;
use prost::bytes::Bytes;
use serde_json::Value;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tonic::{Code, Status};

use super::fixture::{Fixture, call};
use super::reads::reads;
use crate::harness::requests::verify;
use crate::harness::{BytesListener, NOT_ON_FILE, Refusal as _, TODAY, TestServer};
use crate::tls::tls_server::{client, question, set_up};

const VERIFY: &str = "VerificationService/VerifyCredential";
const BATCH_VERIFY: &str = "VerificationService/BatchVerifyCredentials";

/// The complete result: the messages, or the refusal.
fn all(answer: Result<Vec<Bytes>, Status>) -> Result<Vec<Bytes>, (Code, String, Vec<u8>)> {
    answer.map_err(|status| (status.code(), status.message().to_owned(), status.details_of_any_request()))
}

fn contains(answer: &Result<Vec<Bytes>, (Code, String, Vec<u8>)>, text: &str) -> bool {
    answer.iter().flatten().any(|message| message.windows(text.len()).any(|window| window == text.as_bytes()))
}

#[tokio::test]
async fn every_listener_returns_the_same_bytes() {
    let fixture = Fixture::built().await;
    for (role, sees_names) in [("registrar", true), ("provider:north", true), ("payer", false), ("auditor", true)] {
        let grpc = fixture.server.client().calling_as(role);
        let bytes = fixture.server.bytes_listener().with("x-dev-caller", role);
        // Feeds contain the time of the response, which differs each time.
        for method in reads().filter(|method| !method.starts_with("ChangeService/")) {
            for row in [&fixture.north, &fixture.south] {
                let messages = call(&method, row, "north");
                let expected = all(grpc.call_messages(&method, messages.clone()).await);
                assert_eq!(all(bytes.answer(&method, messages).await), expected, "{method} as {role}");
            }
        }
        let own = all(bytes.answer(VERIFY, call(VERIFY, &fixture.north, "north")).await);
        assert_eq!(contains(&own, "Rosalind"), sees_names, "{role}");
    }
    fixture.server.stop().await;
}

#[tokio::test]
async fn a_read_over_every_listener_is_in_the_audit_before_it_is_answered() {
    let fixture = Fixture::built().await;
    let id = "67e55044-10b1-426f-9247-bb680e5fe0c8";
    let payer = fixture.server.bytes_listener().with("x-dev-caller", "payer").with("x-request-id", id);
    payer.answer(VERIFY, call(VERIFY, &fixture.south, "south")).await.unwrap();
    let reads = fs::read_to_string(fixture.server.data_dir().join("audit/reads.jsonl")).unwrap();
    let last: Value = serde_json::from_str(reads.lines().last().unwrap()).unwrap();
    assert_eq!((&last["client"], &last["request_id"]), (&"dev:payer".into(), &id.into()));
    assert_eq!((&last["method"], &last["number"]), (&VERIFY.into(), &fixture.south.number.into()));
    fixture.server.stop().await;
}

async fn refusal(listener: &BytesListener, method: &str) -> Option<(Code, String)> {
    let item = verify(NOT_ON_FILE, None, None).item.unwrap();
    let message = match method {
        VERIFY => v1::VerifyCredentialRequest { item: Some(item), ..Default::default() }.encode_to_vec(),
        _ => v1::BatchVerifyCredentialsRequest { items: vec![item], ..Default::default() }.encode_to_vec(),
    };
    listener.answer(method, vec![message.into()]).await.err().map(|status| status.code_and_reason())
}

#[tokio::test]
async fn calls_by_every_listener_are_counted_together() {
    let limits =
        Flags { calls_per_second: Some("1".to_owned()), calls_burst: Some("3".to_owned()), ..Flags::default() };
    let server = TestServer::start_as(tempfile::tempdir().unwrap(), TODAY, limits).await;
    let (grpc, bytes) = (server.client().calling_as("payer"), server.bytes_listener().with("x-dev-caller", "payer"));
    let too_fast = (Code::ResourceExhausted, "TOO_FAST".to_owned());
    // A separate burst would be answered three times. Requests that become available again within a second are used up.
    let mut refused = None;
    for _ in 0..3 {
        for _ in 0..100 {
            if grpc.call(verify(NOT_ON_FILE, None, None)).await.is_err() {
                break;
            }
        }
        refused = refused.or(refusal(&bytes, VERIFY).await);
    }
    assert_eq!(refused, Some(too_fast));
    let auditor = bytes.with("x-dev-caller", "auditor");
    assert_eq!(refusal(&auditor, VERIFY).await, None, "another client has calls of its own");
    server.stop().await;
}

#[tokio::test]
async fn a_large_answer_counts_until_the_listener_drops_its_bytes() {
    let limits = Flags { streams_per_client: Some("1".to_owned()), ..Flags::default() };
    let server = TestServer::start_as(tempfile::tempdir().unwrap(), TODAY, limits).await;
    let bytes = server.bytes_listener();
    let question = v1::BatchVerifyCredentialsRequest {
        items: vec![verify(NOT_ON_FILE, None, None).item.unwrap()],
        ..Default::default()
    };
    let (grpc, too_many) = (server.client(), (Code::ResourceExhausted, "TOO_MANY".to_owned()));
    let held = bytes.answer(BATCH_VERIFY, vec![question.encode_to_vec().into()]).await.unwrap();
    assert_eq!(refusal(&bytes, BATCH_VERIFY).await, Some(too_many.clone()));
    assert_eq!(grpc.refusal(question.clone()).await.code_and_reason(), too_many);
    drop(held);
    assert_eq!(refusal(&bytes, BATCH_VERIFY).await, None);
    server.stop().await;
}

#[tokio::test]
async fn a_call_ends_at_its_deadline_and_an_unknown_method_is_refused() {
    let server = TestServer::start(TODAY).await;
    let BytesListener { surface, headers } = server.bytes_listener();
    let of = |method| Call { method, headers: &headers, peer: None, deadline: Some(Duration::from_millis(20)) };
    let silent = futures_util::stream::pending();
    let late = surface.call(of("VerificationService/StreamVerifyCredentials"), silent).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded);
    for wrong in ["VerificationService/Verify", "verify", "", "no method/at all", "../grpc.health.v1.Health/Check"] {
        let nothing = futures_util::stream::iter([Ok(Bytes::new())]);
        let call = Call { deadline: None, ..of(wrong) };
        assert_eq!(surface.call(call, nothing).await.unwrap_err().code(), Code::Unimplemented, "{wrong}");
    }
    drop(surface);
    server.stop().await;
}

#[tokio::test]
async fn a_caller_is_known_by_certificate_or_token_over_every_listener() {
    let directory = tempfile::tempdir().unwrap();
    set_up(directory.path());
    let payer = NewClient { uses_token: true, ..client("medicaid", "payer") };
    setup::add_client(directory.path(), &payer).unwrap();
    let token = fs::read_to_string(directory.path().join("medicaid.token")).unwrap();
    let certificate = fs::read(directory.path().join("registrar.crt")).unwrap();
    let der = CertificateDer::from_pem_slice(&certificate).unwrap();
    let path = directory.path().join("config.toml").to_str().unwrap().to_owned();
    let config = Config::read(&Flags { config: Some(path), ..Flags::default() }).unwrap();
    let server = TestServer::start_configured(directory, config).await;

    let listener = server.bytes_listener();
    let question: Bytes = question().encode_to_vec().into();
    let nobody = listener.answer(VERIFY, vec![question.clone()]).await.unwrap_err();
    assert_eq!(nobody.code(), Code::Unauthenticated);
    let with = |token: &str| listener.clone().with("authorization", &format!("Bearer {token}"));
    let wrong = with("cpss_0123").answer(VERIFY, vec![question.clone()]).await.unwrap_err();
    assert_eq!(wrong.code(), Code::Unauthenticated);
    with(token.trim()).answer(VERIFY, vec![question.clone()]).await.unwrap();
    // A payer may not see who is employed, and nobody gets another role by claiming it.
    let jobs = "EmploymentService/ListEmployments";
    let refused = with(token.trim()).with("x-dev-caller", "registrar").answer(jobs, vec![Bytes::new()]).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);

    let headers = HeaderMap::new();
    for (shown, expected) in [(Some(der), Code::Ok), (None, Code::Unauthenticated)] {
        let read = |der: CertificateDer<'_>| {
            let authority = Arc::new(Authority::trusted("authority"));
            Certificate::read(&der, authority, |_| Instant::now() + Duration::from_secs(60)).unwrap()
        };
        let peer = Peer::new("127.0.0.1:1".parse().unwrap(), shown.map(read));
        let call = Call { method: VERIFY, headers: &headers, peer: Some(&peer), deadline: None };
        let answered = listener.surface.call(call, tokio_stream::iter([Ok(question.clone())])).await;
        let first = match answered {
            Ok(mut answers) => answers.next().await.unwrap().err(),
            Err(refused) => Some(refused),
        };
        assert_eq!(first.map_or(Code::Ok, |refused| refused.code()), expected);
        assert_eq!(peer.is_known(), expected == Code::Ok, "it takes a place of the client's connections");
    }
    server.stop().await;
}
