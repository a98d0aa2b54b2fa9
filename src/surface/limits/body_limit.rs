//! The request of a call: that of a plain call is as small as a plain message, whatever its caller says of its length.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http_body::{Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::pace::Pace;
use crate::auth::peer::Peer;
use crate::surface::status;

/// The largest request of a call that is no large one, in bytes: an application with sixty trainings.
pub(crate) const LARGEST_PLAIN: usize = 32 * 1024;

/// The body of a request. It ends with a refusal where it is longer than it may be, and where its caller cancels the call.
pub(crate) struct BodyLimit {
    body: Body,
    peer: Option<Peer>,
    /// How many bytes more there may be.
    left: usize,
    pace: Pace,
}

impl BodyLimit {
    /// As long as a plain call's may be.
    pub(super) fn plain(body: Body, peer: Option<Peer>) -> BodyLimit {
        BodyLimit { body, peer, left: LARGEST_PLAIN, pace: Pace::default() }
    }

    /// As long as it is: each of its messages is bounded where it is read.
    pub(super) fn by_message(body: Body, peer: Option<Peer>) -> BodyLimit {
        BodyLimit { body, peer, left: usize::MAX, pace: Pace::default() }
    }
}

impl http_body::Body for BodyLimit {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        ready!(self.pace.poll(cx));
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        let frame = match &polled {
            Poll::Ready(Some(Ok(frame))) => frame,
            Poll::Pending => {
                self.pace.waited();
                return polled;
            }
            Poll::Ready(Some(Err(_))) => {
                if let Some(peer) = self.peer.take() {
                    peer.cancelled();
                }
                return Poll::Ready(Some(Err(status::broken_off())));
            }
            Poll::Ready(None) => return polled,
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        self.pace.count(bytes);
        match self.left.checked_sub(bytes) {
            Some(left) => self.left = left,
            None => {
                let refusal = status::too_large(format!("a message of this method has at most {LARGEST_PLAIN} bytes"));
                return Poll::Ready(Some(Err(refusal)));
            }
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
