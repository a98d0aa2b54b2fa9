//! The response body of a call: it holds the call's resources until it has been sent, charges its bytes to the client
//! until then, and ends when the call must end.

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

/// The bytes of an answer that are already counted with the call itself.
const INCLUDED_BYTES: usize = 1024;

/// How often a stream checks whether its client has read enough.
const PAUSE: Duration = Duration::from_millis(50);

/// The next frame of a body.
type Next = Option<Result<Frame<Bytes>, Status>>;

/// The resources that a call holds until its answer has been sent.
pub(super) struct CallResources {
    pub(super) _permit: Option<Permit>,
    pub(super) under_way: UnderWay,
    /// The memory that is charged to the client; `None` if there is no client to charge.
    pub(super) held: Option<Arc<Held>>,
}

/// The guarded response body.
pub(super) struct ResponseGuard {
    open: Option<Open>,
}

struct Open {
    body: Body,
    /// The frame that was taken from the body ahead of time.
    taken: Option<Next>,
    /// True if the body waits while its client holds more memory than it may.
    waits: bool,
    ends: Option<Ends>,
    resources: Arc<CallResources>,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
}

/// A part of an answer. HTTP/2 may take it before the peer has received it, so it holds its resources until it is
/// dropped.
struct Unsent {
    bytes: Bytes,
    _held: Option<Held>,
    _resources: Arc<CallResources>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl ResponseGuard {
    /// Guards the body of an answer, and counts its parts as they come. `waits`: parts may be delayed, as in a stream
    /// of reads.
    pub(super) fn new(body: Body, resources: CallResources, ends: Option<Ends>, waits: bool) -> ResponseGuard {
        ResponseGuard {
            open: Some(Open {
                body,
                taken: None,
                waits,
                ends,
                resources: Arc::new(resources),
                pace: Pace::default(),
                pause: None,
            }),
        }
    }

    /// Takes the single message of an answer and counts it. The message is in memory, whether the client reads it or
    /// not.
    pub(super) fn take_message(&mut self, cx: &mut Context<'_>, must_go_out: bool) -> Result<(), Exhausted> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let Poll::Ready(next) = Pin::new(&mut open.body).poll_frame(cx) else { return Ok(()) };
        let bytes = next.as_ref().and_then(|next| next.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        let resources = &open.resources;
        let held = match &resources.held {
            Some(held) if bytes > INCLUDED_BYTES => {
                let share = held.share();
                let held = if must_go_out { Some(share.hold_anyway(bytes)) } else { share.hold(bytes) };
                Some(held.ok_or(Exhausted::Memory)?)
            }
            _ => None,
        };
        open.taken = Some(next.map(|next| next.map(|frame| frame.map_data(|bytes| counted(bytes, held, resources)))));
        Ok(())
    }

    /// Marks the call as answered, because something else is sent instead of this body.
    pub(super) fn give_up(self) {
        if let Some(open) = self.open {
            open.resources.under_way.answered();
        }
    }
}

/// Wraps bytes so that they stay counted until they have been sent. Small answers are counted with their call: HTTP/2
/// may have taken them completely even if the peer receives nothing.
fn counted(bytes: Bytes, held: Option<Held>, resources: &Arc<CallResources>) -> Bytes {
    Bytes::from_owner(Unsent { bytes, _held: held, _resources: Arc::clone(resources) })
}

impl Open {
    /// Returns the next frame, and whether it is the last.
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
        // The body is not polled again after trailers.
        let is_last = next.as_ref().is_none_or(|next| next.as_ref().is_ok_and(Frame::is_trailers));
        Poll::Ready((next, is_last))
    }

    /// Returns the next frame of the body, counted. If the answer may wait, it produces nothing while the client holds
    /// more memory than it may.
    fn poll_counted(&mut self, cx: &mut Context<'_>) -> Poll<Next> {
        let share = self.resources.held.as_ref().map(|held| held.share());
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
        let (resources, pace) = (&self.resources, &mut self.pace);
        let count = |bytes: Bytes| {
            pace.count(bytes.len());
            let held = share.map(|share| share.hold_anyway(bytes.len()));
            counted(bytes, held, resources)
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
            open.resources.under_way.answered();
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
