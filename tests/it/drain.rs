//! Draining: long calls end with DRAINING, calls in progress are answered, and the ops port stays open to the end.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cpss_registry::proto::v1;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Ping, RecvStream, SendStream};
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tonic::transport::Endpoint;
use tonic::{Code, Response, Status, Streaming};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use super::harness::http1::{one_request, received};
use super::harness::ops::get;
use super::harness::raw::path;
use super::harness::requests::{bill, register_specialist, verify};
use super::harness::{Client, Codec, Messages as _, NOT_ON_FILE, Process, Refusal as _, TODAY, soon, until};
use super::hostile::frames::hello;

/// The maximum time for something that must happen soon. A server that waits drains for 20 seconds.
const SOON: Duration = Duration::from_secs(5);

/// Longer than any call that the server does not wait for.
const BEYOND_ALL_OTHERS: Duration = Duration::from_millis(1500);

/// A long call: a description and its final status.
type Lasting = (&'static str, JoinHandle<Status>);

/// Starts a call, and reads everything until it ends.
fn hold<T: Send + 'static>(
    what: &'static str,
    call: impl Future<Output = Result<Response<Streaming<T>>, Status>> + Send + 'static,
) -> Lasting {
    let end = async move {
        let mut answers = match call.await {
            Ok(answers) => answers.into_inner(),
            Err(status) => return status,
        };
        loop {
            match answers.next_message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("{what} ends without an error"),
                Err(status) => return status,
            }
        }
    };
    (what, tokio::spawn(soon(what, end)))
}

fn options() -> v1::StreamVerifyCredentialsRequest {
    let options = v1::stream_verify_credentials_request::Kind::Options(v1::StreamOptions::default());
    v1::StreamVerifyCredentialsRequest { kind: Some(options) }
}

fn item() -> v1::StreamVerifyCredentialsRequest {
    let item = verify(NOT_ON_FILE, None, None).item.unwrap();
    v1::StreamVerifyCredentialsRequest { kind: Some(v1::stream_verify_credentials_request::Kind::Item(item)) }
}

/// Options, followed by questions without end.
fn endless() -> impl tokio_stream::Stream<Item = v1::StreamVerifyCredentialsRequest> + Send {
    tokio_stream::once(options()).chain(tokio_stream::iter(std::iter::repeat_with(item)))
}

/// Streams of questions in all states.
fn questions(registry: &Client) -> Vec<Lasting> {
    let verification = || registry.verification();
    let (mut idle, mut silent, mut busy, mut claims) = (verification(), verification(), verification(), verification());
    let waiting = tokio_stream::once(options()).chain(tokio_stream::pending());
    let of_claims = v1::stream_check_billing_eligibility_request::Kind::Options(v1::StreamOptions::default());
    let of_claims = v1::StreamCheckBillingEligibilityRequest { kind: Some(of_claims) };
    let item = bill(NOT_ON_FILE, "north", TODAY).item.unwrap();
    let claim = v1::stream_check_billing_eligibility_request::Kind::Item(item);
    let claim = v1::StreamCheckBillingEligibilityRequest { kind: Some(claim) };
    let of_claims = tokio_stream::iter([of_claims, claim]).chain(tokio_stream::pending());
    vec![
        hold("a stream that waits", async move { idle.stream_verify_credentials(waiting).await }),
        hold(
            "a stream without a message",
            async move { silent.stream_verify_credentials(tokio_stream::pending()).await },
        ),
        hold("a stream that never ends", async move { busy.stream_verify_credentials(endless()).await }),
        hold("a stream of claims", async move { claims.stream_check_billing_eligibility(of_claims).await }),
    ]
}

/// A stream of one version of server reflection.
macro_rules! reflection {
    ($registry:ident, $version:ident) => {{
        use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
        let mut client = ServerReflectionClient::new($registry.service());
        hold("reflection", async move { client.server_reflection_info(tokio_stream::pending()).await })
    }};
}

/// All other long calls.
fn others(registry: &Client, ops: &Client) -> Vec<Lasting> {
    let (mut change, mut record, mut employment) = (registry.change(), registry.record(), registry.employment());
    let row = v1::ImportRow { request_id: "none".to_owned(), ..Default::default() };
    let rows = tokio_stream::once(v1::ImportRecordsRequest { row: Some(row) }).chain(tokio_stream::pending());
    let watch = |client: &Client, service: &str| {
        let (mut health, service) = (HealthClient::new(client.service()), service.to_owned());
        async move { health.watch(HealthCheckRequest { service }).await }
    };
    vec![
        hold("a feed", async move { change.watch_changes(v1::WatchChangesRequest::default()).await }),
        hold("an import", async move { record.import_records(rows).await }),
        hold("a roster", async move { employment.reconcile_roster(tokio_stream::pending()).await }),
        hold("health", watch(registry, "")),
        hold("health of what is unknown", watch(registry, "example.NoService")),
        hold("health on the ops port", watch(ops, "liveness")),
        reflection!(registry, v1),
        reflection!(registry, v1alpha),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_long_call_ends_with_draining_soon_after_sigterm() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let ops = Client::connect(process.ops());
    let http = Client::over_http(process.http(), Codec::Json);
    let mut feed = http.change();
    let feed = hold("a feed as JSON", async move { feed.watch_changes(v1::WatchChangesRequest::default()).await });
    let lasting = questions(&registry).into_iter().chain(questions(&http)).chain(others(&registry, &ops));
    let lasting: Vec<_> = lasting.chain([feed]).collect();
    let events = tokio::spawn(events(process.http()));
    // An idle connection of HTTP/1.1 does not hold up the end.
    let idle = TcpStream::connect(process.http()).await.unwrap();
    // Clients that cannot be notified: one does not read, one is gone.
    let narrow = Endpoint::from_shared(format!("http://{}", process.listening())).unwrap();
    let narrow = narrow.initial_stream_window_size(1024).connect().await.unwrap();
    let unread = Client::on(narrow).verification().stream_verify_credentials(endless()).await.unwrap();
    let mut gone = TcpStream::connect(process.listening()).await.unwrap();
    gone.write_all(&hello()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;

    let begun = Instant::now();
    process.terminate();
    for (what, end) in lasting {
        let end = tokio::time::timeout(SOON, end).await.unwrap_or_else(|_| panic!("{what} goes on")).unwrap();
        assert_eq!(end.code_and_reason(), (Code::Unavailable, "DRAINING".to_owned()), "{what}");
    }
    let events = events.await.unwrap();
    let last = events.rsplit("\n\n").find(|event| event.contains("data: ")).unwrap_or_default();
    assert!(last.contains("event: error\n") && last.contains("\"DRAINING\""), "{events}");
    println!("drain: all ended after {:?}", begun.elapsed());
    let (status, said) = process.wait();
    println!("drain: the process ended after {:?}", begun.elapsed());
    assert!(status.success() && !said.contains("calls were cut off"), "{status}: {said}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    drop((unread, gone, idle));
}

/// Everything that is sent of the feed as events over HTTP/1.1.
async fn events(address: SocketAddr) -> String {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let headers = ["accept: text/event-stream", "content-type: application/json"];
    let request = one_request("POST", &path("ChangeService/WatchChanges"), "localhost", &headers, "{}");
    connection.write_all(request.as_bytes()).await.unwrap();
    let (sent, end) = received(connection).await;
    end.unwrap();
    String::from_utf8(sent).unwrap()
}

/// A call with an incomplete request.
struct Unfinished {
    _connection: SendRequest<Bytes>,
    answer: ResponseFuture,
    body: SendStream<Bytes>,
    rest: Bytes,
}

impl Unfinished {
    async fn begin(address: SocketAddr, method: &str, message: &[u8]) -> Unfinished {
        let (h2, mut connection) = h2::client::handshake(TcpStream::connect(address).await.unwrap()).await.unwrap();
        let mut pings = connection.ping_pong().unwrap();
        tokio::spawn(connection);
        let uri = format!("http://{address}{}", path(method));
        let request = http::Request::post(uri).header("content-type", "application/grpc").header("te", "trailers");
        let mut h2 = h2.ready().await.unwrap();
        let (answer, mut body) = h2.send_request(request.body(()).unwrap(), false).unwrap();
        let whole = [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), message].concat();
        let mut begun = Bytes::from(whole);
        let rest = begun.split_off(begun.len() / 2);
        body.send_data(begun, false).unwrap();
        // The server answers the second ping after it has read the call; the answer to the first may be sent before.
        for _ in 0..2 {
            pings.ping(Ping::opaque()).await.unwrap();
        }
        Unfinished { _connection: h2, answer, body, rest }
    }

    /// Sends the rest. Returns the HTTP status and the gRPC status of the response.
    async fn finish(mut self) -> (u16, String) {
        self.body.send_data(self.rest, true).unwrap();
        let (head, body) = self.answer.await.unwrap().into_parts();
        let status = match head.headers.get("grpc-status") {
            Some(status) => status.clone(),
            None => trailers(body).await["grpc-status"].clone(),
        };
        (head.status.as_u16(), status.to_str().unwrap().to_owned())
    }
}

async fn trailers(mut body: RecvStream) -> http::HeaderMap {
    while let Some(data) = body.data().await {
        let length = data.unwrap().len();
        body.flow_control().release_capacity(length).unwrap();
    }
    body.trailers().await.unwrap().unwrap()
}

/// A registration that is not completed until requested.
async fn unfinished(process: &Process) -> Unfinished {
    let registration = register_specialist("Rosalind", "Example").encode_to_vec();
    Unfinished::begin(process.listening(), "CredentialService/RegisterSpecialist", &registration).await
}

/// Waits until the server reports that it drains.
async fn until_it_drains(process: &Process) {
    until("a drain", async || get(process.ops(), "/readyz").await.0 == "HTTP/1.1 503 Service Unavailable").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_in_progress_are_answered_and_the_ops_port_stays_open() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let before = registry.head().await;
    let mutation = unfinished(&process).await;
    let items = vec![verify(NOT_ON_FILE, None, None).item.unwrap(); 1000];
    let batch = v1::BatchVerifyCredentialsRequest { items, ..Default::default() }.encode_to_vec();
    let batch = Unfinished::begin(process.listening(), "VerificationService/BatchVerifyCredentials", &batch).await;
    process.terminate();
    until_it_drains(&process).await;
    tokio::time::sleep(BEYOND_ALL_OTHERS).await;
    let refused = Client::connect(process.listening()).call(verify(NOT_ON_FILE, None, None)).await;
    assert!(refused.is_err(), "new connections are not accepted: {refused:?}");
    assert_eq!(get(process.ops(), "/livez").await, ("HTTP/1.1 200 OK".to_owned(), "ok\n".to_owned()));
    let (_, checks) = get(process.ops(), "/readyz?verbose").await;
    for line in
        ["not ready", "open: ok", "questions: failed: the server is ending", "drain: failed: the server is ending"]
    {
        assert!(checks.lines().any(|shown| shown == line), "{line}: {checks}");
    }
    let (_, metrics) = get(process.ops(), "/metrics").await;
    for line in [format!("cpss_head_revision {before}"), "cpss_answers 0".to_owned(), "cpss_writes 0".to_owned()] {
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
    let answered = (200, "0".to_owned());
    assert_eq!(batch.finish().await, answered);
    assert_eq!(get(process.ops(), "/livez").await.0, "HTTP/1.1 200 OK");
    assert_eq!(mutation.finish().await, answered);
    let ended = Instant::now();
    let (status, said) = process.wait();
    assert!(status.success() && !said.contains("calls were cut off"), "{status}: {said}");
    assert!(ended.elapsed() < SOON, "it ends with its last call: {:?}", ended.elapsed());
    let (process, registry) = Process::start(data.path(), TODAY);
    assert_eq!(registry.head().await, before + 1, "what was answered is recorded");
    process.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_that_is_made_during_the_drain_is_proven_before_the_end() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    let next = v1::GetInclusionProofRequest { revision: registry.head().await + 1, tree_size: 0 }.encode_to_vec();
    let mutation = unfinished(&process).await;
    let proof = Unfinished::begin(process.listening(), "LogService/GetInclusionProof", &next).await;
    process.terminate();
    until_it_drains(&process).await;
    let answered = (200, "0".to_owned());
    assert_eq!(mutation.finish().await, answered);
    assert_eq!(proof.finish().await, answered);
    let (status, said) = process.wait();
    assert!(status.success(), "{status}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_drain_and_the_store_is_still_closed() {
    for second in [Process::terminate, Process::interrupt] {
        let data = tempfile::tempdir().unwrap();
        let (process, _registry) = Process::start(data.path(), TODAY);
        let _call = unfinished(&process).await;
        process.terminate();
        until_it_drains(&process).await;
        let begun = Instant::now();
        second(&process);
        let (status, said) = process.wait();
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        assert!(status.success() && said.contains("calls were cut off"), "{status}: {said}");
        assert!(said.contains(" calls=1\n"), "{said}");
        is_whole(data.path());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_logs_no_calls_if_none_was_open() {
    let data = tempfile::tempdir().unwrap();
    let (process, registry) = Process::start(data.path(), TODAY);
    registry.head().await;
    // It has no call and does not notice the drain. The server gives it one second.
    let mut silent = TcpStream::connect(process.listening()).await.unwrap();
    silent.write_all(&hello()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    process.terminate();
    until_it_drains(&process).await;
    process.interrupt();
    let (status, said) = process.wait();
    assert!(status.success() && !said.contains("cut off"), "{status}: {said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_open_at_the_end_of_the_drain_are_cut_off_and_the_store_is_still_closed() {
    let data = tempfile::tempdir().unwrap();
    let process = Process::spawn_with(data.path(), TODAY, &["--drain-seconds", "2"]);
    let call = unfinished(&process).await;
    let begun = Instant::now();
    process.terminate();
    let (status, said) = process.wait();
    assert!((2..10).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    assert!(status.success() && said.contains("calls were cut off"), "{status}: {said}");
    assert!(call.answer.await.is_err(), "it was not answered");
    is_whole(data.path());
}

fn is_whole(data_dir: &std::path::Path) {
    let checked = super::backup::json_of(&["check", "--data-dir", data_dir.to_str().unwrap()]);
    assert_eq!(checked["index"], "equal to the fold of the log", "{checked}");
}
