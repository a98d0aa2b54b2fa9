//! The answer of a large call: it holds the call's place among those of its client, and ends soon after the client is not
//! one any more, or another than it was.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::HeaderMap;
use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;

use crate::auth::peer::Peer;
use crate::auth::shares::Place;
use crate::auth::{Caller, Identities};
use crate::grpc::status;

/// How long an answer goes on without asking again whether its caller may be answered.
const ASKED_AGAIN: Duration = Duration::from_secs(1);

/// Who called, and what it showed.
pub(super) struct Asked {
    pub(super) identities: Identities,
    pub(super) caller: Arc<Caller>,
    pub(super) peer: Option<Peer>,
    /// The authorization of the call.
    pub(super) shown: HeaderMap,
}

impl Asked {
    /// Why there is no more for the caller, if that is so.
    fn refusal(&self) -> Option<Status> {
        if self.identities.is_dev() {
            return None;
        }
        match self.identities.caller(&self.shown, self.peer.as_ref(), Instant::now()) {
            Ok(caller) if caller == self.caller => None,
            Ok(_) => Some(status::permission_denied("the caller has another role than when the call began")),
            Err(nobody) => Some(status::unauthenticated(nobody.to_string())),
        }
    }
}

/// The body of the answer.
pub(super) struct Held {
    open: Option<Open>,
}

struct Open {
    body: Body,
    asked: Asked,
    again: Pin<Box<Sleep>>,
    place: Arc<Place>,
}

/// A part of an answer. HTTP/2 takes more of them than the peer does: the place is not free before they have gone.
struct Unsent {
    bytes: Bytes,
    _place: Arc<Place>,
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Held {
    pub(super) fn new(body: Body, place: Place, asked: Asked) -> Held {
        let again = Box::pin(tokio::time::sleep(ASKED_AGAIN));
        Held { open: Some(Open { body, asked, again, place: Arc::new(place) }) }
    }
}

impl Open {
    /// Why it ends now, if it does.
    fn refusal(&mut self, cx: &mut Context<'_>) -> Option<Status> {
        while self.again.as_mut().poll(cx).is_ready() {
            let refusal = self.asked.refusal();
            if refusal.is_some() {
                return refusal;
            }
            self.again.as_mut().reset(tokio::time::Instant::now() + ASKED_AGAIN);
        }
        None
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(open) = &mut self.open else { return Poll::Ready(None) };
        if let Some(refusal) = open.refusal(cx) {
            self.open = None;
            let mut trailers = HeaderMap::new();
            let told = refusal.add_header(&mut trailers).map(|()| Frame::trailers(trailers));
            return Poll::Ready(Some(told));
        }
        let polled = Pin::new(&mut open.body).poll_frame(cx);
        if let Poll::Ready(None) = polled {
            self.open = None;
            return polled;
        }
        let held = |bytes| Bytes::from_owner(Unsent { bytes, _place: Arc::clone(&open.place) });
        polled.map_ok(|frame| frame.map_data(held))
    }

    fn is_end_stream(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.open.as_ref().map(|open| open.body.size_hint()).unwrap_or_default()
    }
}
