//! Posts to a receiver: HTTP/1.1 over TLS, to an address that was checked. Nothing is followed: no redirect, no proxy, no
//! cookie.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use prost::bytes::Bytes;
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::address::is_public;

/// How long a receiver may take to answer, from the lookup of its name on.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of the body of an answer is read, and how long that may take. The status alone counts: the rest is only read
/// so that the connection can be used again.
const ANSWER_BYTES: usize = 1024;
const ANSWER_TIME: Duration = Duration::from_secs(1);

/// The maximum size of the head of an answer.
const HEAD_BYTES: usize = 16 * 1024;

/// Why a post was not answered.
#[derive(Debug, thiserror::Error)]
pub(super) enum PostError {
    /// Its name cannot be resolved.
    #[error("its name cannot be resolved: {0}")]
    Name(#[source] io::Error),
    /// All its addresses are of this machine, its link, or a private network.
    #[error("its address is local or private, and the entry of the client does not say `allow_local = true`")]
    Local,
    /// It does not accept connections.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// The handshake failed.
    #[error("no TLS: {0}")]
    Tls(#[source] io::Error),
    /// What it sent is no answer, or it closed the connection before the answer.
    #[error("no answer: {0}")]
    Answer(#[from] hyper::Error),
    /// It took too long.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Late,
}

/// A receiver, with the connection to it.
pub(super) struct Receiver {
    url: Uri,
    name: ServerName<'static>,
    tls: TlsConnector,
    allow_local: bool,
    connection: Option<Connection>,
}

/// A connection, which ends when this is dropped.
struct Connection {
    requests: SendRequest<Full<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Receiver {
    /// A receiver at an `https` URL. None if its host is not a name or an address.
    pub(super) fn new(url: Uri, tls: TlsConnector, allow_local: bool) -> Option<Receiver> {
        let name = ServerName::try_from(host(&url).to_owned()).ok()?;
        Some(Receiver { url, name, tls, allow_local, connection: None })
    }

    /// Posts JSON, and returns the status of the answer.
    pub(super) async fn post(
        &mut self,
        headers: Vec<(HeaderName, HeaderValue)>,
        body: Bytes,
    ) -> Result<StatusCode, PostError> {
        // Whatever fails, the connection is not used again.
        let connection = self.connection.take().filter(|connection| !connection.requests.is_closed());
        let answered = timeout(PATIENCE, self.exchange(connection, self.request(headers, body))).await;
        let (status, rest, connection) = answered.map_err(|_| PostError::Late)??;
        let is_read = timeout(ANSWER_TIME, read_to_end(rest)).await.unwrap_or(false);
        self.connection = Some(connection).filter(|_| is_read);
        Ok(status)
    }

    fn request(&self, headers: Vec<(HeaderName, HeaderValue)>, body: Bytes) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = http::Method::POST;
        let path = self.url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        *request.uri_mut() = path.parse().unwrap_or_default();
        let authority = self.url.authority().map_or("", http::uri::Authority::as_str);
        // An authority of a URL is a valid header.
        if let Ok(host) = HeaderValue::from_str(authority) {
            request.headers_mut().insert(http::header::HOST, host);
        }
        request.headers_mut().extend(headers);
        request
    }

    async fn exchange(
        &self,
        connection: Option<Connection>,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Incoming, Connection), PostError> {
        let mut connection = match connection {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.requests.ready().await?;
        let response = connection.requests.send_request(request).await?;
        Ok((response.status(), response.into_body(), connection))
    }

    async fn connect(&self) -> Result<Connection, PostError> {
        let stream = reach(&self.addresses().await?).await?;
        let stream = self.tls.connect(self.name.clone(), stream).await.map_err(PostError::Tls)?;
        let (requests, connection) = Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
        // Its errors come with the request, too.
        let driver = tokio::spawn(async move { drop(connection.await) });
        Ok(Connection { requests, driver })
    }

    /// The addresses that may be reached. They are resolved once, so that what was checked is what is reached.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, PostError> {
        let port = self.url.port_u16().unwrap_or(443);
        let found = lookup_host((host(&self.url), port)).await.map_err(PostError::Name)?;
        let allowed: Vec<_> = found.filter(|address| self.allow_local || is_public(address.ip())).collect();
        if allowed.is_empty() { Err(PostError::Local) } else { Ok(allowed) }
    }
}

/// The host of a URL, without the brackets of an IPv6 address.
fn host(url: &Uri) -> &str {
    let host = url.host().unwrap_or_default();
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// Connects to the first address that accepts.
async fn reach(addresses: &[SocketAddr]) -> Result<TcpStream, PostError> {
    let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Without it, a small request may wait for an acknowledgment. It is a matter of speed only.
                drop(stream.set_nodelay(true));
                return Ok(stream);
            }
            Err(error) => refused = error,
        }
    }
    Err(PostError::Connect(refused))
}

/// Reads the body of an answer. False if it is too long or breaks off.
async fn read_to_end(mut body: Incoming) -> bool {
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return false };
        bytes += frame.data_ref().map_or(0, Bytes::len);
        if bytes > ANSWER_BYTES {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::tls;
    use super::*;

    fn receiver(url: &str, allow_local: bool) -> Receiver {
        Receiver::new(url.parse().unwrap(), tls::connector(Vec::new()).unwrap(), allow_local).unwrap()
    }

    #[tokio::test]
    async fn a_local_address_is_refused_after_its_name_was_resolved_unless_it_is_allowed() {
        for url in ["https://localhost:4/", "https://127.0.0.1:4/", "https://[::1]:4/", "https://10.0.0.1/"] {
            let addresses = receiver(url, false).addresses().await;
            assert!(matches!(addresses, Err(PostError::Local)), "{url}: {addresses:?}");
            let addresses = receiver(url, true).addresses().await.unwrap();
            assert!(addresses.iter().all(|address| !is_public(address.ip())), "{url}: {addresses:?}");
        }
        assert_eq!(receiver("https://8.8.8.8/", false).addresses().await.unwrap(), ["8.8.8.8:443".parse().unwrap()]);
    }

    #[test]
    fn a_request_names_the_host_and_the_path_alone() {
        let request = receiver("https://Example.org:8443/a/b?c=d", false).request(Vec::new(), Bytes::new());
        assert_eq!((request.method(), request.uri().to_string()), (&http::Method::POST, "/a/b?c=d".to_owned()));
        assert_eq!(request.headers()["host"], "Example.org:8443");
        assert_eq!(
            receiver("https://[2600::1]", false).request(Vec::new(), Bytes::new()).headers()["host"],
            "[2600::1]"
        );
    }
}
