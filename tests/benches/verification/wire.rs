//! gRPC as bytes: requests are encoded before the clock runs, and a response is right when it is, byte for byte, the one
//! that was decoded and checked when its question was put first.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use prost::Message;
use prost::bytes::{BufMut as _, Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio_rustls::rustls::{ClientConfig, pki_types::ServerName};

/// The bytes before each message: whether it is compressed, and its length.
const PREFIX_BYTES: usize = 5;

/// As much as a stream may have on its way to us, and a connection.
const WINDOW: u32 = 8 * 1024 * 1024;

/// Whatever went wrong between the client and a server. A benchmark ends with it.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A message as it is sent.
pub fn framed(message: &impl Message) -> Bytes {
    let mut bytes = BytesMut::with_capacity(PREFIX_BYTES + message.encoded_len());
    bytes.put_u8(0);
    bytes.put_u32(u32::try_from(message.encoded_len()).unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// The message that framed bytes begin with, and how many bytes it takes.
pub fn unframed<M: Message + Default>(bytes: &[u8]) -> Result<(M, usize), Failure> {
    let length = bytes.get(1..PREFIX_BYTES).ok_or("a message is cut off")?;
    let end = PREFIX_BYTES + u32::from_be_bytes(length.try_into()?) as usize;
    Ok((M::decode(bytes.get(PREFIX_BYTES..end).ok_or("a message is cut off")?)?, end))
}

/// Where a server is, and how it is spoken to.
#[derive(Clone)]
pub struct Target {
    pub address: SocketAddr,
    pub tls: Option<Arc<ClientConfig>>,
}

/// A connection, by which one method is called. Clones share it.
#[derive(Clone)]
pub struct Connection {
    send: SendRequest<Bytes>,
    /// What each call begins with.
    head: Request<()>,
}

impl Connection {
    /// Opens a connection, which lives on a task of its own.
    pub async fn open(target: &Target, method: &str) -> Result<Connection, Failure> {
        let stream = TcpStream::connect(target.address).await?;
        stream.set_nodelay(true)?;
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW);
        let (send, scheme) = if let Some(tls) = &target.tls {
            let name = ServerName::from(target.address.ip());
            let stream = tokio_rustls::TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
            let (send, connection) = builder.handshake(stream).await?;
            tokio::spawn(connection);
            (send, "https")
        } else {
            let (send, connection) = builder.handshake(stream).await?;
            tokio::spawn(connection);
            (send, "http")
        };
        let uri = Uri::builder().scheme(scheme).authority(target.address.to_string()).path_and_query(method);
        let head = Request::builder()
            .method(Method::POST)
            .version(Version::HTTP_2)
            .uri(uri.build()?)
            .header("te", "trailers")
            .header("content-type", "application/grpc")
            .body(())?;
        Ok(Connection { send: send.ready().await?, head })
    }

    /// One request and its whole answer, written into `answer`.
    pub async fn call(&mut self, request: Bytes, answer: &mut BytesMut) -> Result<(), Failure> {
        let (response, mut stream) = self.send.clone().ready().await?.send_request(self.head.clone(), false)?;
        stream.send_data(request, true)?;
        let mut body = body(response).await?;
        answer.clear();
        while let Some(bytes) = take(&mut body).await? {
            answer.extend_from_slice(&bytes);
        }
        end(&mut body).await
    }

    /// A stream of requests, and the answers that come back.
    pub async fn stream(&self) -> Result<(SendStream<Bytes>, ResponseFuture), Failure> {
        let (response, stream) = self.send.clone().ready().await?.send_request(self.head.clone(), false)?;
        Ok((stream, response))
    }
}

/// The body of a response that has begun well.
pub async fn body(response: ResponseFuture) -> Result<RecvStream, Failure> {
    let response = response.await?;
    is_ok(response.headers(), false)?;
    Ok(response.into_body())
}

/// The next bytes, whose room is given back to the server at once.
pub async fn take(body: &mut RecvStream) -> Result<Option<Bytes>, Failure> {
    let Some(bytes) = body.data().await.transpose()? else { return Ok(None) };
    body.flow_control().release_capacity(bytes.len())?;
    Ok(Some(bytes))
}

/// The end of a response: it must say that all went well.
pub async fn end(body: &mut RecvStream) -> Result<(), Failure> {
    is_ok(&body.trailers().await?.unwrap_or_default(), true)
}

fn is_ok(headers: &HeaderMap, required: bool) -> Result<(), Failure> {
    match headers.get("grpc-status").map(HeaderValue::as_bytes) {
        Some(b"0") => Ok(()),
        None if !required => Ok(()),
        other => {
            let message = headers.get("grpc-message").map(|message| String::from_utf8_lossy(message.as_bytes()));
            Err(io::Error::other(format!("grpc-status {other:?}: {message:?}")).into())
        }
    }
}
