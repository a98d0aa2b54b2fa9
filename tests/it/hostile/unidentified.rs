//! What an unauthenticated connection gets: health checks, a limited number of them, and no reflection.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

use super::fixture::Way;
use super::frames::*;
use crate::harness::{Client, Messages as _, Refusal as _};
use crate::tls::tls_server::{TlsServer, question};

/// The number of connections, the questions of each, and how long memory is measured afterwards.
const CONNECTIONS: usize = 16;
const REQUESTS: u32 = 1024;
const WATCHED: Duration = Duration::from_secs(3);

/// The maximum memory that they may cost.
const BOUND: u64 = 32 * 1024 * 1024;

const REFLECTION: &str = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/// A reflection request for the largest file of the contract, which stays open.
fn reflection(id: u32) -> Vec<u8> {
    let symbol = b"ms.dmh.credential.v1.CredentialService";
    let asked = [&[0x22, u8::try_from(symbol.len()).unwrap()], &symbol[..]].concat();
    [frame(HEADERS, END_HEADERS, id, &call_of(REFLECTION)), frame(DATA, 0, id, &message(0, &asked))].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_that_is_not_read_takes_no_memory() {
    let place = TlsServer::start();
    let way = Way::to(&place, 10_000).await;
    let registrar = place.client("registrar").await;
    registrar.ask(question()).await;
    let before = place.process.resident_bytes();
    let mut connections = Vec::new();
    let mut sent = 0;
    for _ in 0..CONNECTIONS {
        let mut stream = way.unauthenticated().await.unwrap();
        let requests: Vec<u8> = (0..REQUESTS).flat_map(|at| reflection(2 * at + 1)).collect();
        sent += requests.len();
        // It may have been cut off.
        drop(stream.write_all(&[hello(), requests].concat()).await);
        connections.push(stream);
    }
    let mut most = 0;
    let until = tokio::time::Instant::now() + WATCHED;
    while tokio::time::Instant::now() < until {
        most = most.max(place.process.resident_bytes());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!(
        "hostile: reflection of {sent} bytes by {CONNECTIONS} unidentified connections: resident from {before} to {most}"
    );
    assert!(most < before + BOUND, "resident memory grew from {before} to {most}");
    registrar.ask(question()).await;
    place.process.stop();
}

async fn reflect(client: &Client) -> Result<Option<ServerReflectionResponse>, tonic::Status> {
    let message_request = Some(MessageRequest::ListServices(String::new()));
    let asked = ServerReflectionRequest { message_request, ..Default::default() };
    let mut client = ServerReflectionClient::new(client.service());
    client.server_reflection_info(tokio_stream::once(asked)).await?.into_inner().next_message().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reflection_is_for_clients_on_the_list() {
    let place = TlsServer::start();
    let token = place.add_client_with_token("medicaid", "payer").await;
    let refused = reflect(&place.unauthenticated().await).await.unwrap_err();
    assert_eq!(refused.code_and_reason(), (Code::Unauthenticated, "UNAUTHENTICATED".to_owned()));
    for client in [place.client("registrar").await, place.unauthenticated().await.with_token(&token)] {
        assert!(reflect(&client).await.unwrap().is_some());
    }
    place.process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn health_is_for_everyone_with_a_low_limit_for_unauthenticated_connections() {
    let place = TlsServer::start();
    let ask = || HealthCheckRequest::default();
    let unauthenticated = place.unauthenticated().await;
    let mut watches = Vec::new();
    let mut health = HealthClient::new(unauthenticated.service());
    let refused = loop {
        assert!(watches.len() < 10, "every watch is accepted");
        match health.watch(ask()).await {
            Ok(watch) => watches.push(watch),
            Err(refused) => break refused,
        }
    };
    assert_eq!((watches.len(), refused.code_and_reason()), (4, (Code::ResourceExhausted, "TOO_MANY".to_owned())));
    // All connections share one rate limit.
    let (mut answered, mut too_fast) = (0, 0);
    for _ in 0..4 {
        let mut health = HealthClient::new(place.unauthenticated().await.service());
        for _ in 0..30 {
            match health.check(ask()).await {
                Ok(_) => answered += 1,
                Err(refused) => {
                    assert_eq!(refused.code_and_reason(), (Code::ResourceExhausted, "TOO_FAST".to_owned()));
                    too_fast += 1;
                }
            }
        }
    }
    assert!(answered > 0 && too_fast > 0, "{answered} answered, {too_fast} refused");
    // A client on the list does not count toward this limit.
    let mut health = HealthClient::new(place.client("registrar").await.service());
    for _ in 0..100 {
        health.check(ask()).await.unwrap();
    }
    drop(watches);
    place.process.stop();
}
