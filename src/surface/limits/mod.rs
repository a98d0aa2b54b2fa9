//! Limits: what one client may use of the server, so that enough is left for the others, and how long a call may take.
//!
//! Limits are applied between admission and the services: the caller is known by then, and a refusal still passes
//! through admission, which writes it to the access log. Limits per connection belong to the listeners.

mod body_limit;
mod ends;
mod fair_scheduler;
mod pace;
mod response_guard;
mod under_way;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use http::header::AUTHORIZATION;
use http::{HeaderMap, Request, Response};
use http_body::Body as _;
use pin_project_lite::pin_project;
use tokio::sync::watch;
use tokio::time::Timeout;
use tokio_stream::{Stream, StreamExt as _};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

pub(super) use self::body_limit::BodyLimit;
pub(crate) use self::body_limit::LARGEST_PLAIN;
use self::ends::{CallerCheck, Ends, aged, drained};
pub(super) use self::fair_scheduler::FairScheduler;
use self::response_guard::{CallResources, ResponseGuard};
pub(crate) use self::under_way::CallsUnderWay;
pub(super) use self::under_way::UnderWay;
use super::list_budget::ListBudget;
use super::redaction::{CallContext, not_admitted};
use super::status;
use crate::auth::memory::Held;
use crate::auth::misses::Misses;
use crate::auth::peer::Peer;
use crate::auth::quotas::{ClientQuota, Exhausted, Permit, Quotas};
use crate::auth::{Caller, Identities, NotIdentified};

/// The largest message of a large call: five times the size of a batch of a thousand questions.
pub(super) const LARGEST_MESSAGE: usize = 1024 * 1024;

/// The memory of a call, apart from its headers and its message: its task, its HTTP/2 stream, and the first KiB of its
/// message and of its answer.
const CALL_BYTES: usize = 32 * 1024;

/// The same for a stream, which buffers data that is read but not decoded yet.
pub(super) const STREAM_BYTES: usize = 64 * 1024;

/// The same for a batch or a page: up to a thousand decoded items, each possibly from two bytes of the message, and
/// their answers.
const LARGE_CALL_BYTES: usize = 512 * 1024;

/// The memory for the headers of a call outside the contract: as much as HTTP/2 accepts.
const ANY_HEADERS_BYTES: usize = 32 * 1024;

/// Stands for no limit: longer than any server runs.
const NO_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Yields to other tasks now and then, even if many items are ready at once.
pub(super) fn fair<S: Stream>(items: S) -> impl Stream<Item = S::Item> {
    items.then(|item| async {
        tokio::task::coop::consume_budget().await;
        item
    })
}

/// Applies the limits before the services.
#[derive(Clone)]
pub(crate) struct LimitsLayer {
    /// The quotas of each client.
    pub(crate) shares: Quotas,
    /// Identifies callers again during large calls.
    pub(crate) identities: Identities,
    /// True once the server drains: calls that may last end soon after.
    pub(crate) draining: watch::Receiver<bool>,
    /// The number of calls in progress.
    pub(crate) calls: CallsUnderWay,
    /// The memory budget for staff lists and impacts.
    pub(crate) lists: ListBudget,
    /// The misses that each caller has left.
    pub(crate) misses: Misses,
}

impl LimitsLayer {
    /// Creates the limits; no call is in progress yet.
    pub(crate) fn new(shares: Quotas, identities: Identities, draining: watch::Receiver<bool>) -> LimitsLayer {
        let misses = Misses::new(shares.limits().misses);
        let (calls, lists) = (CallsUnderWay::default(), ListBudget::default());
        LimitsLayer { shares, identities, draining, calls, lists, misses }
    }
}

/// A service behind the limits.
#[derive(Clone)]
pub(crate) struct Limited<S> {
    inner: S,
    limits: Arc<LimitsLayer>,
    admit: fn(&LimitsLayer, &Request<Body>) -> Result<Admitted, Status>,
}

impl<S> Limited<S> {
    /// The calls in progress.
    pub(super) fn calls(&self) -> &CallsUnderWay {
        &self.limits.calls
    }
}

impl<S> Service<Request<Body>> for Limited<S>
where
    S: Service<Request<BodyLimit>, Response = Response<Body>>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Limiting<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Limiting<S::Future> {
        match (self.admit)(&self.limits, &request) {
            Err(refusal) => Limiting::Refused { refusal },
            Ok(Admitted { form, must_answer, permit, held, ends }) => {
                let peer = request.extensions().get::<Peer>().cloned();
                let may_last = form == Form::Stream;
                let under_way = UnderWay::new(&self.limits.calls, peer.clone(), !may_last);
                let resources = CallResources { _permit: permit, under_way, held: held.clone() };
                let request = request.map(|body| match form {
                    Form::Plain => BodyLimit::plain(body, peer, held),
                    Form::Large => BodyLimit::whole(body, peer, held),
                    Form::Stream => BodyLimit::by_message(body, peer, held),
                });
                let longest = self.limits.shares.limits().longest_call.unwrap_or(NO_LIMIT);
                let call = tokio::time::timeout(longest, self.inner.call(request));
                let answer = AnswerLimit { is_whole: !may_last, must_answer, resources, ends };
                Limiting::Admitted { call, answer: Some(answer) }
            }
        }
    }
}

/// The size class of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A message and an answer, both small.
    Plain,
    /// A message and an answer that may both be large: a batch or a page.
    Large,
    /// A stream. It may last, so draining does not wait for its end.
    Stream,
}

/// A call that was admitted.
struct Admitted {
    form: Form,
    /// True if the answer must be sent without waiting or refusal, because the call has recorded something.
    must_answer: bool,
    /// The permit of a large call, held until its answer has been read.
    permit: Option<Permit>,
    /// The memory that the call holds; `None` if it is not charged to a client.
    held: Option<Arc<Held>>,
    /// Ends the call before its answer is complete.
    ends: Option<Ends>,
}

impl LimitsLayer {
    /// Applies the limits for the services of the contract.
    pub(super) fn by_client<S>(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: Arc::new(self.clone()), admit: LimitsLayer::admit }
    }

    /// Applies the limits for health, which is open to all: unauthenticated connections may make few calls.
    pub(crate) fn open_to_all<S>(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: Arc::new(self.clone()), admit: LimitsLayer::admit_anyone }
    }

    /// Applies the limits for reflection, which every known client may call, regardless of its role.
    pub(crate) fn for_clients<S>(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: Arc::new(self.clone()), admit: LimitsLayer::admit_client }
    }

    /// Counts an admitted call.
    fn admit(&self, request: &Request<Body>) -> Result<Admitted, Status> {
        let extensions = request.extensions();
        let CallContext { caller, method, headers_bytes, .. } = extensions.get().ok_or_else(not_admitted)?;
        let share = counted(&self.shares, extensions.get(), caller)?;
        if method.is_large {
            let form = if method.streams { Form::Stream } else { Form::Large };
            let mut admitted = self.admit_large(request, caller, &share, (form, *headers_bytes))?;
            if method.watches {
                admitted.ends = with_age(admitted.ends, extensions.get());
            }
            return Ok(Admitted { must_answer: method.writes, ..admitted });
        }
        share.questions(1).map_err(refused)?;
        let held = Some(Arc::new(share.hold(CALL_BYTES + headers_bytes).map_err(refused)?));
        Ok(Admitted { form: Form::Plain, must_answer: method.writes, permit: None, held, ends: None })
    }

    /// Counts a call that may use much memory, or may last.
    fn admit_large(
        &self,
        request: &Request<Body>,
        caller: &Arc<Caller>,
        share: &ClientQuota,
        (form, headers_bytes): (Form, usize),
    ) -> Result<Admitted, Status> {
        let bytes = if form == Form::Stream { STREAM_BYTES } else { LARGE_CALL_BYTES };
        let (permit, held) = counted_as_large(share, bytes + headers_bytes)?;
        let shown = request.headers().get_all(AUTHORIZATION).iter().map(|value| (AUTHORIZATION, value.clone()));
        let check = CallerCheck {
            identities: self.identities.clone(),
            caller: Arc::clone(caller),
            peer: request.extensions().get::<Peer>().cloned(),
            shown: HeaderMap::from_iter(shown),
        };
        let ends: Ends = if form == Form::Stream {
            Box::pin(first_of(check.refused(), drained(self.draining.clone())))
        } else {
            Box::pin(check.refused())
        };
        let held = Some(Arc::new(held));
        Ok(Admitted { form, must_answer: false, permit: Some(permit), held, ends: Some(ends) })
    }

    /// Identifies the caller from the request.
    fn caller(&self, request: &Request<Body>) -> Result<Arc<Caller>, NotIdentified> {
        self.identities.caller(request.headers(), request.extensions().get(), Instant::now())
    }

    /// Admits a call of health. An unauthenticated connection may make few of them.
    fn admit_anyone(&self, request: &Request<Body>) -> Result<Admitted, Status> {
        let peer = request.extensions().get::<Peer>();
        let ends: Option<Ends> = Some(Box::pin(drained(self.draining.clone())));
        let ends = with_age(ends, peer);
        let mut admitted = Admitted { form: Form::Stream, must_answer: false, permit: None, held: None, ends };
        if let Some(peer) = peer.filter(|peer| !peer.is_known() && self.caller(request).is_err()) {
            unauthenticated(&self.shares, Some(peer))?;
            admitted.permit = Some(peer.open_unauthenticated().map_err(refused)?);
        } else if let Some(memory) = peer.and_then(Peer::memory) {
            let held = memory.hold(CALL_BYTES + ANY_HEADERS_BYTES).ok_or(Exhausted::Memory).map_err(refused)?;
            admitted.held = Some(Arc::new(held));
        }
        Ok(admitted)
    }

    /// Admits a call of reflection.
    fn admit_client(&self, request: &Request<Body>) -> Result<Admitted, Status> {
        let caller = self.caller(request).or_else(|nobody| {
            unauthenticated(&self.shares, request.extensions().get())?;
            Err(status::unauthenticated(nobody.to_string()))
        })?;
        let share = counted(&self.shares, request.extensions().get(), &caller)?;
        let admitted = self.admit_large(request, &caller, &share, (Form::Stream, ANY_HEADERS_BYTES))?;
        Ok(Admitted { ends: with_age(admitted.ends, request.extensions().get()), ..admitted })
    }
}

/// Counts a call of a client, and its connection if that is new. Returns the quota of the client.
pub(super) fn counted(shares: &Quotas, peer: Option<&Peer>, caller: &Caller) -> Result<Arc<ClientQuota>, Status> {
    if let Some(peer) = peer {
        peer.admit(shares, &caller.client).map_err(refused)?;
    }
    let share = shares.of(&caller.client);
    share.call().map_err(refused)?;
    Ok(share)
}

/// Counts a call that may use much memory, or may last. Returns what it takes of the quota until both are dropped.
pub(super) fn counted_as_large(share: &ClientQuota, bytes: usize) -> Result<(Permit, Held), Status> {
    let permit = share.large().map_err(refused)?;
    let held = share.hold(bytes).map_err(refused)?;
    Ok((permit, held))
}

/// Counts an unauthenticated request, unless its connection is authenticated.
pub(super) fn unauthenticated(shares: &Quotas, peer: Option<&Peer>) -> Result<(), Status> {
    peer.map_or_else(|| shares.unauthenticated(), |peer| peer.unauthenticated(shares)).map_err(refused)
}

/// Ends a watch also when its connection is too old.
fn with_age(ends: Option<Ends>, peer: Option<&Peer>) -> Option<Ends> {
    let Some(peer) = peer else { return ends };
    let aged = aged(peer.watches_end());
    Some(match ends {
        Some(ends) => Box::pin(first_of(ends, aged)),
        None => Box::pin(aged),
    })
}

/// Returns the status of the future that completes first.
async fn first_of(one: impl Future<Output = Status>, other: impl Future<Output = Status>) -> Status {
    tokio::select! {
        status = one => status,
        status = other => status,
    }
}

/// Returns the status for an exhausted quota.
pub(super) fn refused(exhausted: Exhausted) -> Status {
    match exhausted {
        Exhausted::Calls(wait) | Exhausted::Questions(wait) | Exhausted::Unauthenticated(wait) => {
            status::too_fast(exhausted.to_string(), wait)
        }
        Exhausted::Connections
        | Exhausted::Large
        | Exhausted::UnauthenticatedStreams
        | Exhausted::Memory
        | Exhausted::Cancels => status::too_many(exhausted.to_string()),
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
            answer: Option<AnswerLimit>,
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
            Step::Admitted { call, answer } => {
                let answered = match call.poll(cx) {
                    Poll::Ready(answered) => answered.unwrap_or_else(|_| Ok(status::deadline_exceeded().into_http())),
                    Poll::Pending => {
                        let ends = answer.as_mut().and_then(|answer| answer.ends.as_mut());
                        let ended = ready!(ends.map_or(Poll::Pending, |ends| ends.as_mut().poll(cx)));
                        Ok(ended.into_http())
                    }
                };
                Poll::Ready(answered.map(|response| match answer.take() {
                    Some(answer) => answer.guard(response, cx),
                    None => response,
                }))
            }
        }
    }
}

/// The limits on an answer.
pub(crate) struct AnswerLimit {
    /// True if the answer is a single message.
    is_whole: bool,
    must_answer: bool,
    resources: CallResources,
    ends: Option<Ends>,
}

impl AnswerLimit {
    /// Returns an answer that holds the call's resources until it has been sent, or the refusal of an answer that
    /// exceeds the quota.
    fn guard(self, response: Response<Body>, cx: &mut Context<'_>) -> Response<Body> {
        if response.body().is_end_stream() {
            // It is sent at once.
            self.resources.under_way.answered();
            return response;
        }
        let (head, body) = response.into_parts();
        let waits = !self.is_whole && !self.must_answer;
        let mut guard = ResponseGuard::new(body, self.resources, self.ends, waits);
        if self.is_whole
            && let Err(exhausted) = guard.take_message(cx, self.must_answer)
        {
            guard.give_up();
            return refused(exhausted).into_http();
        }
        Response::from_parts(head, Body::new(guard))
    }
}

#[cfg(test)]
mod tests;
