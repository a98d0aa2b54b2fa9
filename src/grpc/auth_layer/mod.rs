//! The entrance: every call passes it once, before any service.
//!
//! It refuses what is not a call, resolves the caller, refuses methods that the caller's role may not call, moves the
//! civil day of a development server forward, holds the call to its deadline, and leaves one line in the access log.

mod frames;
mod leaving;

use std::future::{self, Ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Timeout;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use self::leaving::{Entered, explained};
use super::http2::{HEADERS_BYTES, form};
use super::mutation::refused;
use super::redaction::Asker;
use super::request_id::RequestIds;
use super::{is_reflection, status};
use crate::auth::{DEV_CALLER, Identities};
use crate::domain::day::Day;
use crate::registry::Registry;
use crate::telemetry::access::AccessLog;
use crate::telemetry::audit::Client;
use crate::telemetry::metrics::Metrics;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
static GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
static DEV_TODAY: HeaderName = HeaderName::from_static("x-dev-today");

/// How much earlier than the caller a call is given up, so that the answer still says why: a tenth of the time, at most
/// this.
const HEAD_START: Duration = Duration::from_millis(100);

/// Puts the entrance before the services.
#[derive(Clone)]
pub struct AuthLayer {
    /// The registry.
    pub registry: Registry,
    /// How callers are told apart.
    pub identities: Identities,
    /// Makes ids for requests that bring none.
    request_ids: Arc<RequestIds>,
    /// Where calls are counted.
    pub metrics: Arc<Metrics>,
    /// Where they leave a line.
    access: AccessLog,
}

impl<S> Layer<S> for AuthLayer {
    type Service = AuthService<S>;

    fn layer(&self, inner: S) -> AuthService<S> {
        AuthService { inner, way_in: Arc::new(self.clone()) }
    }
}

/// The entrance before a service.
#[derive(Clone)]
pub struct AuthService<S> {
    inner: S,
    way_in: Arc<AuthLayer>,
}

impl<S> Service<Request<Body>> for AuthService<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Entering<S::Future, S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let way_in = &self.way_in;
        if let Some(refusal) = form::refusal(&request) {
            Entered::new(way_in, &request).turn_away(refusal.status());
            return Entering::NotACall { refusal: future::ready(Ok(refusal)) };
        }
        if is_open_to_all(request.uri().path()) {
            return Entering::Open { call: self.inner.call(request) };
        }
        let mut entered = Entered::new(way_in, &request);
        let deadline = deadline(request.headers());
        match way_in.admit(&request, &entered) {
            Err(refusal) => Entering::Refused { refusal, entered: Some(entered) },
            Ok((asker, today)) => {
                entered.client = Some(Arc::clone(&asker.caller) as Arc<dyn Client>);
                request.extensions_mut().insert(asker);
                let request = entered.follow(request);
                let entered = Some(entered);
                let Some(day) = today else {
                    return Entering::Admitted { call: Call::within(deadline, self.inner.call(request)), entered };
                };
                let (clone, way_in) = (self.inner.clone(), Arc::clone(way_in));
                let mut inner = std::mem::replace(&mut self.inner, clone);
                let moved = async move {
                    match way_in.move_to(day).await {
                        Ok(()) => Call::within(deadline, inner.call(request)).await,
                        Err(refusal) => Ok(refusal.into_http()),
                    }
                };
                Entering::Moving { moved: Box::pin(moved), entered }
            }
        }
    }
}

pin_project! {
    /// A call that has come in.
    #[project = Step]
    pub enum Entering<F, E> {
        /// A request that is not a call.
        NotACall {
            #[pin]
            refusal: Ready<Result<Response<Body>, E>>,
        },
        /// One that is open to all.
        Open {
            #[pin]
            call: F,
        },
        /// One that is not let through.
        Refused {
            refusal: Status,
            entered: Option<Entered>,
        },
        /// One that is let through.
        Admitted {
            #[pin]
            call: Call<F>,
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
            Step::NotACall { refusal } => return refusal.poll(cx),
            Step::Open { call } => return call.poll(cx).map_ok(explained),
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
    pub enum Call<F> {
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

impl<F: Future> Call<F> {
    fn within(deadline: Option<Duration>, call: F) -> Call<F> {
        match deadline {
            None => Call::Endless { call },
            Some(limit) => Call::Within { call: tokio::time::timeout(limit, call) },
        }
    }
}

impl<F, E> Future for Call<F>
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

/// Health and reflection say nothing about anyone.
fn is_open_to_all(path: &str) -> bool {
    path.starts_with("/grpc.health.") || is_reflection(path)
}

impl AuthLayer {
    /// Before the services of a registry.
    pub fn new(registry: Registry, identities: Identities, metrics: Arc<Metrics>, access: AccessLog) -> AuthLayer {
        AuthLayer { registry, identities, metrics, access, request_ids: Arc::new(RequestIds::new()) }
    }

    /// Who asks, and with what right; and the day that is to be moved to before it is answered.
    fn admit(&self, request: &Request<Body>, entered: &Entered) -> Result<(Asker, Option<Day>), Status> {
        let headers = request.headers();
        refuse_large(headers)?;
        let caller = self.identities.caller(headers, request.extensions().get(), entered.started);
        let caller = caller.map_err(|nobody| status::unauthenticated(nobody.to_string()))?;
        let method = entered.method.ok_or_else(status::no_such_method)?;
        let denied = || status::permission_denied("the caller's role may not call this method");
        let right = method.right(&caller.role).ok_or_else(denied)?;
        let asker = Asker { caller, right, method, request_id: entered.request_id };
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

/// Refuses headers that are larger than those of a call may be, by the size that HTTP/2 gives them.
fn refuse_large(headers: &HeaderMap) -> Result<(), Status> {
    let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len() + 32;
    if headers.iter().map(size).sum::<usize>() <= HEADERS_BYTES {
        return Ok(());
    }
    Err(status::too_large(format!("the headers of a call have at most {HEADERS_BYTES} bytes")))
}

/// The time that a caller gives a call (`grpc-timeout`: up to eight digits and a unit), less a head start.
fn deadline(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(&GRPC_TIMEOUT)?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let amount: u64 = digits.parse().ok().filter(|_| digits.len() <= 8)?;
    let limit = match unit {
        "H" => Duration::from_secs(amount * 3600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    };
    Some(limit - HEAD_START.min(limit / 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_read_and_met_early() {
        let mut headers = HeaderMap::new();
        assert_eq!(deadline(&headers), None);
        for (text, millis) in [("1S", 900), ("250m", 225), ("10m", 9), ("2M", 119_900)] {
            headers.insert("grpc-timeout", text.parse().unwrap());
            assert_eq!(deadline(&headers), Some(Duration::from_millis(millis)), "{text}");
        }
        for wrong in ["", "S", "1", "123456789S", "-1S", "1x"] {
            headers.insert("grpc-timeout", wrong.parse().unwrap());
            assert_eq!(deadline(&headers), None, "{wrong}");
        }
    }
}
