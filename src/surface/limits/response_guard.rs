//! The answer of a call: it holds what the call holds until it has gone out, its bytes are counted as its client's until
//! they have, and it ends when the call is to end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::{Instant, Sleep, sleep};
use tonic::Status;
use tonic::body::Body;

use super::ends::Ends;
use super::pace::Pace;
use super::under_way::UnderWay;
use crate::auth::memory::Held;
use crate::auth::quotas::{Exhausted, Permit};

/// How many bytes of an answer are counted with the call itself.
const INCLUDED_BYTES: usize = 1024;

/// How long a stream waits before it looks again whether its client has read enough.
const PAUSE: Duration = Duration::from_millis(50);

/// What a body gives next.
type Next = Option<Result<Frame<Bytes>, Status>>;

/// What a call keeps until its answer has gone out.
pub(super) struct Kept {
    pub(super) _place: Option<Permit>,
    pub(super) under_way: UnderWay,
    /// The memory of its client that it holds. None: it is no client's.
    pub(super) held: Option<Arc<Held>>,
}

/// The body of the answer.
pub(super) struct ResponseGuard {
    open: Option<Open>,
}

struct Open {
    body: Body,
    /// What was taken of the body before it was asked for.
    taken: Option<Next>,
    /// Whether it waits while its client holds more than it may.
    waits: bool,
    ends: Option<Ends>,
    kept: Arc<Kept>,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
}

/// A part of an answer. HTTP/2 takes more of them than the peer does: what is kept is not free before they have gone.
struct Unsent {
    bytes: Bytes,
    _held: Option<Held>,
    _kept: Arc<Kept>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl ResponseGuard {
    /// The body of an answer: its parts are counted as they come. Those of a stream that reads may wait.
    pub(super) fn new(body: Body, kept: Kept, ends: Option<Ends>, waits: bool) -> ResponseGuard {
        ResponseGuard {
            open: Some(Open {
                body,
                taken: None,
                waits,
                ends,
                kept: Arc::new(kept),
                pace: Pace::default(),
                pause: None,
            }),
        }
    }

    /// Takes the message of an answer that is no stream, and counts it. It is in memory, whether it is read or not.
    pub(super) fn take_message(&mut self, cx: &mut Context<'_>, must_go_out: bool) -> Result<(), Exhausted> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let Poll::Ready(next) = Pin::new(&mut open.body).poll_frame(cx) else { return Ok(()) };
        let bytes = next.as_ref().and_then(|next| next.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        let kept = &open.kept;
        let held = match &kept.held {
            Some(held) if bytes > INCLUDED_BYTES => {
                let share = held.share();
                let held = if must_go_out { Some(share.hold_anyway(bytes)) } else { share.hold(bytes) };
                Some(held.ok_or(Exhausted::Memory)?)
            }
            _ => None,
        };
        open.taken = Some(next.map(|next| next.map(|frame| frame.map_data(|bytes| counted(bytes, held, kept)))));
        Ok(())
    }

    /// It is answered with something else.
    pub(super) fn give_up(self) {
        if let Some(open) = self.open {
            open.kept.under_way.answered();
        }
    }
}

/// Bytes that are counted until they have gone. Small ones are counted with their call, which HTTP/2 may have taken whole
/// though the peer takes none of it.
fn counted(bytes: Bytes, held: Option<Held>, kept: &Arc<Kept>) -> Bytes {
    Bytes::from_owner(Unsent { bytes, _held: held, _kept: Arc::clone(kept) })
}

impl Open {
    /// What comes next; and whether it is the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(Next, bool)> {
        if let Some(ends) = &mut self.ends
            && let Poll::Ready(refusal) = ends.as_mut().poll(cx)
        {
            let mut trailers = HeaderMap::new();
            let trailers_frame = refusal.add_header(&mut trailers).map(|()| Frame::trailers(trailers));
            return Poll::Ready((Some(trailers_frame), true));
        }
        let next = match self.taken.take() {
            Some(taken) => taken,
            None => ready!(self.poll_counted(cx)),
        };
        // Nobody asks for what is behind trailers.
        let is_last = next.as_ref().is_none_or(|next| next.as_ref().is_ok_and(Frame::is_trailers));
        Poll::Ready((next, is_last))
    }

    /// What the body gives next, counted. As long as the client holds more than it may, nothing more is made of an answer
    /// that can wait.
    fn poll_counted(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let share = self.kept.held.as_ref().map(|held| held.share());
        let is_over = || share.is_some_and(|share| share.is_over());
        if self.waits && is_over() {
            let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(PAUSE)));
            while is_over() {
                ready!(pause.as_mut().poll(cx));
                pause.as_mut().reset(Instant::now() + PAUSE);
            }
        }
        ready!(self.pace.poll(cx));
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx) else {
            self.pace.waited();
            return Poll::Pending;
        };
        let (kept, pace) = (&self.kept, &mut self.pace);
        let count = |bytes: Bytes| {
            pace.count(bytes.len());
            let held = share.map(|share| share.hold_anyway(bytes.len()));
            counted(bytes, held, kept)
        };
        Poll::Ready(next.map(|next| next.map(|frame| frame.map_data(count))))
    }
}

impl http_body::Body for ResponseGuard {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        let (next, is_last) = ready!(open.poll_next(cx));
        if is_last {
            open.kept.under_way.answered();
            self.open = None;
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.taken.is_none() && open.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
