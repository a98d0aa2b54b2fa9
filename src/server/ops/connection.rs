//! A connection of the ops port: plaintext, and closed when there are too many.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

use crate::server::connection_set::Slot;

/// A connection that is closed when too many newer ones arrive.
pub(super) struct OpsConnection {
    stream: TcpStream,
    slot: Slot,
}

impl OpsConnection {
    pub(super) fn new(stream: TcpStream, slot: Slot) -> OpsConnection {
        OpsConnection { stream, slot }
    }

    /// Fails once the connection must be closed, on reads and on writes.
    fn still_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let is_closed = self.slot.poll_closed(cx).is_ready();
        if is_closed { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

impl Connected for OpsConnection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for OpsConnection {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.still_open(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for OpsConnection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.still_open(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
