//! gRPC as bytes: requests are encoded before the measurement. A response is correct if it equals, byte for byte, the
//! one that was decoded and checked when the question was first sent.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use prost::Message;
use prost::bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};

use super::frames::{Event, Session};

/// The length of a message prefix: the compression flag and the message length.
const PREFIX_BYTES: usize = 5;

/// The size of reads and writes.
const PIECE: usize = 64 * 1024;

/// An error between the client and a server. It ends the benchmark.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A message with its prefix.
pub fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + message.encoded_len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// The length of the first message in framed bytes, if it is complete.
pub fn first_framed(bytes: &[u8]) -> Option<usize> {
    let length = bytes.get(1..PREFIX_BYTES)?.try_into().ok()?;
    let end = PREFIX_BYTES + u32::from_be_bytes(length) as usize;
    (end <= bytes.len()).then_some(end)
}

/// The first message in framed bytes, and its length.
pub fn unframed<M: Message + Default>(bytes: &[u8]) -> Result<(M, usize), Failure> {
    let end = first_framed(bytes).ok_or("a message is cut off")?;
    Ok((M::decode(&bytes[PREFIX_BYTES..end])?, end))
}

/// The address of a server, and its TLS configuration.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: Option<Arc<ClientConfig>>,
}

trait Io: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Io for T {}

/// A connection for one method. It makes progress while something on it is awaited.
pub struct Connection {
    io: Box<dyn Io>,
    session: Session,
    incoming: BytesMut,
    /// Bytes of a message stream that the server's window does not allow yet.
    waiting: Bytes,
}

impl Connection {
    pub async fn open(target: &Target, method: &str) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let (io, scheme): (Box<dyn Io>, _) = if let Some(tls) = &target.tls {
            let name = ServerName::from(target.address.ip());
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
            (Box::new(stream), "https")
        } else {
            (Box::new(stream), "http")
        };
        let session = Session::new(scheme, &target.address.to_string(), method);
        let mut connection =
            Connection { io, session, incoming: BytesMut::with_capacity(PIECE), waiting: Bytes::new() };
        while !connection.session.is_settled {
            poll_fn(|cx| connection.poll_move(cx, |_, _| Ok(()))).await?;
        }
        Ok(connection)
    }

    /// Sends as much as the server accepts, and parses what was received. Pending if nothing was.
    pub fn poll_move(
        &mut self,
        cx: &mut Context<'_>,
        on: impl FnMut(u32, Event<'_>) -> Result<(), Failure>,
    ) -> Poll<Result<(), Failure>> {
        self.session.send(&mut self.waiting, false);
        while !self.session.outgoing.is_empty() {
            let Poll::Ready(sent) = Pin::new(&mut self.io).poll_write(cx, &self.session.outgoing)? else { break };
            self.session.outgoing.advance(sent);
        }
        // It continues when this is polled again.
        _ = Pin::new(&mut self.io).poll_flush(cx)?;
        self.incoming.reserve(PIECE);
        if ready!(pin!(self.io.read_buf(&mut self.incoming)).poll(cx))? == 0 {
            return Poll::Ready(Err("the server has closed the connection".into()));
        }
        Poll::Ready(self.session.receive(&mut self.incoming, on))
    }

    /// One request with its complete response, which is written to `answer`.
    pub async fn call(&mut self, request: Bytes, answer: &mut BytesMut) -> Result<(), Failure> {
        answer.clear();
        let keep = |bytes: &[u8]| {
            answer.extend_from_slice(bytes);
            Ok(())
        };
        self.stream(request, &Bytes::new(), 0, keep).await
    }

    /// Begins a call whose request fits into the window, concurrently with others. [`Connection::poll_move`] reports
    /// its response by stream number, which is twice the number of earlier calls plus one.
    pub fn begin(&mut self, mut request: Bytes) -> Result<(), Failure> {
        self.session.begin();
        self.session.send(&mut request, true);
        if request.is_empty() { Ok(()) } else { Err("the server has no room for a call".into()) }
    }

    /// Begins a stream whose messages are sent one by one. [`Connection::poll_move`] reports its responses.
    pub fn begin_stream(&mut self) {
        self.session.begin();
    }

    /// Sends a message of the stream as soon as the server's window allows.
    pub fn put(&mut self, mut message: Bytes) {
        if self.waiting.is_empty() {
            self.session.send(&mut message, false);
        }
        if !message.is_empty() {
            self.waiting = [&self.waiting[..], &message].concat().into();
        }
    }

    /// Runs one stream: the opening messages, and then the same messages `times` times, as fast as the server accepts
    /// them. `take` gets the responses.
    pub async fn stream(
        &mut self,
        opening: Bytes,
        messages: &Bytes,
        mut times: usize,
        mut take: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        self.session.begin();
        let (mut rest, mut has_ended) = (opening, false);
        while !has_ended {
            self.session.send(&mut rest, times == 0);
            while rest.is_empty() && times > 0 {
                (rest, times) = (messages.clone(), times - 1);
                self.session.send(&mut rest, times == 0);
            }
            let mut on = |_, event: Event<'_>| match event {
                Event::Data(bytes) => take(bytes),
                Event::End => {
                    has_ended = true;
                    Ok(())
                }
            };
            poll_fn(|cx| self.poll_move(cx, &mut on)).await?;
        }
        Ok(())
    }
}
