//! The limits of one client, without effect on others; and the end of a client's permission.

use std::time::Duration;

use cpss_registry::proto::v1;
use tokio_stream::StreamExt as _;
use tonic::{Code, Status, Streaming};
use tonic_types::StatusExt as _;

use super::tls_server::{TlsServer, question};
use crate::harness::ops::get;
use crate::harness::{Client, Messages as _, PATIENCE, Refusal as _, soon, until};

/// The maximum time for an answer that comes after a second.
type Changes = Streaming<v1::WatchChangesResponse>;

async fn watch(client: &Client) -> Result<Changes, Status> {
    Ok(client.change().watch_changes(v1::WatchChangesRequest::default()).await?.into_inner())
}

/// The status that ends a stream; earlier messages are ignored.
async fn end(mut changes: Changes) -> Status {
    loop {
        match changes.next_message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a stream of changes that ends without a status"),
            Err(status) => return status,
        }
    }
}

/// Retries until it is answered: capacity is free soon after the other end has released it.
async fn until_answered(client: &Client) -> Changes {
    let answered = async {
        loop {
            match watch(client).await {
                Ok(changes) => return changes,
                Err(refused) => assert_eq!(refused.code_and_reason(), (Code::ResourceExhausted, "TOO_MANY".to_owned())),
            }
        }
    };
    soon("capacity for another stream", answered).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_over_its_rate_gets_a_retry_delay_and_others_are_answered() {
    let place = TlsServer::start_with(&["--calls-per-second", "1", "--calls-burst", "3"]);
    let payer = place.unauthenticated().await.with_token(&place.add_client_with_token("medicaid", "payer").await);
    let registrar = place.client("registrar").await;
    for _ in 0..3 {
        payer.ask(question()).await;
    }
    let refused = payer.refusal(question()).await;
    assert_eq!(refused.code_and_reason(), (Code::ResourceExhausted, "TOO_FAST".to_owned()));
    let wait = refused.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    registrar.ask(question()).await;
    tokio::time::sleep(wait).await;
    payer.ask(question()).await;
    // The refusal is counted in the metrics like every response.
    let (_, metrics) = get(place.process.ops(), "/metrics").await;
    let counted = r#"method="VerifyCredential",code="RESOURCE_EXHAUSTED"} "#;
    assert!(metrics.contains(counted), "{metrics}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn streams_and_connections_of_a_client_are_counted_until_they_end() {
    let place = TlsServer::start_with(&["--streams-per-client", "2", "--connections-per-client", "1"]);
    let registrar = place.client("registrar").await;
    let mut held = vec![watch(&registrar).await.unwrap(), watch(&registrar).await.unwrap()];
    let too_many = (Code::ResourceExhausted, "TOO_MANY".to_owned());
    let refused = watch(&registrar).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), too_many);
    assert!(refused.get_details_retry_info().is_some(), "has a retry delay: {refused:?}");
    // Calls that are not streams are not counted.
    registrar.ask(question()).await;
    held.pop();
    held.push(until_answered(&registrar).await);

    let second = place.client("registrar").await;
    assert_eq!(second.refusal(question()).await.code_and_reason(), too_many);
    let token = place.add_client_with_token("medicaid", "payer").await;
    let payer = place.unauthenticated().await.with_token(&token);
    payer.ask(question()).await;
    assert_eq!(place.unauthenticated().await.with_token(&token).refusal(question()).await.code_and_reason(), too_many);
    // A closed connection makes room for another.
    drop((payer, held, registrar));
    until("room for another connection", async || second.call(question()).await.is_ok()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unfinished_call_times_out() {
    let place = TlsServer::start_with(&["--longest-call-seconds", "1"]);
    let registrar = place.client("registrar").await;
    let rows = tokio_stream::pending();
    let mut employment = registrar.employment();
    let answered = tokio::time::timeout(PATIENCE, employment.reconcile_roster(rows)).await;
    let refused = answered.expect("it times out").unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::DeadlineExceeded, "DEADLINE_EXCEEDED".to_owned()));
    // A longer timeout of the caller does not extend the limit.
    let mut request = tonic::Request::new(tokio_stream::pending());
    request.set_timeout(Duration::from_secs(86_400));
    let answered = tokio::time::timeout(PATIENCE, employment.reconcile_roster(request)).await;
    let refused = answered.expect("it times out").unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    // A stream continues.
    let mut changes = watch(&registrar).await.unwrap();
    let signs_of_life = async { while changes.next().await.is_some_and(|message| message.is_ok()) {} };
    assert!(tokio::time::timeout(Duration::from_secs(3), signs_of_life).await.is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_stream_ends_when_its_client_is_removed_or_changes_role() {
    let place = TlsServer::start();
    let others = place.client("registrar").await;
    let mut goes_on = watch(&others).await.unwrap();
    let token = place.add_client_with_token("reader", "auditor").await;
    let reader = place.unauthenticated().await.with_token(&token);
    let list = place.read("clients.toml");

    let changes = watch(&reader).await.unwrap();
    place.take_list(&list.replace("role = \"auditor\"", "role = \"payer\"")).await;
    assert_eq!(end(changes).await.code_and_reason(), (Code::PermissionDenied, "PERMISSION_DENIED".to_owned()));

    // Also if nothing was asked yet.
    let (changes, asked) = (watch(&reader).await.unwrap(), tokio_stream::iter([options()]));
    let questions = asked.chain(tokio_stream::pending());
    let mut answers = reader.verification().stream_verify_credentials(questions).await.unwrap().into_inner();
    assert!(answers.next_message().await.unwrap().is_some(), "what it is answered from");
    let row = list.find("[[client]]\nname = \"reader\"").unwrap();
    place.take_list(&list[..row]).await;
    let nobody = (Code::Unauthenticated, "UNAUTHENTICATED".to_owned());
    assert_eq!(end(changes).await.code_and_reason(), nobody);
    assert_eq!(answers.next_message().await.unwrap_err().code_and_reason(), nobody);
    assert!(goes_on.next_message().await.unwrap().is_some());
}

fn options() -> v1::StreamVerifyCredentialsRequest {
    let kind = v1::stream_verify_credentials_request::Kind::Options(v1::StreamOptions::default());
    v1::StreamVerifyCredentialsRequest { kind: Some(kind) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_a_role_may_not_make_count_against_its_rate_and_cannot_flood_the_audit() {
    let place = TlsServer::start_with(&["--calls-per-second", "1", "--calls-burst", "3"]);
    let payer = place.unauthenticated().await.with_token(&place.add_client_with_token("medicaid", "payer").await);
    let mut refusals = Vec::new();
    for _ in 0..20 {
        refusals.push(payer.refusal(v1::ListCredentialsRequest::default()).await.code());
    }
    let denied = refusals.iter().filter(|code| **code == Code::PermissionDenied).count();
    assert!((3..20).contains(&denied) && refusals.contains(&Code::ResourceExhausted), "{refusals:?}");
    let audit = place.read("data/audit/reads.jsonl");
    let lines = audit.lines().filter(|line| line.contains("medicaid") && line.contains("REFUSED")).count();
    assert_eq!(lines, denied, "{audit}");
}
