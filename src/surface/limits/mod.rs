//! Limits: what one client may take of the server, so that there is enough for the others; and how long a call may
//! last.
//!
//! They stand between admission and the services: who calls is known by then, and a refusal goes out through admission,
//! which writes it to the access log. A listener sets what one connection may take.

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
use self::ends::{Asked, Ends, drained};
pub(super) use self::fair_scheduler::Turns;
use self::response_guard::{Kept, ResponseGuard};
pub(crate) use self::under_way::CallsUnderWay;
use self::under_way::UnderWay;
use super::redaction::{Asker, not_admitted};
use super::roster_budget::RosterBudget;
use super::status;
use crate::auth::memory::Held;
use crate::auth::misses::Misses;
use crate::auth::peer::Peer;
use crate::auth::quotas::{ClientQuota, Exhausted, Permit, Quotas};
use crate::auth::{Caller, Identities, NotIdentified};

/// The largest message of a large call: a batch of a thousand questions is a fifth of it.
pub(super) const LARGEST_MESSAGE: usize = 1024 * 1024;

/// What a call takes of memory beside its headers and its message: its task, the stream of HTTP/2, and the first KiB of its
/// message and of its answer.
const CALL_BYTES: usize = 32 * 1024;

/// The same of a stream, which has more that was read and is not decoded yet.
const STREAM_BYTES: usize = 64 * 1024;

/// The same of a batch or a page: a thousand items that are decoded, of which each may be two bytes of the message, and their
/// answers.
const LARGE_CALL_BYTES: usize = 512 * 1024;

/// What the headers of a call take that is none of the contract: as much as HTTP/2 lets through.
const ANY_HEADERS_BYTES: usize = 32 * 1024;

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
    pub(crate) shares: Quotas,
    /// Who calls: those of large calls are asked for again and again.
    pub(crate) identities: Identities,
    /// Turns true when the server drains: calls that may last end soon after.
    pub(crate) draining: watch::Receiver<bool>,
    /// How many calls are under way.
    pub(crate) calls: CallsUnderWay,
    /// What is left for staff lists.
    pub(crate) lists: RosterBudget,
    /// How often each caller may still miss.
    pub(crate) misses: Misses,
}

impl LimitsLayer {
    /// No call is under way yet.
    pub(crate) fn new(shares: Quotas, identities: Identities, draining: watch::Receiver<bool>) -> LimitsLayer {
        let misses = Misses::new(shares.limits().misses);
        let (calls, lists) = (CallsUnderWay::default(), RosterBudget::default());
        LimitsLayer { shares, identities, draining, calls, lists, misses }
    }
}

/// The limits before a service.
#[derive(Clone)]
pub(crate) struct Limited<S> {
    inner: S,
    limits: Arc<LimitsLayer>,
    admit: fn(&LimitsLayer, &Request<Body>) -> Result<Admitted, Status>,
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
            Ok(Admitted { form, must_answer, place, held, ends }) => {
                let peer = request.extensions().get::<Peer>().cloned();
                let may_last = form == Form::Stream;
                let under_way = UnderWay::new(&self.limits.calls, peer.clone(), !may_last);
                let kept = Kept { _place: place, under_way, held: held.clone() };
                let request = request.map(|body| match form {
                    Form::Plain => BodyLimit::plain(body, peer, held),
                    Form::Large => BodyLimit::whole(body, peer, held),
                    Form::Stream => BodyLimit::by_message(body, peer, held),
                });
                let longest = self.limits.shares.limits().longest_call.unwrap_or(NO_LIMIT);
                let call = tokio::time::timeout(longest, self.inner.call(request));
                let answer = AnswerLimit { is_whole: !may_last, must_answer, kept, ends };
                Limiting::Admitted { call, answer: Some(answer) }
            }
        }
    }
}

/// What a call may have in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A message and an answer, both small.
    Plain,
    /// A message and an answer, of which both may be large: a batch or a page.
    Large,
    /// A stream: it may last, so that nobody who waits for its end is waited for.
    Stream,
}

/// A call that there is room for.
struct Admitted {
    form: Form,
    /// Whether its answer neither waits nor is refused: what it asked for is recorded by then.
    must_answer: bool,
    /// What one that may have much holds until its answer has been read.
    place: Option<Permit>,
    /// The memory that it holds. None: its client's is not counted.
    held: Option<Arc<Held>>,
    /// What ends it, though its answer goes on.
    ends: Option<Ends>,
}

impl LimitsLayer {
    /// The limits before the services of the contract.
    pub(super) fn by_client<S>(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: Arc::new(self.clone()), admit: LimitsLayer::admit }
    }

    /// The limits before what is open to all, which is health: those whom nobody knows may ask little.
    pub(crate) fn open_to_all<S>(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: Arc::new(self.clone()), admit: LimitsLayer::admit_anyone }
    }

    /// The limits before what every client of the list may call, whatever its role, which is reflection.
    pub(crate) fn for_clients<S>(&self, inner: S) -> Limited<S> {
        Limited { inner, limits: Arc::new(self.clone()), admit: LimitsLayer::admit_client }
    }

    /// Counts a call that was admitted.
    fn admit(&self, request: &Request<Body>) -> Result<Admitted, Status> {
        let extensions = request.extensions();
        let Asker { caller, method, headers_bytes, .. } = extensions.get().ok_or_else(not_admitted)?;
        let share = self.count(request, caller)?;
        if method.is_large {
            let form = if method.streams { Form::Stream } else { Form::Large };
            let admitted = self.admit_large(request, caller, &share, (form, *headers_bytes))?;
            return Ok(Admitted { must_answer: method.writes, ..admitted });
        }
        share.questions(1).map_err(refused)?;
        let held = Some(Arc::new(share.hold(CALL_BYTES + headers_bytes).map_err(refused)?));
        Ok(Admitted { form: Form::Plain, must_answer: method.writes, place: None, held, ends: None })
    }

    /// Counts a call of a client, and its connection where that is new.
    fn count(&self, request: &Request<Body>, caller: &Caller) -> Result<Arc<ClientQuota>, Status> {
        if let Some(peer) = request.extensions().get::<Peer>() {
            peer.admit(&self.shares, &caller.client).map_err(refused)?;
        }
        let share = self.shares.of(&caller.client);
        share.call().map_err(refused)?;
        Ok(share)
    }

    /// Counts a call that may have much in memory, or may last.
    fn admit_large(
        &self,
        request: &Request<Body>,
        caller: &Arc<Caller>,
        share: &ClientQuota,
        (form, headers_bytes): (Form, usize),
    ) -> Result<Admitted, Status> {
        let place = share.large().map_err(refused)?;
        let bytes = if form == Form::Stream { STREAM_BYTES } else { LARGE_CALL_BYTES };
        let held = share.hold(bytes + headers_bytes).map_err(refused)?;
        let shown = request.headers().get_all(AUTHORIZATION).iter().map(|value| (AUTHORIZATION, value.clone()));
        let asked = Asked {
            identities: self.identities.clone(),
            caller: Arc::clone(caller),
            peer: request.extensions().get::<Peer>().cloned(),
            shown: HeaderMap::from_iter(shown),
        };
        let ends: Ends = if form == Form::Stream {
            Box::pin(either(asked.refused(), drained(self.draining.clone())))
        } else {
            Box::pin(asked.refused())
        };
        let held = Some(Arc::new(held));
        Ok(Admitted { form, must_answer: false, place: Some(place), held, ends: Some(ends) })
    }

    /// Who calls, by what the request shows.
    fn caller(&self, request: &Request<Body>) -> Result<Arc<Caller>, NotIdentified> {
        self.identities.caller(request.headers(), request.extensions().get(), Instant::now())
    }

    /// A call of health. A connection on which nobody is known has few of them.
    fn admit_anyone(&self, request: &Request<Body>) -> Result<Admitted, Status> {
        let peer = request.extensions().get::<Peer>();
        let ends: Option<Ends> = Some(Box::pin(drained(self.draining.clone())));
        let mut admitted = Admitted { form: Form::Stream, must_answer: false, place: None, held: None, ends };
        if let Some(peer) = peer.filter(|peer| !peer.is_known() && self.caller(request).is_err()) {
            unauthenticated(&self.shares, Some(peer))?;
            admitted.place = Some(peer.open_unauthenticated().map_err(refused)?);
        } else if let Some(memory) = peer.and_then(Peer::memory) {
            let held = memory.hold(CALL_BYTES + ANY_HEADERS_BYTES).ok_or(Exhausted::Memory).map_err(refused)?;
            admitted.held = Some(Arc::new(held));
        }
        Ok(admitted)
    }

    /// A call of reflection.
    fn admit_client(&self, request: &Request<Body>) -> Result<Admitted, Status> {
        let caller = self.caller(request).or_else(|nobody| {
            unauthenticated(&self.shares, request.extensions().get())?;
            Err(status::unauthenticated(nobody.to_string()))
        })?;
        let share = self.count(request, &caller)?;
        self.admit_large(request, &caller, &share, (Form::Stream, ANY_HEADERS_BYTES))
    }
}

/// Counts a request that shows nobody, if nobody is known on its connection either.
pub(super) fn unauthenticated(shares: &Quotas, peer: Option<&Peer>) -> Result<(), Status> {
    peer.map_or_else(|| shares.unauthenticated(), |peer| peer.unauthenticated(shares)).map_err(refused)
}

/// What the first of the two says.
async fn either(one: impl Future<Output = Status>, other: impl Future<Output = Status>) -> Status {
    tokio::select! {
        status = one => status,
        status = other => status,
    }
}

/// The status for what a client has no more of.
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

/// What there is to know of an answer before it goes out.
pub(crate) struct AnswerLimit {
    /// Whether it is one message.
    is_whole: bool,
    must_answer: bool,
    kept: Kept,
    ends: Option<Ends>,
}

impl AnswerLimit {
    /// An answer that holds what its call holds until it has gone out, or the refusal of one that is too much.
    fn guard(self, response: Response<Body>, cx: &mut Context<'_>) -> Response<Body> {
        if response.body().is_end_stream() {
            // It goes out at once.
            self.kept.under_way.answered();
            return response;
        }
        let (head, body) = response.into_parts();
        let waits = !self.is_whole && !self.must_answer;
        let mut guard = ResponseGuard::new(body, self.kept, self.ends, waits);
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
