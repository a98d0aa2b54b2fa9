//! The request body of a call: counts its memory, and limits its size regardless of the declared length.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::pace::Pace;
use super::refused;
use crate::auth::memory::Held;
use crate::auth::peer::Peer;
use crate::auth::quotas::Exhausted;
use crate::surface::frames::Frames;
use crate::surface::status;

/// The largest request of a plain call, in bytes: an application with sixty trainings.
pub(crate) const LARGEST_PLAIN: usize = 32 * 1024;

/// The bytes of a request that are already counted with the call itself.
const INCLUDED_BYTES: usize = 1024;

/// The body of a request. It ends with a refusal if it is too long, or if the caller cancels the call.
pub(crate) struct BodyLimit {
    body: Body,
    peer: Option<Peer>,
    /// The number of bytes that may still come.
    left: usize,
    pace: Pace,
    counted: Counted,
}

/// How the bytes of a request are counted while they are in memory.
enum Counted {
    /// Charged to the call, apart from the included ones, for as long as the call holds its memory.
    WithTheCall { held: Option<Arc<Held>>, included: usize },
    /// Charged per message of a stream: each message is freed when the next one is read.
    ByMessage { held: Held, frames: Frames },
}

impl BodyLimit {
    /// Limits the body to the size of a plain call.
    pub(super) fn plain(body: Body, peer: Option<Peer>, held: Option<Arc<Held>>) -> BodyLimit {
        let counted = Counted::WithTheCall { held, included: INCLUDED_BYTES };
        BodyLimit { body, peer, left: LARGEST_PLAIN, pace: Pace::default(), counted }
    }

    /// Does not limit the body: its message is limited where it is decoded.
    pub(super) fn whole(body: Body, peer: Option<Peer>, held: Option<Arc<Held>>) -> BodyLimit {
        BodyLimit { left: usize::MAX, ..BodyLimit::plain(body, peer, held) }
    }

    /// Does not limit the body: each message is limited where it is decoded.
    pub(super) fn by_message(body: Body, peer: Option<Peer>, held: Option<Arc<Held>>) -> BodyLimit {
        let held = held.map(|held| held.share().hold_anyway(0));
        match held {
            None => BodyLimit::whole(body, peer, None),
            Some(held) => {
                let counted = Counted::ByMessage { held, frames: Frames::default() };
                BodyLimit { body, peer, left: usize::MAX, pace: Pace::default(), counted }
            }
        }
    }
}

impl Counted {
    /// Counts received bytes. Returns false if there is no memory for them.
    fn take(&mut self, bytes: &[u8]) -> bool {
        match self {
            Counted::WithTheCall { held, included } => {
                let of_these = bytes.len().min(*included);
                *included -= of_these;
                let more = bytes.len() - of_these;
                more == 0 || held.as_ref().is_none_or(|held| held.grow(more))
            }
            Counted::ByMessage { held, frames } => {
                frames.take(bytes);
                held.set(frames.unfinished())
            }
        }
    }
}

impl http_body::Body for BodyLimit {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        ready!(self.pace.poll(cx));
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let bytes = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame.data_ref().map_or(&[][..], |bytes| bytes),
            Poll::Pending => {
                self.pace.waited();
                return polled;
            }
            // The listener refuses a message that it cannot read.
            Poll::Ready(Some(Err(refusal))) if !refusal.details().is_empty() => return polled,
            Poll::Ready(Some(Err(_))) => {
                if let Some(peer) = self.peer.take() {
                    peer.canceled();
                }
                return Poll::Ready(Some(Err(status::transport::canceled_by_caller())));
            }
            Poll::Ready(None) => return polled,
        };
        self.pace.count(bytes.len());
        let refusal = match self.left.checked_sub(bytes.len()) {
            None => status::too_large(format!("a message of this method may have at most {LARGEST_PLAIN} bytes")),
            Some(_) if !self.counted.take(bytes) => refused(Exhausted::Memory),
            Some(left) => {
                self.left = left;
                return polled;
            }
        };
        Poll::Ready(Some(Err(refusal)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
