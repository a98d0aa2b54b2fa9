//! Admission: every call passes it once, before any service.
//!
//! It identifies the caller, refuses methods that the caller's role may not call, moves the civil day of a development
//! server forward, holds the call to its deadline, and writes one line to the access log.

mod leaving;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tokio::time::Timeout;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use self::leaving::Entered;
pub(crate) use self::leaving::explained;
use super::limits::unauthenticated;
use super::mutation::refused;
use super::redaction::Asker;
use super::request_id::RequestIds;
use super::status;
use crate::auth::quotas::Quotas;
use crate::auth::{DEV_CALLER, Identities};
use crate::domain::day::Day;
use crate::registry::Registry;
use crate::telemetry::access::AccessLog;
use crate::telemetry::audit::Client;
use crate::telemetry::metrics::Metrics;

pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(super) static DEV_TODAY: HeaderName = HeaderName::from_static("x-dev-today");

/// How large the headers of a call may be, as HTTP/2 counts them.
pub(super) const HEADERS_BYTES: usize = 16 * 1024;

/// What a field of them takes of memory beside what HTTP/2 counts: its entry in a map that grows by doubling.
const FIELD_BYTES: usize = 160;

/// How much earlier than the caller a call is given up, so that the answer still says why: a tenth of the time, at most
/// this.
const HEAD_START: Duration = Duration::from_millis(100);

/// What admission decides by, and where it records what it decided. All listeners share it.
pub(crate) struct Admission {
    /// The registry.
    pub(super) registry: Registry,
    /// How callers are identified.
    identities: Identities,
    /// Where requests that show nobody are counted.
    shares: Quotas,
    /// Makes ids for requests that bring none.
    request_ids: RequestIds,
    /// Where calls are counted.
    pub(super) metrics: Arc<Metrics>,
    /// Where they leave a line.
    access: AccessLog,
}

/// Admits a call to a service: the result is the answer, or the refusal.
pub(super) fn enter<S>(
    admission: &Arc<Admission>,
    services: &mut S,
    mut request: Request<Body>,
    deadline: Option<Duration>,
) -> Entering<S::Future, S::Error>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    let mut entered = Entered::new(admission, &request);
    let deadline = deadline.map(ahead_of);
    match admission.admit(&request, &entered) {
        Err(refusal) => Entering::Refused { refusal, entered: Some(entered) },
        Ok((asker, today)) => {
            entered.client = Some(Arc::clone(&asker.caller) as Arc<dyn Client>);
            request.extensions_mut().insert(asker);
            let request = entered.follow(request);
            let entered = Some(entered);
            let Some(day) = today else {
                return Entering::Admitted { call: InTime::within(deadline, services.call(request)), entered };
            };
            let (mut services, admission) = (services.clone(), Arc::clone(admission));
            let moved = async move {
                match admission.move_to(day).await {
                    Ok(()) => InTime::within(deadline, services.call(request)).await,
                    Err(refusal) => Ok(refusal.into_http()),
                }
            };
            Entering::Moving { moved: Box::pin(moved), entered }
        }
    }
}

pin_project! {
    /// A call that has come in.
    #[project = Step]
    pub enum Entering<F, E> {
        /// One that is not let through.
        Refused {
            refusal: Status,
            entered: Option<Entered>,
        },
        /// One that is let through.
        Admitted {
            #[pin]
            call: InTime<F>,
            entered: Option<Entered>,
        },
        /// The same, once the day has been moved.
        Moving {
            moved: BoxFuture<'static, Result<Response<Body>, E>>,
            entered: Option<Entered>,
        },
    }
}

impl<F, E> Future for Entering<F, E>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (answered, entered) = match self.project() {
            Step::Refused { refusal, entered } => (Ok(refusal.clone().into_http()), entered),
            Step::Admitted { call, entered } => (ready!(call.poll(cx)), entered),
            Step::Moving { moved, entered } => (ready!(moved.as_mut().poll(cx)), entered),
        };
        Poll::Ready(answered.map(|response| match entered.take() {
            Some(entered) => entered.leave(response),
            None => response,
        }))
    }
}

pin_project! {
    /// A call, within the time that its caller gives it.
    #[project = Time]
    pub enum InTime<F> {
        /// As long as it takes.
        Endless {
            #[pin]
            call: F,
        },
        /// So long.
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
    /// To the services of a registry.
    pub(crate) fn new(
        registry: Registry,
        identities: Identities,
        shares: Quotas,
        metrics: Arc<Metrics>,
        access: AccessLog,
    ) -> Arc<Admission> {
        Arc::new(Admission { registry, identities, shares, metrics, access, request_ids: RequestIds::new() })
    }

    /// Records a request that a listener refused with a status of HTTP, because it is not a call.
    pub(super) fn turn_away<B>(self: &Arc<Admission>, request: &Request<B>, status: StatusCode) {
        // What it says is in the status of HTTP already; where there were too many, the connection ends.
        drop(unauthenticated(&self.shares, request.extensions().get()));
        Entered::new(self, request).turn_away(status);
    }

    /// Who asks, and with what right; and the day that is to be moved to before it is answered.
    fn admit(&self, request: &Request<Body>, entered: &Entered) -> Result<(Asker, Option<Day>), Status> {
        let headers = request.headers();
        let peer = request.extensions().get();
        let caller = self.identities.caller(headers, peer, entered.started).or_else(|nobody| {
            unauthenticated(&self.shares, peer)?;
            Err(status::unauthenticated(nobody.to_string()))
        })?;
        let headers_bytes = refuse_large(headers)?;
        let method = entered.method.ok_or_else(status::no_such_method)?;
        let denied = || status::permission_denied("the caller's role may not call this method");
        let right = method.right(&caller.role).ok_or_else(denied)?;
        let asker = Asker { caller, right, method, request_id: entered.request_id, headers_bytes };
        if !self.identities.is_dev() {
            refuse_dev_metadata(headers)?;
            return Ok((asker, None));
        }
        let day = headers.get(&DEV_TODAY).map(|day| day.to_str().unwrap_or_default().parse());
        let not_a_day = |_| status::invalid_field(DEV_TODAY.as_str(), "not a date of the form 2026-03-01");
        Ok((asker, day.transpose().map_err(not_a_day)?))
    }

    /// Opens every day up to the one given, before the call is answered.
    async fn move_to(&self, day: Day) -> Result<(), Status> {
        if day < self.registry.head().today {
            return Err(status::invalid_field(
                DEV_TODAY.as_str(),
                "before the last day opened: days open forward only",
            ));
        }
        self.registry.clock().move_to(day);
        self.registry.open_days(day).await.map_err(|error| refused(&error, uuid::Uuid::nil()))
    }
}

/// What only a development server does is never silently left undone.
fn refuse_dev_metadata(headers: &HeaderMap) -> Result<(), Status> {
    match [&DEV_CALLER, &DEV_TODAY].into_iter().find(|name| headers.contains_key(*name)) {
        Some(name) => Err(status::invalid_field(name.as_str(), "only a development server (serve --dev) takes it")),
        None => Ok(()),
    }
}

/// Refuses headers that are larger than those of a call may be, by the size that HTTP/2 gives them. Gives what they take
/// of memory.
fn refuse_large(headers: &HeaderMap) -> Result<usize, Status> {
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 32;
    let bytes = headers.iter().map(size).sum::<usize>();
    if bytes <= HEADERS_BYTES {
        return Ok(bytes + headers.len() * FIELD_BYTES);
    }
    Err(status::too_large(format!("the headers of a call have at most {HEADERS_BYTES} bytes")))
}

/// The time that a caller gives a call, less a head start.
fn ahead_of(limit: Duration) -> Duration {
    limit - HEAD_START.min(limit / 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_met_early() {
        for (millis, expected) in [(1000, 900), (250, 225), (10, 9), (120_000, 119_900)] {
            assert_eq!(ahead_of(Duration::from_millis(millis)), Duration::from_millis(expected));
        }
    }
}
