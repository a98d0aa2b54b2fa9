//! Traces: a collector gets a span for each sampled call, and calls do not wait for it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{TraceService, TraceServiceServer};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use tokio::net::{TcpListener, TcpSocket};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use super::harness::ops::Metrics;
use super::harness::requests::{register_specialist, verify};
use super::harness::{Client, NOT_ON_FILE, Process, TODAY, serve_failures, soon, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const GIVEN: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

/// Keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    /// Listens on a free port.
    async fn start() -> (Collector, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        (Collector::on(listener), address)
    }

    fn on(listener: TcpListener) -> Collector {
        let collector = Collector::default();
        let service = TraceServiceServer::new(collector.clone());
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(TcpIncoming::from(listener)));
        collector
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let scopes = requests.iter().flat_map(|request| &request.resource_spans).flat_map(|spans| &spans.scope_spans);
        scopes.flat_map(|spans| spans.spans.clone()).collect()
    }
}

/// Starts a server whose environment has these variables beside those of a collector.
fn traced(data: &tempfile::TempDir, collector: SocketAddr, variables: &[(&str, &str)]) -> Process {
    let mut under = vec!["env".to_owned(), format!("OTEL_EXPORTER_OTLP_ENDPOINT=http://{collector}")];
    under.push("OTEL_BSP_SCHEDULE_DELAY=20".to_owned());
    // Of two values, the later one counts.
    under.extend(variables.iter().map(|(name, value)| format!("{name}={value}")));
    Process::spawn_under(&under, data.path(), TODAY, &[])
}

fn asked(
    traceparent: Option<&str>,
    request_id: Option<&str>,
) -> Request<cpss_registry::proto::v1::VerifyCredentialRequest> {
    let mut request = Request::new(verify(NOT_ON_FILE, None, None));
    for (name, value) in [("traceparent", traceparent), ("x-request-id", request_id)] {
        if let Some(value) = value {
            request.metadata_mut().insert(name, value.parse().unwrap());
        }
    }
    request
}

fn text(attributes: &[KeyValue], name: &str) -> String {
    let found = attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.clone()) {
        Some(AnyValue { value: Some(Value::StringValue(text)) }) => text,
        other => panic!("{name}: {other:?} in {attributes:?}"),
    }
}

async fn count(process: &Process, outcome: &str) -> u64 {
    Metrics::of(process.ops()).await.count(&format!("cpss_spans_total{{outcome=\"{outcome}\"}}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_span_of_a_call_as_a_child_of_the_callers_span() {
    let data = tempfile::tempdir().unwrap();
    let (collector, address) = Collector::start().await;
    // Nothing is sampled but what the caller records.
    let process = traced(&data, address, &[("OTEL_TRACES_SAMPLER_ARG", "0")]);
    let registry = Client::connect(process.listening());
    let [recorded, other] = ["01", "00"].map(|flags| format!("00-{TRACE}-00f067aa0ba902b7-{flags}"));
    for (parent, id) in [(None, None), (Some(&*other), None), (Some(&*recorded), Some(GIVEN))] {
        registry.verification().verify_credential(asked(parent, id)).await.unwrap();
    }
    until("the span", async || !collector.spans().is_empty()).await;
    // The last call was answered last, so what the others sent would be here.
    let spans = collector.spans();
    let [span] = &spans[..] else { panic!("{spans:?}") };
    assert_eq!(span.trace_id, u128::from_str_radix(TRACE, 16).unwrap().to_be_bytes());
    assert_eq!(span.parent_span_id, 0x00f0_67aa_0ba9_02b7_u64.to_be_bytes());
    assert!(span.span_id.len() == 8 && span.span_id != span.parent_span_id);
    assert_eq!((&*span.name, span.kind()), ("VerificationService/VerifyCredential", SpanKind::Server));
    assert!(span.start_time_unix_nano > 0 && span.start_time_unix_nano < span.end_time_unix_nano);
    assert_eq!(text(&span.attributes, "rpc.response.status_code"), "OK");
    assert_eq!(text(&span.attributes, "cpss.request_id"), GIVEN);
    let names: Vec<_> = span.attributes.iter().map(|attribute| &*attribute.key).collect();
    let expected = ["rpc.system", "rpc.service", "rpc.method", "rpc.response.status_code", "cpss.request_id"];
    assert_eq!(names, expected, "nothing about a person");
    let sent = format!("{:?}", collector.0.lock().unwrap());
    assert!(!sent.contains(NOT_ON_FILE), "{sent}");
    let resource = collector.0.lock().unwrap()[0].resource_spans[0].resource.clone().unwrap();
    assert_eq!(text(&resource.attributes, "service.name"), "cpss-registry");
    until("the count", async || count(&process, "exported").await == 1).await;
    assert_eq!(count(&process, "dropped").await, 0);
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spans_of_the_last_calls_are_sent_before_the_process_ends() {
    let data = tempfile::tempdir().unwrap();
    let (collector, address) = Collector::start().await;
    let endpoint = format!("http://{address}");
    let variables = [
        ("OTEL_TRACES_SAMPLER", "always_on"),
        ("OTEL_SERVICE_NAME", "registry-a"),
        // Nothing is sent for an hour, but at the end.
        ("OTEL_BSP_SCHEDULE_DELAY", "3600000"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint),
    ];
    // The endpoint for traces counts, not the one for everything, where nobody listens.
    let process = traced(&data, "127.0.0.1:1".parse().unwrap(), &variables);
    let registry = Client::connect(process.listening());
    let refused = registry.calling_as("auditor").call(register_specialist("Ada", "Example-Stone")).await;
    registry.call(verify(NOT_ON_FILE, None, None)).await.unwrap();
    assert_eq!(collector.spans().len(), 0);
    process.stop();
    let spans = collector.spans();
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(spans.iter().all(|span| span.parent_span_id.is_empty()), "{spans:?}");
    let codes: Vec<_> = spans.iter().map(|span| text(&span.attributes, "rpc.response.status_code")).collect();
    assert_eq!(
        (refused.unwrap_err().code(), &*codes[0], &*codes[1]),
        (tonic::Code::PermissionDenied, "PERMISSION_DENIED", "OK")
    );
    assert!(spans.iter().all(|span| span.status.as_ref().is_none_or(|status| status.code() == StatusCode::Unset)));
    let resource = collector.0.lock().unwrap()[0].resource_spans[0].resource.clone().unwrap();
    assert_eq!(text(&resource.attributes, "service.name"), "registry-a");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_that_does_not_answer_delays_no_call_and_spans_beyond_the_queue_are_dropped() {
    let data = tempfile::tempdir().unwrap();
    // It accepts connections, because the system does, and never answers.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let variables = [("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "3600000")];
    let process = traced(&data, silent.local_addr().unwrap(), &variables);
    let registry = Client::connect(process.listening());
    // 2,048 wait, and at most 512 are under way for an hour. A call that waited for the collector would never be
    // answered.
    let calls = 4_000;
    for _ in 0..calls {
        soon("an answer", registry.verification().verify_credential(asked(None, None))).await.unwrap();
    }
    let dropped = count(&process, "dropped").await;
    assert!((calls - 2_048 - 512..calls).contains(&dropped), "{dropped}");
    assert_eq!(count(&process, "exported").await, 0);
    process.terminate();
    let (status, said) = process.wait();
    assert!(status.success() && said.contains("event=\"traces_cut_off\""), "{status}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_are_sent_again_once_the_collector_listens() {
    let data = tempfile::tempdir().unwrap();
    let port = TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let variables = [("OTEL_TRACES_SAMPLER", "always_on"), ("OTEL_EXPORTER_OTLP_TIMEOUT", "500")];
    let process = traced(&data, port.local_addr().unwrap(), &variables);
    let registry = Client::connect(process.listening());
    registry.verification().verify_credential(asked(None, None)).await.unwrap();
    process.wait_for_log("event=\"traces_not_sent\"");
    until("the count", async || count(&process, "dropped").await == 1).await;
    let collector = Collector::on(port.listen(16).unwrap());
    until("a span", async || {
        registry.verification().verify_credential(asked(None, None)).await.unwrap();
        !collector.spans().is_empty()
    })
    .await;
    process.wait_for_log("event=\"traces_sent_again\"");
    process.stop();
}

#[test]
fn what_the_environment_asks_for_and_is_not_supported_is_refused() {
    let data = tempfile::tempdir().unwrap();
    let variables = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")];
    let process = traced(&data, "127.0.0.1:4318".parse().unwrap(), &variables);
    let (status, said) = process.wait();
    assert_eq!(status.code(), Some(2), "{said}");
    let [why] = &serve_failures(&said)[..] else { panic!("{said}") };
    assert!(why.contains("OTEL_EXPORTER_OTLP_PROTOCOL") && why.contains("http/protobuf"), "{why}");
}
