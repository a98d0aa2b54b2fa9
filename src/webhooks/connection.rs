//! Posts to a receiver: HTTP/1.1 over TLS, to an address that was checked. Nothing is followed: no redirect, no proxy,
//! no cookie.

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
use tokio_rustls::rustls::{self, CertificateError, OtherError};

use super::address::is_public;

/// How long a receiver may take to answer, from the lookup of its name on.
const PATIENCE: Duration = Duration::from_secs(10);

/// How much of the body of an answer is read, and how long that may take. The status alone counts: the rest is only
/// read so that the connection can be used again.
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
    /// It is at an address of this machine.
    #[error("its address is of this machine, and the entry of the client does not say `allow_local = true`")]
    Own,
    /// It does not accept connections.
    #[error("cannot connect: {0}")]
    Connect(#[source] io::Error),
    /// Its certificate is the one of the authority.
    #[error(
        "no TLS: the receiver has the certificate of the authority: it needs a certificate that the authority signs, \
         and `ca` names the authority"
    )]
    Authority,
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
        let stream = reach(&self.addresses().await?, self.allow_local, PATIENCE).await?;
        let stream = self.tls.connect(self.name.clone(), stream).await.map_err(no_tls)?;
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

/// Into how many shares the time to connect is divided, at most.
const MOST_SHARES: u32 = 5;

/// Connects to the first address that accepts, within this time. Each address has an equal share of it, and so has what
/// comes after, so that one that does not answer leaves time for the others. Of many addresses, the first few have a
/// fifth of the time each: a lost packet is sent again after a second.
async fn reach(addresses: &[SocketAddr], allow_local: bool, patience: Duration) -> Result<TcpStream, PostError> {
    let shares = u32::try_from(addresses.len()).unwrap_or(u32::MAX).saturating_add(1).min(MOST_SHARES);
    let mut refused = PostError::Connect(io::ErrorKind::AddrNotAvailable.into());
    for address in addresses {
        match timeout(patience / shares, TcpStream::connect(address)).await {
            // The machine may have an address of the Internet itself. From there it connects to no other host.
            Ok(Ok(stream)) if !allow_local && is_within(&stream) => refused = PostError::Own,
            Ok(Ok(stream)) => {
                // Without it, a small request may wait for an acknowledgment. It is a matter of speed only.
                drop(stream.set_nodelay(true));
                return Ok(stream);
            }
            Ok(Err(error)) => refused = PostError::Connect(error),
            Err(_) => refused = PostError::Connect(io::ErrorKind::TimedOut.into()),
        }
    }
    Err(refused)
}

/// True if a connection does not leave this machine, or if that is not known.
fn is_within(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(local), Ok(peer)) => local.ip() == peer.ip(),
        _ => true,
    }
}

/// Why a handshake failed.
fn no_tls(error: io::Error) -> PostError {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(cause))))
            if format!("{cause:?}") == "CaUsedAsEndEntity" =>
        {
            PostError::Authority
        }
        _ => PostError::Tls(error),
    }
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
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use tokio::net::{TcpListener, TcpSocket};
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

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

    /// A port that does not answer: the connections that wait to be accepted are full. They end when they are dropped.
    async fn silent() -> (SocketAddr, TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
            waiting.push(stream.unwrap());
        }
        (address, listener, waiting)
    }

    #[tokio::test]
    async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
        let (silent, _silent, _waiting) = silent().await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = listener.local_addr().unwrap();
        let patience = Duration::from_secs(3);
        let reached = timeout(patience, reach(&[silent, answers], true, patience)).await;
        assert_eq!(reached.expect("in time").unwrap().peer_addr().unwrap(), answers);
        let missed = timeout(patience, reach(&[silent], true, patience)).await.expect("in time");
        assert!(matches!(missed, Err(PostError::Connect(error)) if error.kind() == io::ErrorKind::TimedOut));
    }

    #[tokio::test]
    async fn an_address_of_this_machine_is_left_at_once_whatever_its_range_unless_it_is_allowed() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = [listener.local_addr().unwrap()];
        let refused = reach(&own, false, PATIENCE).await;
        assert!(matches!(refused, Err(PostError::Own)), "{refused:?}");
        reach(&own, true, PATIENCE).await.unwrap();
    }

    #[tokio::test]
    async fn a_receiver_with_the_certificate_of_the_authority_itself_is_told_what_to_do() {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = params.self_signed(&key).unwrap().der().clone();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(ring::default_provider().into());
        let config = config.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let acceptor =
            TlsAcceptor::from(std::sync::Arc::new(config.with_single_cert(vec![authority.clone()], key).unwrap()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            acceptor.accept(stream).await.map(drop)
        });
        let mut receiver = Receiver::new(url.parse().unwrap(), tls::connector(vec![authority]).unwrap(), true).unwrap();
        let refused = receiver.post(Vec::new(), Bytes::new()).await;
        assert!(matches!(refused, Err(PostError::Authority)), "{refused:?}");
        drop(serving.await);
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
