//! A connection, in plaintext or in TLS, with what is known of its other end.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Sleep;
use tokio_rustls::server::TlsStream;

use super::crowd::Membership;
use crate::auth::peer::Peer;

/// How long a connection may be open on which no client of the list has called.
pub(super) const STRANGERS_TIME: Duration = Duration::from_secs(60);

/// How much such a connection may send, and how much may be sent to it. It is admitted by its first call, which is a
/// hundredth of it.
const STRANGERS_BYTES: usize = 128 * 1024;

/// How much of a connection is read at once: what is at hand already waits until the others have had their turn.
const READ_AT_ONCE: usize = 8 * 1024;

/// Held by each connection of a worker, so that they can be counted.
pub(super) type Seat = Arc<()>;

/// A connection that the server speaks HTTP/2 on.
pub(super) struct Connection {
    wire: Wire,
    peer: Peer,
    stranger: Option<Stranger>,
    /// How much was read of it since the others had their turn.
    read: usize,
    /// Its place among those that there may be, and its seat at a worker. They are free again when the connection ends.
    _place: (OwnedSemaphorePermit, Seat),
}

/// What it is made of. TLS is much the larger, and every connection but those of development is one.
pub(super) enum Wire {
    /// As it is.
    Plain(TcpStream),
    /// In TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection whose other end nobody knows yet: it has so long, may send so much, and goes when there are too many of
/// its kind.
pub(super) struct Stranger {
    time: Pin<Box<Sleep>>,
    membership: Membership,
    sent: usize,
    received: usize,
}

impl Stranger {
    /// One that is closed when its time is over, or when too many others came after it.
    pub(super) fn new(time: Duration, membership: Membership) -> Stranger {
        Stranger { time: Box::pin(tokio::time::sleep(time)), membership, sent: 0, received: 0 }
    }

    /// Waits until it is to go.
    pub(super) async fn gone(&mut self) {
        poll_fn(|cx| self.poll_gone(cx)).await;
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let is_shown_out = self.sent.max(self.received) > STRANGERS_BYTES || self.membership.poll_closed(cx).is_ready();
        if is_shown_out || self.time.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Connection {
    pub(super) fn new(
        wire: Wire,
        peer: Peer,
        stranger: Stranger,
        place: OwnedSemaphorePermit,
        seat: Seat,
    ) -> Connection {
        let stranger = (!peer.is_known()).then_some(stranger);
        Connection { wire, stranger, peer, read: 0, _place: (place, seat) }
    }

    /// Its other end.
    pub(in crate::server) fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether it is to end because nobody known has called on it.
    fn is_shown_out(&mut self, cx: &mut Context<'_>) -> bool {
        if self.peer.is_known() {
            self.stranger = None;
        }
        self.stranger.as_mut().is_some_and(|stranger| stranger.poll_gone(cx).is_ready())
    }

    fn wire(self: Pin<&mut Self>) -> Pin<&mut Wire> {
        Pin::new(&mut self.get_mut().wire)
    }

    /// Notes what was written. What is answered to those whom nobody knows is little: one that does not read it is not
    /// waited for.
    fn written(&mut self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let Some(stranger) = self.stranger.as_mut().filter(|_| !self.peer.is_known()) else { return polled };
        match &polled {
            Poll::Ready(Ok(bytes)) => stranger.received += bytes,
            Poll::Pending => return Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(Err(_)) => {}
        }
        polled
    }
}

impl AsyncRead for Connection {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.is_shown_out(cx) {
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
        if let Some(stranger) = &mut this.stranger {
            stranger.sent += read;
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
        self.written(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = self.as_mut().wire().poll_write_vectored(cx, slices);
        self.written(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.wire.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire().poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
