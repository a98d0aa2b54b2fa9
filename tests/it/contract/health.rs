//! Health checks, and the services that reflection lists.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use cpss_registry::grpc::health::{HealthBoard, Serving};
use tokio_stream::StreamExt as _;
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus::{self, NotServing, ServiceUnknown};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::Health as _;

use crate::harness::raw::{PACKAGE, methods};
use crate::harness::{Client, Messages as _, Process, Refusal as _, TODAY, TestServer};

fn about(service: &str) -> HealthCheckRequest {
    HealthCheckRequest { service: service.to_owned() }
}

/// The services of the contract, by their full names.
fn services() -> BTreeSet<String> {
    methods().into_iter().map(|(method, _)| format!("{PACKAGE}.{}", method.split_once('/').unwrap().0)).collect()
}

#[tokio::test]
async fn once_open_every_service_serves_and_an_unknown_one_is_not_found() {
    let server = TestServer::start(TODAY).await;
    let mut health = HealthClient::new(server.client().service());
    for service in services().iter().map(String::as_str).chain(["", "liveness", "readiness"]) {
        let status = health.check(about(service)).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service:?}");
    }
    let unknown = health.check(about("example.NoService")).await.unwrap_err();
    assert_eq!(unknown.code_and_reason(), (Code::NotFound, "NOT_FOUND".to_owned()));

    let mut watch = health.watch(about("example.NoService")).await.unwrap().into_inner();
    assert_eq!(watch.next_message().await.unwrap().unwrap().status(), ServiceUnknown);
    let more = tokio::time::timeout(Duration::from_millis(200), watch.message()).await;
    assert!(more.is_err(), "the stream stays open: {more:?}");
    drop(watch);
    server.stop().await;
}

#[tokio::test]
async fn nothing_is_served_before_the_registry_is_open_and_a_watch_is_notified_when_it_is() {
    let board = HealthBoard::default();
    let health = board.service();
    let check = async |service: &str| health.check(Request::new(about(service))).await.unwrap().into_inner().status();
    let mut readiness = health.watch(Request::new(about("readiness"))).await.unwrap().into_inner();
    for service in services().iter().map(String::as_str).chain(["", "readiness"]) {
        assert_eq!(check(service).await, NotServing, "{service:?}");
    }
    assert_eq!(check("liveness").await, ServingStatus::Serving);
    assert_eq!(readiness.next().await.unwrap().unwrap().status(), NotServing);

    // Questions are answered, but nothing can be written: the disk is full, or the calendar is held.
    board.set(Serving { questions: true, writes: false });
    assert_eq!(readiness.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    for (service, expected) in [
        ("VerificationService", ServingStatus::Serving),
        ("ChangeService", ServingStatus::Serving),
        ("CredentialService", NotServing),
        ("EmploymentService", NotServing),
        ("ProviderService", NotServing),
        ("RecordService", NotServing),
    ] {
        assert_eq!(check(&format!("{PACKAGE}.{service}")).await, expected, "{service}");
    }

    // The end is final, even while the disk is still monitored.
    board.end();
    board.set(Serving { questions: true, writes: true });
    assert_eq!(check("readiness").await, NotServing);
}

/// The status of a service on the ops port, once it responds.
pub async fn asked_on(ops: SocketAddr, service: &str) -> ServingStatus {
    for _ in 0..1000 {
        match HealthClient::new(Client::connect(ops).service()).check(about(service)).await {
            Ok(answer) => return answer.into_inner().status(),
            Err(not_yet) => assert_eq!(not_yet.code(), Code::Unavailable, "{not_yet:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nobody listens on {ops}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_ops_port_reports_serving_and_reports_draining_first() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn(data.path(), TODAY);
    assert_eq!(asked_on(process.ops(), "liveness").await, ServingStatus::Serving);
    process.listening();
    assert_eq!(asked_on(process.ops(), "readiness").await, ServingStatus::Serving);

    let mut health = HealthClient::new(Client::connect(process.ops()).service());
    let mut watch = health.watch(about("readiness")).await.unwrap().into_inner();
    assert_eq!(watch.next_message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    process.terminate();
    assert_eq!(watch.next_message().await.unwrap().unwrap().status(), NotServing);
    let end = watch.next_message().await.expect_err("a watch that went on would hold up the drain");
    assert_eq!(end.code_and_reason(), (Code::Unavailable, "DRAINING".to_owned()));
    let (status, said) = process.wait();
    assert!(status.success(), "{status}: {said}");
}

/// Lists the services with one version of server reflection.
macro_rules! listed {
    ($server:ident, $version:ident) => {{
        use reflection::server_reflection_client::ServerReflectionClient;
        use reflection::server_reflection_request::MessageRequest;
        use reflection::server_reflection_response::MessageResponse;
        use tonic_reflection::pb::$version as reflection;
        let request = reflection::ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let mut client = ServerReflectionClient::new($server.client().service());
        let mut answers = client.server_reflection_info(tokio_stream::once(request)).await.unwrap().into_inner();
        match answers.next_message().await.unwrap().unwrap().message_response {
            Some(MessageResponse::ListServicesResponse(list)) => {
                list.service.into_iter().map(|service| service.name).collect::<BTreeSet<_>>()
            }
            other => panic!("no list: {other:?}"),
        }
    }};
}

#[tokio::test]
async fn reflection_lists_every_service_in_both_versions() {
    let server = TestServer::start(TODAY).await;
    let mut expected = services();
    expected.insert("grpc.health.v1.Health".to_owned());
    for listed in [listed!(server, v1), listed!(server, v1alpha)] {
        let missing: Vec<_> = expected.difference(&listed).collect();
        assert!(missing.is_empty(), "not listed: {missing:?} of {listed:?}");
    }
    server.stop().await;
}
