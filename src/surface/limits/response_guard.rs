//! The answer of a call that may have much in memory, or may last: it holds the call's place among those of its client
//! until it has gone out, and ends when the call is to end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::HeaderMap;
use http_body::{Body as _, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::ends::Ends;
use super::pace::Pace;
use super::under_way::UnderWay;
use crate::auth::quotas::Place;

/// What a body gives next.
type Next = Option<Result<Frame<Bytes>, Status>>;

/// What a call keeps until its answer has gone out.
pub(super) struct Kept {
    pub(super) _place: Option<Place>,
    pub(super) under_way: UnderWay,
}

/// The body of the answer.
pub(super) struct ResponseGuard {
    open: Option<Open>,
}

struct Open {
    body: Body,
    ends: Ends,
    kept: Arc<Kept>,
    pace: Pace,
}

/// A part of an answer. HTTP/2 takes more of them than the peer does: what is kept is not free before they have gone.
struct Unsent {
    bytes: Bytes,
    _kept: Arc<Kept>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl ResponseGuard {
    pub(super) fn new(body: Body, kept: Kept, ends: Ends) -> ResponseGuard {
        ResponseGuard { open: Some(Open { body, ends, kept: Arc::new(kept), pace: Pace::default() }) }
    }
}

impl Open {
    /// What comes next; and whether it is the last.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<(Next, bool)> {
        if let Poll::Ready(refusal) = self.ends.as_mut().poll(cx) {
            let mut trailers = HeaderMap::new();
            let trailers_frame = refusal.add_header(&mut trailers).map(|()| Frame::trailers(trailers));
            return Poll::Ready((Some(trailers_frame), true));
        }
        ready!(self.pace.poll(cx));
        let Poll::Ready(next) = Pin::new(&mut self.body).poll_frame(cx) else {
            self.pace.waited();
            return Poll::Pending;
        };
        let bytes = next.as_ref().and_then(|next| next.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
        self.pace.count(bytes);
        // Nobody asks for what is behind trailers.
        let is_last = next.as_ref().is_none_or(|next| next.as_ref().is_ok_and(Frame::is_trailers));
        Poll::Ready((next, is_last))
    }
}

impl http_body::Body for ResponseGuard {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        let (next, is_last) = ready!(open.poll_next(cx));
        let kept = &open.kept;
        let held = |bytes| Bytes::from_owner(Unsent { bytes, _kept: Arc::clone(kept) });
        let next = next.map(|next| next.map(|frame| frame.map_data(held)));
        if is_last {
            open.kept.under_way.answered();
            self.open = None;
        }
        Poll::Ready(next)
    }

    fn is_end_stream(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.open.as_ref().map(|open| open.body.size_hint()).unwrap_or_default()
    }
}
