//! Limits: what one client may take of the server, so that there is enough for the others.
//!
//! They stand between the entrance and the services: who calls is known by then, and a refusal goes out by the entrance,
//! which writes it into the access log. What a connection may take is said to HTTP/2 itself, by `super::http2`.

mod bounded;
mod held;
mod turns;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tokio::time::Timeout;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

pub(super) use self::bounded::{Bounded, LARGEST_PLAIN};
use self::held::{Asked, Held};
pub(super) use self::turns::Turns;
use super::disclosure::Asker;
use super::status;
use crate::auth::Identities;
use crate::auth::peer::Peer;
use crate::auth::shares::{Exhausted, Place, Shares};

/// The largest message of a large call: a batch of a thousand questions is a fifth of it.
pub(super) const LARGEST_MESSAGE: usize = 1024 * 1024;

/// The methods that may have much in memory until their answers have been read: streams, batches and pages.
const LARGE: &[&str] = &[
    "/ms.dmh.credential.v1.ChangeService/ListChanges",
    "/ms.dmh.credential.v1.ChangeService/WatchChanges",
    "/ms.dmh.credential.v1.CredentialService/ListCredentials",
    "/ms.dmh.credential.v1.EmploymentService/ListEmployments",
    "/ms.dmh.credential.v1.EmploymentService/ReconcileRoster",
    "/ms.dmh.credential.v1.ProviderService/ListProviders",
    "/ms.dmh.credential.v1.RecordService/ImportRecords",
    "/ms.dmh.credential.v1.RecordService/ListFacts",
    "/ms.dmh.credential.v1.VerificationService/BatchCheckBillingEligibility",
    "/ms.dmh.credential.v1.VerificationService/BatchVerifyCredentials",
    "/ms.dmh.credential.v1.VerificationService/StreamCheckBillingEligibility",
    "/ms.dmh.credential.v1.VerificationService/StreamVerifyCredentials",
];

/// Longer than any server runs: where there is no limit.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Lets other work go first every now and then, however many items there are to be had at once.
pub(super) fn fair<S: Stream>(items: S) -> impl Stream<Item = S::Item> {
    items.then(|item| async {
        tokio::task::coop::consume_budget().await;
        item
    })
}

/// Puts the limits before the services.
#[derive(Clone)]
pub(crate) struct LimitsLayer {
    /// What each client takes.
    pub(crate) shares: Shares,
    /// Who calls: those of large calls are asked for again and again.
    pub(crate) identities: Identities,
}

impl<S> Layer<S> for LimitsLayer {
    type Service = Limited<S>;

    fn layer(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: Arc::new(self.clone()) }
    }
}

/// The limits before a service.
#[derive(Clone)]
pub(crate) struct Limited<S> {
    inner: S,
    limits: Arc<LimitsLayer>,
}

impl<S> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<Bounded>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Limiting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Limiting<S::Future> {
        match self.limits.admit(&request) {
            Err(refusal) => Limiting::Refused { refusal },
            Ok(admitted) => {
                let (request, held) = match admitted {
                    Admitted::Open => (request.map(Bounded::by_message), None),
                    Admitted::Plain => (request.map(Bounded::plain), None),
                    Admitted::Large(place, asked) => (request.map(Bounded::by_message), Some((place, asked))),
                };
                let longest = self.limits.shares.limits().longest_call.unwrap_or(NO_LIMIT);
                Limiting::Admitted { call: tokio::time::timeout(longest, self.inner.call(request)), held }
            }
        }
    }
}

/// A call that there is room for.
enum Admitted {
    /// One that is open to all.
    Open,
    /// One that has little in memory.
    Plain,
    /// One that may have much: this is to be held until its answer has been read.
    Large(Place, Asked),
}

impl LimitsLayer {
    /// Counts a call.
    fn admit(&self, request: &Request<Body>) -> Result<Admitted, Status> {
        let extensions = request.extensions();
        // Health and reflection are open to all, and say little.
        let Some(Asker { caller, .. }) = extensions.get::<Asker>() else { return Ok(Admitted::Open) };
        let peer = extensions.get::<Peer>();
        let share = self.shares.of(&caller.client);
        if let Some(peer) = peer {
            self.shares.seat(peer, &caller.client).map_err(refused)?;
        }
        share.call().map_err(refused)?;
        if !LARGE.contains(&request.uri().path()) {
            return Ok(Admitted::Plain);
        }
        let place = share.large().map_err(refused)?;
        let shown = request.headers().get_all(AUTHORIZATION).iter().map(|value| (AUTHORIZATION, value.clone()));
        let asked = Asked {
            identities: self.identities.clone(),
            caller: Arc::clone(caller),
            peer: peer.cloned(),
            shown: HeaderMap::from_iter(shown),
        };
        Ok(Admitted::Large(place, asked))
    }
}

fn refused(exhausted: Exhausted) -> Status {
    match exhausted {
        Exhausted::Calls(wait) => status::too_fast(exhausted.to_string(), wait),
        Exhausted::Connections | Exhausted::Large => status::too_many(exhausted.to_string()),
    }
}

pin_project! {
    /// A call within its limits.
    #[project = Step]
    pub(crate) enum Limiting<F> {
        Refused { refusal: Status },
        Admitted {
            #[pin]
            call: Timeout<F>,
            held: Option<(Place, Asked)>,
        },
    }
}

impl<F, E> Future for Limiting<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = Result<Response<Body>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Step::Refused { refusal } => Poll::Ready(Ok(refusal.clone().into_http())),
            Step::Admitted { call, held } => Poll::Ready(match ready!(call.poll(cx)) {
                Err(_) => Ok(status::deadline_exceeded().into_http()),
                Ok(answered) => answered.map(|response| match held.take() {
                    Some((place, asked)) => response.map(|body| Body::new(Held::new(body, place, asked))),
                    None => response,
                }),
            }),
        }
    }
}

#[cfg(test)]
mod tests;
