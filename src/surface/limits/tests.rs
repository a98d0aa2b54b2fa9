//! Tests: large calls, calls that may last, the memory that calls hold, and that a stream with many ready items does
//! not delay other tasks.

use std::convert::Infallible;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::FutureExt as _;
use http_body::Frame;
use prost::Message as _;
use prost::bytes::Bytes;

use super::*;
use crate::auth::memory::CALLS_BYTES;
use crate::surface::request_id::RequestIds;
use crate::{auth, proto};

#[test]
fn the_large_calls_are_streams_batches_pages_and_program_statistics() {
    let large = auth::methods().filter(|method| method.is_large);
    let mut large: Vec<_> = large.map(|method| format!("{}/{}", method.service, method.name)).collect();
    large.sort_unstable();
    let expected = [
        "ChangeService/ListChanges",
        "ChangeService/WatchChanges",
        "CredentialService/FindSpecialists",
        "CredentialService/ListCredentials",
        "EmploymentService/ListEmployments",
        "EmploymentService/ReconcileRoster",
        "OperationsService/StreamBackup",
        "ProviderService/GetProgramStatistics",
        "ProviderService/ListProviders",
        "RecordService/ImportRecords",
        "RecordService/ListFacts",
        "RecordService/ListReads",
        "RecordService/ListReviewItems",
        "RecordService/PreviewImpact",
        "VerificationService/BatchCheckBillingEligibility",
        "VerificationService/BatchReviewEligibility",
        "VerificationService/BatchVerifyCredentials",
        "VerificationService/StreamCheckBillingEligibility",
        "VerificationService/StreamReviewEligibility",
        "VerificationService/StreamVerifyCredentials",
    ];
    assert_eq!(large, expected);
}

#[test]
fn the_calls_that_may_last_are_those_that_stream() {
    let descriptors = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
    for row in auth::methods() {
        let services = descriptors.file.iter().flat_map(|file| &file.service);
        let mut methods = services.filter(|service| service.name() == row.service).flat_map(|service| &service.method);
        let described = methods.find(|method| method.name() == row.name).unwrap();
        assert_eq!(row.streams, described.client_streaming() || described.server_streaming(), "{row:?}");
    }
}

/// Counts the items, all of them ready, that are taken before another ready task runs.
async fn taken_first(items: impl Stream<Item = u32>) -> u32 {
    let had_its_turn = Arc::new(AtomicBool::new(false));
    let other = tokio::spawn({
        let had_its_turn = Arc::clone(&had_its_turn);
        async move { had_its_turn.store(true, Ordering::Relaxed) }
    });
    tokio::pin!(items);
    let mut taken = 0;
    while !had_its_turn.load(Ordering::Relaxed) && items.next().await.is_some() {
        taken += 1;
    }
    other.await.unwrap();
    taken
}

#[tokio::test]
async fn a_long_stream_yields_to_other_tasks() {
    let items = || futures_util::stream::iter(0..1_000_000);
    assert_eq!(taken_first(items()).await, 1_000_000, "without it, other tasks wait");
    let taken = taken_first(fair(items())).await;
    assert!(taken < 1000, "{taken}");
}

/// Returns a request of `bytes` bytes from a development client.
fn request(name: &str, bytes: usize) -> Request<Body> {
    let caller = Identities::Dev.caller(&HeaderMap::new(), None, Instant::now()).unwrap();
    let method = auth::methods().find(|method| method.name == name).unwrap();
    let right = method.right(&caller.role).unwrap();
    let request_id = RequestIds::new().of(None);
    let mut request = Request::new(body(bytes));
    request.extensions_mut().insert(CallContext { caller, method, right, request_id, headers_bytes: 200 });
    request
}

/// Returns a body with one message of `bytes` bytes in total.
fn body(bytes: usize) -> Body {
    let prefix = [&[0][..], &u32::try_from(bytes - 5).unwrap().to_be_bytes()].concat();
    Body::new(One(Some([prefix, vec![7; bytes - 5]].concat().into())))
}

/// A body of one part.
struct One(Option<Bytes>);

impl http_body::Body for One {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Reads one part of a body.
async fn part<B: http_body::Body<Data = Bytes, Error = Status> + Unpin>(body: &mut B) -> Result<Option<Bytes>, Status> {
    let next = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await;
    Ok(next.transpose()?.and_then(|frame| frame.into_data().ok()))
}

/// Returns the limits in front of a service that reads the request and answers with `answer` bytes.
fn limited(
    limits: &LimitsLayer,
    answer: usize,
) -> impl Service<Request<Body>, Response = Response<Body>, Error = Infallible> + use<> {
    limits.by_client(tower::service_fn(move |request: Request<BodyLimit>| async move {
        let mut asked = request.into_body();
        let read = async {
            while part(&mut asked).await?.is_some() {}
            Ok(())
        };
        Ok::<_, Infallible>(match read.await {
            Ok(()) => Response::new(body(answer)),
            Err(status) => Status::into_http(status),
        })
    }))
}

fn limits() -> (LimitsLayer, watch::Sender<bool>, Arc<ClientQuota>) {
    let (drains, draining) = watch::channel(false);
    let limits = LimitsLayer::new(Quotas::default(), Identities::Dev, draining);
    let share = limits.shares.of("dev:all");
    (limits, drains, share)
}

/// True if no memory is held: only then can half of the total be held.
fn is_all_free(share: &ClientQuota) -> bool {
    share.hold(CALLS_BYTES / 2).is_ok()
}

const METHODS: [&str; 4] =
    ["VerifyCredential", "BatchVerifyCredentials", "StreamVerifyCredentials", "ReportEmploymentStart"];

#[tokio::test]
async fn memory_is_freed_when_the_answer_was_sent_or_dropped() {
    let (limits, _drains, share) = limits();
    for name in METHODS {
        for bytes in [200, 20_000] {
            let mut response = limited(&limits, bytes).call(request(name, bytes)).await.unwrap();
            assert!(!is_all_free(&share), "{name}: an answer that has not been read");
            let read = part(response.body_mut()).await.unwrap();
            assert_eq!(read.as_ref().map(Bytes::len), Some(bytes));
            assert_eq!(part(response.body_mut()).await.unwrap(), None);
            drop(response);
            assert!(!is_all_free(&share), "{name}: {bytes} bytes that have not been sent");
            drop(read);
            assert!(is_all_free(&share), "{name}");
            // Calls that are dropped before they begin, before they finish, and before they are read.
            drop(limited(&limits, bytes).call(request(name, bytes)));
            assert!(is_all_free(&share), "{name}");
            drop(limited(&limits, bytes).call(request(name, bytes)).await.unwrap());
            assert!(is_all_free(&share), "{name}");
        }
    }
}

#[tokio::test]
async fn a_client_that_holds_too_much_memory_is_refused_and_its_writes_are_answered() {
    let (limits, _drains, share) = limits();
    for name in METHODS {
        let (go, come) = watch::channel(false);
        let mut waiting = limits.by_client(tower::service_fn(move |_: Request<BodyLimit>| {
            let mut come = come.clone();
            async move {
                come.wait_for(|go| *go).await.unwrap();
                Ok::<_, Infallible>(Response::new(body(20_000)))
            }
        }));
        let code = |response: &Response<Body>| Status::from_header_map(response.headers()).map(|status| status.code());
        let begun = waiting.call(request(name, 200));
        let too_much = share.memory().hold_anyway(CALLS_BYTES);
        let refusal = waiting.call(request(name, 200)).await.unwrap();
        assert_eq!(code(&refusal), Some(tonic::Code::ResourceExhausted), "{name} does not reach the service");
        go.send_replace(true);
        let mut response = begun.await.unwrap();
        let is_read = matches!(name, "VerifyCredential" | "BatchVerifyCredentials");
        assert_eq!(code(&response), is_read.then_some(tonic::Code::ResourceExhausted), "{name}");
        let mut next = Box::pin(part(response.body_mut()));
        let mut now = next.as_mut().now_or_never();
        if name == "StreamVerifyCredentials" {
            assert!(now.is_none(), "a stream waits");
            drop(too_much);
            now = Some(next.as_mut().await);
        } else {
            drop(too_much);
        }
        let length = now.unwrap().unwrap().map_or(0, |bytes| bytes.len());
        assert_eq!(length, if is_read { 0 } else { 20_000 }, "{name}");
        drop(next);
        drop(response);
        assert!(is_all_free(&share), "{name}");
    }
}
