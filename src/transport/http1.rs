//! HTTP/1.1 on a connection: one request at a time.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use http::{Request, Response};
use hyper::server::conn::http1::Builder;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tonic::body::Body;
use tower::Service;

use super::age::ConnectionAge;
use super::ending::Ending;
use super::with_peer::WithPeer;
use crate::auth::peer::Peer;

/// How long a connection waits for the head of the next request, which includes the time between two requests. Common
/// clients close idle connections earlier.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);

/// The maximum size of what is read ahead of a request, head included.
const BUFFER: usize = 64 * 1024;

/// Serves the requests of a connection until the peer closes it or is cut off. After `stop`, and when the connection is
/// too old, answers the request in progress and closes.
pub(crate) async fn serve<S>(
    connection: impl AsyncRead + AsyncWrite + Unpin,
    peer: Peer,
    services: S,
    age: ConnectionAge,
    stop: watch::Receiver<bool>,
) where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send + 'static> + 'static,
{
    let with_peer = WithPeer::new(services, peer.clone());
    let http = Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(connection), with_peer);
    let (mut http, mut ending) = (pin!(http), Ending::new(&peer, age, stop));
    let ended = poll_fn(|cx| {
        if ending.must_finish(cx) {
            http.as_mut().graceful_shutdown();
        }
        let polled = http.as_mut().poll(cx);
        ending.or_closed(polled, cx)
    });
    let ended = ended.await;
    ending.log(ended);
}
