//! How calls leave: when a call is answered, it is counted and writes one line to the access log. A streaming call does
//! so when its stream ends. A call whose caller disconnects first is reported as CANCELLED.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::{Body as _, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::body::Body;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::{Admission, TRACEPARENT};
use crate::auth::Method;
use crate::proto::google::rpc;
use crate::surface::frames::Frames;
use crate::surface::request_id::{REQUEST_ID, RequestId};
use crate::surface::status;
use crate::telemetry::access::{Answered, Messages, Outcome};
use crate::telemetry::audit::Client;
use crate::telemetry::caller::{CertificateName, TraceParent, UserAgent};
use crate::telemetry::traces::Ended;

static GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// What is reported about a call when it leaves. If it is dropped before, the caller has disconnected.
pub struct TrackedCall {
    admission: Arc<Admission>,
    pub(super) method: Option<&'static Method>,
    pub(super) client: Option<Arc<dyn Client>>,
    /// The certificate of a caller that is not identified.
    pub(super) certificate: Option<CertificateName>,
    pub(super) request_id: RequestId,
    /// The span of the caller.
    parent: Option<TraceParent>,
    user_agent: UserAgent,
    pub(super) started: Instant,
    /// The number of messages received and sent, for a streaming call.
    received: Option<Arc<AtomicU64>>,
    sent: Frames,
    is_reported: bool,
}

impl TrackedCall {
    /// Starts tracking a request that has arrived. Its client is not known yet.
    pub(super) fn new<B>(admission: &Arc<Admission>, request: &Request<B>) -> TrackedCall {
        let given = |name: &HeaderName| request.headers().get(name).and_then(|value| value.to_str().ok());
        TrackedCall {
            admission: Arc::clone(admission),
            method: crate::auth::method(request.uri().path()),
            client: None,
            certificate: None,
            request_id: admission.request_ids.of(given(&REQUEST_ID)),
            parent: given(&TRACEPARENT).and_then(TraceParent::of_header),
            user_agent: UserAgent::of(request.headers().get(USER_AGENT).map(HeaderValue::as_bytes)),
            started: Instant::now(),
            received: None,
            sent: Frames::default(),
            is_reported: false,
        }
    }

    /// Returns the request, with a body that counts messages if the call streams.
    pub(super) fn follow(&mut self, request: Request<Body>) -> Request<Body> {
        if !self.method.is_some_and(|method| method.streams) {
            return request;
        }
        let received = Arc::new(AtomicU64::new(0));
        self.admission.metrics.stream_begun();
        self.received = Some(Arc::clone(&received));
        request.map(|body| Body::new(CountedRequest { body, frames: Frames::default(), received }))
    }

    /// Reports an answer when it is sent; a streaming answer when it ends.
    pub(super) fn leave(mut self, mut response: Response<Body>) -> Response<Body> {
        // A refusal has its status here, an answer in its trailers.
        let has_status = response.headers().contains_key(&GRPC_STATUS);
        if has_status {
            response = explained(response);
            self.request_id.put_into_details(response.headers_mut());
        }
        self.request_id.put_into(response.headers_mut());
        if self.received.is_some() && !response.body().is_end_stream() {
            return response.map(|body| Body::new(CountedResponse { body, tracked: self }));
        }
        match has_status {
            true => self.report_code(response.headers()),
            false => self.report(Outcome::Grpc(Code::Ok.into())),
        }
        response
    }

    /// Reports a request that is not a call.
    pub(super) fn leave_as(mut self, status: StatusCode) {
        self.report(Outcome::Http(status.as_u16()));
    }

    /// Reports the code in a response's headers or trailers, and counts a refusal.
    fn report_code(&mut self, headers: &HeaderMap) {
        let code = code(headers);
        if is_refusal(code)
            && let Some(status) = Status::from_header_map(headers)
        {
            self.count_refusal(&status);
        }
        self.report(Outcome::Grpc(code));
    }

    /// Counts a call that was refused because of a limit, or of the state of the registry.
    fn count_refusal(&self, status: &Status) {
        if is_refusal(status.code().into()) && !self.is_reported {
            let info = status.get_details_error_info();
            self.admission.metrics.refused(info.as_ref().map_or("", |info| &info.reason));
        }
    }

    /// Counts the call and writes its access log line, once.
    fn report(&mut self, outcome: Outcome) {
        if std::mem::replace(&mut self.is_reported, true) {
            return;
        }
        let (method, elapsed) = (self.method.map(|method| (method.service, method.name)), self.started.elapsed());
        if let Outcome::Grpc(code) = outcome {
            let name = rpc::Code::try_from(code).unwrap_or(rpc::Code::Unknown).as_str_name();
            self.admission.metrics.called(method, name, elapsed);
            if let Some(traces) = &self.admission.traces {
                let (parent, is_known) = (self.parent, self.client.is_some());
                traces.ended(Ended { method, code: name, parent, is_known, elapsed, request_id: self.request_id.0 });
            }
        }
        let received = self.received.as_ref().map(|received| received.load(Ordering::Relaxed));
        self.admission.access.answered(Answered {
            method,
            client: self.client.take(),
            certificate: self.certificate.take(),
            outcome,
            elapsed,
            messages: received.map(|received| Messages { received, sent: self.sent.messages() }),
            request_id: self.request_id.0,
            trace_id: self.parent.map(|parent| parent.trace_id),
            user_agent: self.user_agent,
        });
    }
}

impl Drop for TrackedCall {
    fn drop(&mut self) {
        self.report(Outcome::Grpc(Code::Cancelled.into()));
        if self.received.is_some() {
            self.admission.metrics.stream_ended();
        }
    }
}

/// Adds the standard error details to a refusal by the transport. Returns other responses unchanged.
pub(crate) fn explained(response: Response<Body>) -> Response<Body> {
    match Status::from_header_map(response.headers()) {
        Some(refused) if refused.code() != Code::Ok && refused.details().is_empty() => {
            status::transport::of_transport(refused).into_http()
        }
        _ => response,
    }
}

/// True if calls with this code were refused because of a limit, or of the state of the registry.
fn is_refusal(code: i32) -> bool {
    code == i32::from(Code::ResourceExhausted) || code == i32::from(Code::Unavailable)
}

/// Returns the gRPC code from a response's headers or trailers.
fn code(headers: &HeaderMap) -> i32 {
    headers.get(&GRPC_STATUS).and_then(|value| value.to_str().ok()?.parse().ok()).unwrap_or(0)
}

/// The request body of a streaming call.
struct CountedRequest {
    body: Body,
    frames: Frames,
    received: Arc<AtomicU64>,
}

/// The response body of a streaming call.
struct CountedResponse {
    body: Body,
    tracked: TrackedCall,
}

impl http_body::Body for CountedRequest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &polled
            && let Some(bytes) = frame.data_ref()
        {
            self.frames.take(bytes);
            self.received.store(self.frames.messages(), Ordering::Relaxed);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl http_body::Body for CountedResponse {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let mut polled = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &mut polled
            && let Some(trailers) = frame.trailers_mut()
        {
            self.tracked.request_id.put_into_details(trailers);
        }
        match &polled {
            Some(Ok(frame)) => match (frame.data_ref(), frame.trailers_ref()) {
                (Some(bytes), _) => self.tracked.sent.take(bytes),
                (None, Some(trailers)) => self.tracked.report_code(trailers),
                (None, None) => {}
            },
            Some(Err(status)) => {
                self.tracked.count_refusal(status);
                self.tracked.report(Outcome::Grpc(status.code().into()));
            }
            None => self.tracked.report(Outcome::Grpc(Code::Ok.into())),
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
