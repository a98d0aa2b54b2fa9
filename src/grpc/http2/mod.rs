//! HTTP/2 on a connection: what it may take, how its calls are begun, and how it ends.
//!
//! tonic's own server would do; but most of what it does for a call, a task and six layers, is not needed here.

pub(crate) mod form;
mod frame_guard;
mod inline_executor;
mod unread;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tonic::body::Body;
use tower::Service;

use self::frame_guard::FrameGuard;
use self::inline_executor::InlineExecutor;
use self::unread::Unread;
use crate::auth::peer::Peer;
use crate::auth::quotas::CALLS_PER_CONNECTION;

/// How often a peer is asked whether it is there, and how long it may take to say so.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// What a stream may send before it is read, and a connection all in all.
///
/// h2 ends a connection whose unread DATA frames are many and small: their overhead, up to 256 bytes each, may take half
/// of the connection's window. A stream of questions is nothing but small frames, so a stream's window is kept so small
/// beside the connection's that a caller who is held back is held back, and not cut off.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// How large headers may be to be read, as HTTP/2 counts them. A call may have half of that: what is between is refused
/// with a status of gRPC, and what is beyond by HTTP/2 (431).
const HEADERS_READ: u32 = 32 * 1024;

/// How many streams a peer may reset before they were taken, before its connection ends: all that it may have under way,
/// and others that it began in their place. Floods of resets are counted by client where calls are begun.
const RESETS_BEFORE_TAKEN: usize = 4 * CALLS_PER_CONNECTION.get() as usize;

/// How many streams a peer may break off by its own faults before its connection ends. Without this there is no end to
/// them.
const RESETS_BY_FAULT: usize = 256;

/// How long a connection may go on while the server drains, though its peer waits for no answer any more: it takes
/// nothing, or is not there.
const SETTLED: Duration = Duration::from_secs(1);
const SETTLED_CHECKED: Duration = Duration::from_millis(100);

/// Answers the calls of a connection until its peer ends it, or cancels too much; once it is to stop, until those under
/// way are answered.
pub(crate) async fn serve<S>(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    services: S,
    mut stop: watch::Receiver<bool>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone + 'static,
{
    let calls = InlineExecutor::default();
    let with_peer = WithPeer { services, peer: peer.clone() };
    let connection = TokioIo::new(FrameGuard::new(connection, peer.clone()));
    let http = builder(&calls).serve_connection(connection, with_peer);
    let (mut http, mut stopped) = (pin!(http), pin!(stop.wait_for(|stop| *stop)));
    let mut is_stopping = false;
    let mut settled = pin!(settled(&peer));
    let mut unread = Unread::new(peer.clone());
    let ended = poll_fn(|cx| {
        if !is_stopping && stopped.as_mut().poll(cx).is_ready() {
            is_stopping = true;
            http.as_mut().graceful_shutdown();
        }
        let before = calls.answered();
        let polled = http.as_mut().poll(cx);
        // What they answer wakes the connection, which sends all of it at once.
        calls.begin(|| peer.is_cut_off().is_none());
        unread.count(before, calls.answered());
        if polled.is_pending() && (peer.is_cut_off().is_some() || is_stopping && settled.as_mut().poll(cx).is_ready()) {
            return Poll::Ready(Ok(()));
        }
        polled
    });
    let ended = ended.await;
    match peer.is_cut_off() {
        // What unidentified connections do must not fill the log.
        Some(why) if peer.is_known() => {
            tracing::info!(event = "connection_cut_off", %peer, "connection closed: {why}");
        }
        Some(why) => tracing::debug!(event = "connection_cut_off", %peer, "connection closed: {why}"),
        None => {}
    }
    if let Err(error) = ended {
        tracing::debug!(event = "connection_broken", error = &error as &dyn std::error::Error, "connection broke");
    }
}

/// Waits until the peer of a connection that is to stop has had its time, and waits for no answer.
async fn settled(peer: &Peer) {
    tokio::time::sleep(SETTLED).await;
    loop {
        let awaited = peer.awaits_answers();
        // What was answered just now has yet to be sent.
        tokio::time::sleep(SETTLED_CHECKED).await;
        if !awaited && !peer.awaits_answers() {
            return;
        }
    }
}

fn builder(calls: &InlineExecutor) -> Builder<InlineExecutor> {
    let mut builder = Builder::new(calls.clone());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(KEEPALIVE)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(CALLS_PER_CONNECTION.get())
        .max_header_list_size(HEADERS_READ)
        .max_pending_accept_reset_streams(RESETS_BEFORE_TAKEN)
        .max_local_error_reset_streams(RESETS_BY_FAULT);
    builder
}

/// Has each call say which connection it came by.
struct WithPeer<S> {
    services: S,
    peer: Peer,
}

impl<S> hyper::service::Service<Request<Incoming>> for WithPeer<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn call(&self, request: Request<Incoming>) -> S::Future {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(self.peer.clone());
        self.services.clone().call(request)
    }
}
