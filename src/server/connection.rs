//! A connection, in plaintext or TLS, with what is known about its peer.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use super::connection_counts::Counted;
use super::connection_set::Slot;
use crate::auth::peer::Peer;

/// How long a connection may stay open before a client of the list calls on it.
pub(super) const UNAUTHENTICATED_TIMEOUT: Duration = Duration::from_secs(60);

/// How many bytes an unauthenticated connection may send, and how many may be sent to it beside those that were granted
/// to it. A first call, which authenticates the connection, takes about a hundredth of this.
const UNAUTHENTICATED_BYTES: usize = 128 * 1024;

/// How many bytes of requests that were thrown away it may send beside that.
const DISCARDED_BYTES: usize = 4 * 1024 * 1024;

/// How many bytes are read from one connection before the others get their turn.
const READ_AT_ONCE: usize = 8 * 1024;

/// What a listener speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// gRPC, over HTTP/2.
    Grpc,
    /// HTTP/1.1 or HTTP/2.
    Http,
}

/// The names of the protocols in a TLS handshake.
pub(super) const HTTP2: &[u8] = b"h2";
pub(super) const HTTP1: &[u8] = b"http/1.1";

/// How HTTP/2 begins. No method of HTTP/1.1 does.
const PREFACE: &[u8; 4] = b"PRI ";

/// The pause before another look, if fewer bytes than that have come, which is rare.
const PEEK_PAUSE: Duration = Duration::from_millis(10);

/// Held by each connection of a worker, so that the worker's connections can be counted.
pub(super) type WorkerSlot = Arc<()>;

/// A connection of a client.
pub(super) struct Connection {
    wire: Wire,
    protocol: Protocol,
    peer: Peer,
    unauthenticated: Option<Unauthenticated>,
    /// Bytes read since the other connections had their turn.
    read: usize,
    counted: Counted,
    /// Its permit among all connections and its slot on a worker. Both are released when the connection ends.
    _permits: (OwnedSemaphorePermit, WorkerSlot),
}

/// The transport. The TLS state is boxed because it is much larger. Every connection outside of development uses TLS.
pub(super) enum Wire {
    /// Plaintext.
    Plain(TcpStream),
    /// TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// The limits of an unauthenticated connection: its time, its bytes, and its slot among the connections of its kind.
pub(super) struct Unauthenticated {
    time: Pin<Box<Sleep>>,
    slot: Slot,
    sent: usize,
    received: usize,
}

impl Unauthenticated {
    /// Creates limits that end after `time`, or when too many newer connections of the kind arrive.
    pub(super) fn new(time: Duration, slot: Slot) -> Unauthenticated {
        Unauthenticated { time: Box::pin(tokio::time::sleep(time)), slot, sent: 0, received: 0 }
    }

    /// Waits until the connection must be closed.
    pub(super) async fn expired(&mut self) {
        poll_fn(|cx| self.poll_expired(None, cx)).await;
    }

    fn poll_expired(&mut self, peer: Option<&Peer>, cx: &mut Context<'_>) -> Poll<()> {
        let discarded = peer.map_or(0, Peer::discarded).min(DISCARDED_BYTES);
        let granted = peer.map_or(0, Peer::granted);
        let bytes = self.sent.saturating_sub(discarded).max(self.received.saturating_sub(granted));
        let must_close = bytes > UNAUTHENTICATED_BYTES || self.slot.poll_closed(cx).is_ready();
        if must_close || self.time.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Connection {
    pub(super) fn new(
        wire: Wire,
        protocol: Protocol,
        peer: Peer,
        unauthenticated: Unauthenticated,
        (permit, mut counted): (OwnedSemaphorePermit, Counted),
        worker_slot: WorkerSlot,
    ) -> Connection {
        let unauthenticated = (!peer.is_known()).then_some(unauthenticated);
        if unauthenticated.is_none() {
            counted.known();
        }
        Connection { wire, protocol, unauthenticated, peer, read: 0, counted, _permits: (permit, worker_slot) }
    }

    /// Who is connected.
    pub(in crate::server) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// What its listener speaks.
    pub(in crate::server) fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// True if the peer speaks HTTP/2. In plaintext, that shows in the first bytes that it sends.
    pub(in crate::server) async fn is_http2(&mut self) -> io::Result<bool> {
        match &self.wire {
            Wire::Tls(stream) => Ok(stream.get_ref().1.alpn_protocol() == Some(HTTP2)),
            Wire::Plain(_) => loop {
                if let Some(is_http2) = poll_fn(|cx| self.poll_preface(cx)).await? {
                    return Ok(is_http2);
                }
                tokio::time::sleep(PEEK_PAUSE).await;
            },
        }
    }

    /// Returns whether the connection begins like HTTP/2, or `None` if too little of it has come. Takes no bytes.
    fn poll_preface(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Option<bool>>> {
        if self.must_close(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        let Wire::Plain(stream) = &self.wire else { return Poll::Ready(Ok(Some(false))) };
        let mut begin = [0; PREFACE.len()];
        let come = ready!(stream.poll_peek(cx, &mut ReadBuf::new(&mut begin)))?;
        let is_alike = come > 0 && begin.get(..come) == PREFACE.get(..come);
        Poll::Ready(Ok((!is_alike || come == PREFACE.len()).then_some(is_alike)))
    }

    /// True if the connection must be closed because no authenticated client has called on it.
    fn must_close(&mut self, cx: &mut Context<'_>) -> bool {
        if self.unauthenticated.is_some() && self.peer.is_known() {
            self.unauthenticated = None;
            self.counted.known();
        }
        let peer = Some(&self.peer);
        self.unauthenticated.as_mut().is_some_and(|unauthenticated| unauthenticated.poll_expired(peer, cx).is_ready())
    }

    fn wire(self: Pin<&mut Self>) -> Pin<&mut Wire> {
        Pin::new(&mut self.get_mut().wire)
    }

    /// Records the result of a write, and tells the peer whether it blocks.
    fn written(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let polled = self.limited(cx, polled);
        self.peer.block(polled.is_pending());
        polled
    }

    /// Counts the bytes written. An unauthenticated client receives little; if it does not read that, the connection
    /// fails instead of waiting. It waits for what was granted, until its time is over.
    fn limited(&mut self, cx: &mut Context<'_>, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let granted = self.peer.granted();
        let Some(unauthenticated) = self.unauthenticated.as_mut().filter(|_| !self.peer.is_known()) else {
            return polled;
        };
        match &polled {
            Poll::Ready(Ok(bytes)) => unauthenticated.received += bytes,
            Poll::Pending if granted > 0 && unauthenticated.poll_expired(Some(&self.peer), cx).is_pending() => {}
            Poll::Pending => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.peer.is_aged() {
            self.counted.aged();
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.must_close(cx) {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        if this.read >= READ_AT_ONCE {
            this.read = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = into.filled().len();
        let polled = match &mut this.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Wire::Tls(stream) => Pin::new(stream).poll_read(cx, into),
        };
        let read = into.filled().len() - before;
        this.read = if polled.is_ready() { this.read + read } else { 0 };
        if let Some(unauthenticated) = &mut this.unauthenticated {
            unauthenticated.sent += read;
        }
        polled
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Wire::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
            Wire::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Wire::Plain(stream) => stream.is_write_vectored(),
            Wire::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Wire::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let polled = self.as_mut().wire().poll_write(cx, bytes);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.as_mut().wire().poll_write_vectored(cx, slices);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.as_mut().wire().poll_flush(cx);
        self.peer.block(polled.is_pending());
        polled
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
