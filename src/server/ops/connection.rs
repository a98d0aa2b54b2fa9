//! A connection of the ops port: as it is, until it is to be closed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tonic::transport::server::Connected;

use crate::server::crowd::Membership;

/// A connection that ends when too many others came after it.
pub(super) struct OpsConnection {
    stream: TcpStream,
    membership: Membership,
}

impl OpsConnection {
    pub(super) fn new(stream: TcpStream, membership: Membership) -> OpsConnection {
        OpsConnection { stream, membership }
    }

    /// Fails once the connection is to end, whether its peer reads or writes.
    fn still_open(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let is_closed = self.membership.poll_closed(cx).is_ready();
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
