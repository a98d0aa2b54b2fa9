//! HTTP/2 on a connection: its limits, how calls are started, and how it ends.
//!
//! This replaces tonic's server, which uses a task and six layers per call that are not needed here.

mod frame_guard;
mod inline_executor;
mod unread;

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::server::conn::http2::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tonic::body::Body;
use tower::Service;

use self::frame_guard::FrameGuard;
use self::inline_executor::InlineExecutor;
use self::unread::Unread;
use super::age::ConnectionAge;
use super::ending::Ending;
use super::with_peer::WithPeer;
use crate::auth::peer::Peer;
use crate::auth::quotas::CALLS_PER_CONNECTION;

/// The interval of HTTP/2 keep-alive pings, and the deadline of their answer.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// The flow-control windows of a stream and of a connection.
///
/// h2 closes a connection that has many small unread DATA frames: their overhead, up to 256 bytes each, may use at most
/// half of the connection's window. A stream of questions consists of small frames. So the window of a stream is small
/// compared to the connection's: a fast caller gets back-pressure, and its connection is not closed.
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = 16 * 1024 * 1024;

/// The maximum header size that HTTP/2 reads, by its own measure. A call may use half of it. A larger header is refused
/// with a gRPC status, and one beyond this limit by HTTP/2 (431).
const MAX_HEADERS: u32 = 32 * 1024;

/// The number of streams that a peer may reset before they are accepted; beyond it, its connection ends. It allows for
/// all calls in progress and for those that replace them. Reset floods are counted per client when calls are started.
const RESETS_BEFORE_ACCEPT: usize = 4 * CALLS_PER_CONNECTION.get() as usize;

/// The number of streams that may fail by a protocol error of the peer before its connection ends.
const RESETS_BY_FAULT: usize = 256;

/// Serves the calls of a connection until the peer closes it or is cut off. After `stop`, and when the connection is
/// too old, takes no more calls and finishes those in progress.
pub(crate) async fn serve<S>(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    services: S,
    age: ConnectionAge,
    stop: watch::Receiver<bool>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + 'static,
{
    let calls = InlineExecutor::default();
    let with_peer = WithPeer::new(services, peer.clone());
    let connection = TokioIo::new(FrameGuard::new(connection, peer.clone()));
    let http = builder(&calls).serve_connection(connection, with_peer);
    let (mut http, mut ending) = (pin!(http), Ending::new(&peer, age, stop));
    let mut unread = Unread::new(peer.clone());
    let ended = poll_fn(|cx| {
        if ending.must_finish(cx) {
            http.as_mut().graceful_shutdown();
        }
        let before = calls.answered();
        let polled = http.as_mut().poll(cx);
        // The responses wake the connection, which then sends all of them at once.
        calls.begin(|| peer.is_cut_off().is_none());
        unread.count(before, calls.answered());
        ending.or_closed(polled, cx)
    });
    let ended = ended.await;
    ending.log(ended);
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
        .max_header_list_size(MAX_HEADERS)
        .max_pending_accept_reset_streams(RESETS_BEFORE_ACCEPT)
        .max_local_error_reset_streams(RESETS_BY_FAULT);
    builder
}
