//! Admission: every call passes through it once, before any service.
//!
//! It identifies the caller, refuses methods that the caller's role may not call, moves the civil day of a development
//! server forward, enforces the call's deadline, and writes one line to the access log.

mod denied;
mod leaving;
mod list;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::Timeout;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use self::denied::Denied;
use self::leaving::TrackedCall;
pub(crate) use self::leaving::explained;
pub(crate) use self::list::{ListPlace, ListRequest};
use super::limits::unauthenticated;
use super::mutation::refused;
use super::operations::Operations;
use super::redaction::CallContext;
use super::request_id::RequestIds;
use super::status;
use crate::auth::peer::{Certificate, Peer};
use crate::auth::quotas::Quotas;
use crate::auth::{Caller, DEV_CALLER, Identities, Method};
use crate::domain::day::Day;
use crate::registry::Registry;
use crate::telemetry::access::AccessLog;
use crate::telemetry::audit::{Audit, Client};
use crate::telemetry::caller::CertificateName;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::traces::Traces;

pub(super) static DEV_TODAY: HeaderName = HeaderName::from_static("x-dev-today");
pub(super) static TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The maximum size of a call's headers, as HTTP/2 counts it.
pub(crate) const HEADERS_BYTES: usize = 16 * 1024;

/// The memory that a header field takes beyond what HTTP/2 counts: its entry in a map that grows by doubling.
const FIELD_BYTES: usize = 160;

/// How long before the caller's deadline a call is aborted, so that the caller still receives the reason: a tenth of
/// the time, at most this.
const HEAD_START: Duration = Duration::from_millis(100);

/// The state that admission needs. All listeners share it.
pub(crate) struct Admission {
    /// The registry.
    pub(super) registry: Registry,
    /// What OperationsService needs of the server.
    pub(super) operations: Arc<Operations>,
    /// Identifies callers.
    identities: Identities,
    /// Counts unauthenticated requests.
    shares: Quotas,
    /// Generates ids for requests without one.
    request_ids: RequestIds,
    /// Counts calls.
    pub(super) metrics: Arc<Metrics>,
    /// The access log.
    access: AccessLog,
    /// Where spans go. None: nobody asked for traces.
    traces: Option<Traces>,
}

/// Why a call is not admitted.
enum Refusal {
    /// A limit, or a fault of the call.
    Other(Status),
    /// The caller's role may not make it.
    Role(Denied),
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Refusal {
        Refusal::Other(status)
    }
}

/// Admits a call to the services. Returns its answer, or a refusal.
pub(super) fn enter<S>(
    admission: &Arc<Admission>,
    audit: &Audit,
    services: &mut S,
    mut request: Request<Body>,
    deadline: Option<Duration>,
) -> Entering<S::Future, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    let mut tracked = TrackedCall::new(admission, &request);
    let deadline = deadline.map(ahead_of);
    match admission.admit(&request, &mut tracked) {
        Err(Refusal::Other(refusal)) => Entering::Refused { refusal, tracked: Some(tracked) },
        Err(Refusal::Role(denied)) => {
            Entering::Denied { refusal: Box::pin(admission.deny(audit, denied)), tracked: Some(tracked) }
        }
        Ok((context, today)) => {
            request.extensions_mut().insert(context);
            let request = tracked.follow(request);
            let tracked = Some(tracked);
            let Some(day) = today else {
                return Entering::Admitted { call: InTime::within(deadline, services.call(request)), tracked };
            };
            let (mut services, admission) = (services.clone(), Arc::clone(admission));
            let moved = async move {
                match admission.move_to(day).await {
                    Ok(()) => InTime::within(deadline, services.call(request)).await,
                    Err(refusal) => Ok(refusal.into_http()),
                }
            };
            Entering::Moving { moved: Box::pin(moved), tracked }
        }
    }
}

pin_project! {
    /// A call from its arrival to its answer.
    #[project = Step]
    pub enum Entering<F, E> {
        /// The call was refused.
        Refused {
            refusal: Status,
            tracked: Option<TrackedCall>,
        },
        /// The caller's role may not make the call.
        Denied {
            refusal: BoxFuture<'static, Status>,
            tracked: Option<TrackedCall>,
        },
        /// The call was admitted.
        Admitted {
            #[pin]
            call: InTime<F>,
            tracked: Option<TrackedCall>,
        },
        /// The call was admitted, and moves the civil day first.
        Moving {
            moved: BoxFuture<'static, Result<Response<Body>, E>>,
            tracked: Option<TrackedCall>,
        },
    }
}

impl<F, E> Future for Entering<F, E>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (answered, tracked) = match self.project() {
            Step::Refused { refusal, tracked } => (Ok(refusal.clone().into_http()), tracked),
            Step::Denied { refusal, tracked } => (Ok(ready!(refusal.as_mut().poll(cx)).into_http()), tracked),
            Step::Admitted { call, tracked } => (ready!(call.poll(cx)), tracked),
            Step::Moving { moved, tracked } => (ready!(moved.as_mut().poll(cx)), tracked),
        };
        Poll::Ready(answered.map(|response| match tracked.take() {
            Some(tracked) => tracked.leave(response),
            None => response,
        }))
    }
}

pin_project! {
    /// A call with its deadline.
    #[project = Time]
    pub enum InTime<F> {
        /// The caller set no deadline.
        Endless {
            #[pin]
            call: F,
        },
        /// The caller set a deadline.
        Within {
            #[pin]
            call: Timeout<F>,
        },
    }
}

impl<F: Future> InTime<F> {
    fn within(deadline: Option<Duration>, call: F) -> InTime<F> {
        match deadline {
            None => InTime::Endless { call },
            Some(limit) => InTime::Within { call: tokio::time::timeout(limit, call) },
        }
    }
}

impl<F, E> Future for InTime<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Time::Endless { call } => call.poll(cx),
            Time::Within { call } => {
                call.poll(cx).map(|answered| answered.unwrap_or_else(|_| Ok(status::deadline_exceeded().into_http())))
            }
        }
    }
}

impl Admission {
    /// Creates the admission to the services of a registry.
    pub(crate) fn new(
        registry: Registry,
        operations: Operations,
        (identities, shares): (Identities, Quotas),
        metrics: Arc<Metrics>,
        access: AccessLog,
        traces: Option<Traces>,
    ) -> Arc<Admission> {
        let (operations, request_ids) = (Arc::new(operations), RequestIds::new());
        Arc::new(Admission { registry, operations, identities, shares, metrics, access, traces, request_ids })
    }

    /// Records a request that is not a call, and that a listener answered itself with an HTTP status.
    pub(super) fn note<B>(self: &Arc<Admission>, request: &Request<B>, status: StatusCode) {
        // The HTTP status already says why. The connection closes itself when there were too many such requests.
        drop(unauthenticated(&self.shares, request.extensions().get()));
        TrackedCall::new(self, request).leave_as(status);
    }

    /// Returns the caller with its right, and the day to move to before the call is answered.
    fn admit(&self, request: &Request<Body>, tracked: &mut TrackedCall) -> Result<(CallContext, Option<Day>), Refusal> {
        let method = tracked.method;
        let context = self.context(request, tracked, method)?;
        let day = request.headers().get(&DEV_TODAY).map(|day| day.to_str().unwrap_or_default().parse());
        let not_a_day = |_| status::invalid_field(DEV_TODAY.as_str(), "not a date of the form 2026-03-01");
        Ok((context, day.transpose().map_err(not_a_day)?))
    }

    /// Returns the caller with its right to call a method.
    fn context<B>(
        &self,
        request: &Request<B>,
        tracked: &mut TrackedCall,
        method: Option<&'static Method>,
    ) -> Result<CallContext, Refusal> {
        let caller = self.caller(request, tracked)?;
        let headers_bytes = refuse_large(request.headers())?;
        let method = method.ok_or_else(status::no_such_method)?;
        let request_id = tracked.request_id;
        let Some(right) = method.right(&caller.role) else {
            return Err(Refusal::Role(Denied { caller, method, request_id }));
        };
        if !self.identities.is_dev() {
            refuse_dev_metadata(request.headers())?;
        }
        Ok(CallContext { caller, right, method, request_id, headers_bytes })
    }

    /// Identifies the caller, and notes it. Who cannot be identified is counted.
    fn caller<B>(&self, request: &Request<B>, tracked: &mut TrackedCall) -> Result<Arc<Caller>, Status> {
        let peer: Option<&Peer> = request.extensions().get();
        let caller = self.identities.caller(request.headers(), peer, tracked.started).or_else(|nobody| {
            tracked.certificate = peer.and_then(Peer::certificate).and_then(Certificate::name).map(CertificateName::of);
            unauthenticated(&self.shares, peer)?;
            Err(status::unauthenticated(nobody.to_string()))
        })?;
        tracked.client = Some(Arc::clone(&caller) as Arc<dyn Client>);
        Ok(caller)
    }

    /// Opens every day up to the given one.
    async fn move_to(&self, day: Day) -> Result<(), Status> {
        if day < self.registry.head().today {
            return Err(status::invalid_field(
                DEV_TODAY.as_str(),
                "before the last opened day: days can only be opened forward",
            ));
        }
        self.registry.clock().move_to(day);
        self.registry.open_days(day).await.map_err(|error| refused(&error, uuid::Uuid::nil()))
    }
}

/// Refuses headers that only a development server honors, rather than ignoring them.
fn refuse_dev_metadata(headers: &HeaderMap) -> Result<(), Status> {
    match [&DEV_CALLER, &DEV_TODAY].into_iter().find(|name| headers.contains_key(*name)) {
        Some(name) => Err(status::invalid_field(name.as_str(), "only a development server (serve --dev) accepts it")),
        None => Ok(()),
    }
}

/// The size of headers, as HTTP/2 counts it.
pub(crate) fn headers_bytes(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 32).sum()
}

/// Refuses headers above the size limit. Returns the memory that they take.
fn refuse_large(headers: &HeaderMap) -> Result<usize, Status> {
    let bytes = headers_bytes(headers);
    if bytes <= HEADERS_BYTES {
        return Ok(bytes + headers.len() * FIELD_BYTES);
    }
    Err(status::too_large(format!("the headers of a call may have at most {HEADERS_BYTES} bytes")))
}

/// Returns the caller's time limit less the head start.
fn ahead_of(limit: Duration) -> Duration {
    limit - HEAD_START.min(limit / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_ends_before_its_deadline() {
        for (millis, expected) in [(1000, 900), (250, 225), (10, 9), (120_000, 119_900)] {
            assert_eq!(ahead_of(Duration::from_millis(millis)), Duration::from_millis(expected));
        }
    }
}
