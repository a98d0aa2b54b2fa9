//! What is left of a request when its answer is ready: it is read and thrown away. Otherwise a connection of HTTP/1.1
//! would be reset with bytes unread, and a stream of HTTP/2 without an error, which says that the rest is not needed.
//! Many clients lose the answer with it: so does curl 7.88 over HTTP/2, once in a while.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, Version};
use http_body::{Body as _, Frame, SizeHint};
use http_body_util::BodyExt as _;
use prost::bytes::Bytes;
use tonic::body::Body;

use crate::auth::peer::Peer;

/// How many bytes are thrown away, and for how long: more than any request may have, at the speed of a slow line.
const MOST: usize = 4 * 1024 * 1024;
const LONGEST: Duration = Duration::from_secs(5);

/// For how long nothing may come: the caller of a stream may wait with its next message.
const IDLE: Duration = Duration::from_millis(250);

/// The body of a request, as far as it was not read.
pub(super) struct Rest {
    left: Arc<Mutex<Left>>,
    peer: Option<Peer>,
    is_http1: bool,
}

enum Left {
    /// The call still reads it.
    Held,
    /// Nothing is left.
    Nothing,
    /// The call has left it.
    Body(Body),
}

impl Rest {
    /// Returns a request whose body leaves its rest here when it is dropped.
    pub(super) fn of(request: Request<Body>) -> (Request<Body>, Rest) {
        let is_empty = request.body().is_end_stream();
        let rest = Rest {
            left: Arc::new(Mutex::new(if is_empty { Left::Nothing } else { Left::Held })),
            peer: request.extensions().get().cloned(),
            is_http1: request.version() < Version::HTTP_2,
        };
        let left = Arc::clone(&rest.left);
        (request.map(|body| if is_empty { body } else { Body::new(Leaving { body: Some(body), left }) }), rest)
    }

    /// Returns the answer once the rest is read, or with the end of the connection if there is too much. Over HTTP/1.1,
    /// the answer of a call that still reads ends when the rest is read.
    pub(super) async fn read(self, mut response: Response<Body>) -> Response<Body> {
        let is_held = matches!(*self.left.lock().unwrap_or_else(PoisonError::into_inner), Left::Held);
        let is_read = !is_held && self.discard().await;
        if self.is_http1 && !is_read {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        // A stream of HTTP/2 ends by itself, whatever the caller still sends.
        if is_held && self.is_http1 {
            return response.map(|body| {
                let discarding = Box::pin(async move { self.discard().await });
                Body::new(Answer { body, is_sent: false, discarding })
            });
        }
        response
    }

    /// Reads the rest and throws it away. True if there is nothing more.
    async fn discard(&self) -> bool {
        let left = std::mem::replace(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner), Left::Nothing);
        let Left::Body(mut body) = left else { return true };
        let discard = async {
            let mut bytes = 0;
            while bytes <= MOST {
                match tokio::time::timeout(IDLE, body.frame()).await {
                    Ok(Some(Ok(frame))) => {
                        let come = frame.data_ref().map_or(0, Bytes::len);
                        bytes += come;
                        if let Some(peer) = &self.peer {
                            peer.discard(come);
                        }
                    }
                    Ok(None) => return true,
                    Ok(Some(Err(_))) | Err(_) => return false,
                }
            }
            false
        };
        tokio::time::timeout(LONGEST, discard).await.unwrap_or(false)
    }
}

/// The body of a request. When it is dropped before its end, it leaves the rest.
struct Leaving {
    body: Option<Body>,
    left: Arc<Mutex<Left>>,
}

impl Leaving {
    fn leave(&mut self, left: Left) {
        *self.left.lock().unwrap_or_else(PoisonError::into_inner) = left;
    }
}

impl http_body::Body for Leaving {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = ready!(Pin::new(&mut *body).poll_frame(cx));
        if body.is_end_stream() || !matches!(polled, Some(Ok(_))) {
            self.body = None;
            self.leave(Left::Nothing);
        }
        Poll::Ready(polled)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        if let Some(body) = self.body.take() {
            self.leave(Left::Body(body));
        }
    }
}

/// An answer that is sent while its call reads. It ends when the rest of the request is read.
struct Answer {
    body: Body,
    is_sent: bool,
    /// Reads the rest. It is polled only after the body.
    discarding: BoxFuture<'static, bool>,
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        if !self.is_sent {
            let next = ready!(Pin::new(&mut self.body).poll_frame(cx));
            if next.is_some() {
                return Poll::Ready(next);
            }
            self.is_sent = true;
        }
        self.discarding.as_mut().poll(cx).map(|_| None)
    }
}
