//! The log that is watched: a registry's HTTP port, read over HTTP/1.1 without an identity.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CACHE_CONTROL, HOST};
use http::{HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use prost::bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::cli::failure::Failure;
use crate::proof::jwk::Jwks;
use crate::proof::tree::{Hash, Note, Tile};

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The maximum size of an answer.
const ANSWER_BYTES: usize = 1024 * 1024;

/// How often a request is sent again that was too fast, or whose connection broke, and the pause before.
const TRIES: u32 = 30;
const PAUSE: Duration = Duration::from_secs(1);

/// The log cannot be read now. It says nothing about its contents.
#[derive(Debug, thiserror::Error)]
#[error("{url}: {why}")]
pub(super) struct Unreachable {
    url: String,
    why: String,
}

/// The log that is watched.
pub(super) struct Origin {
    url: Uri,
    tls: Option<TlsConnector>,
    connection: Option<Connection>,
}

/// A connection, which ends when this is dropped.
struct Connection {
    requests: SendRequest<Empty<Bytes>>,
    driver: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Origin {
    /// The log at a URL. `ca` is the authority of its certificate, beside those that this machine trusts.
    pub fn new(url: &str, ca: Option<&Path>) -> Result<Origin, Failure> {
        let not_a_url = || {
            let example = "https://registry.example.org:8443";
            Failure::usage(vec![format!("--origin: `{url}` is not a URL of a registry's HTTP port, such as {example}")])
        };
        let uri: Uri = url.trim_end_matches('/').parse().map_err(|_| not_a_url())?;
        let tls = match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(_)) => None,
            (Some("https"), Some(_)) => Some(connector(ca)?),
            _ => return Err(not_a_url()),
        };
        Ok(Origin { url: uri, tls, connection: None })
    }

    /// The latest checkpoint, as text.
    pub async fn checkpoint(&mut self) -> Result<String, Unreachable> {
        let path = "/log/checkpoint";
        let bytes = self.get(path).await?;
        // The page of a proxy says nothing about the log.
        let note = String::from_utf8(bytes).ok().filter(|note| Note::read(note).is_ok());
        note.ok_or_else(|| self.failed(path, "the answer is no signed note"))
    }

    /// The hashes of a tile.
    pub async fn tile(&mut self, tile: Tile) -> Result<Vec<Hash>, Unreachable> {
        let path = format!("/log/tile/{tile}");
        let bytes = self.get(&path).await?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        if rest.is_empty() && hashes.len() as u64 == tile.width {
            return Ok(hashes.to_vec());
        }
        Err(self.failed(&path, "the tile has the wrong length"))
    }

    /// The public keys of checkpoints that the log publishes.
    pub async fn keys(&mut self) -> Result<Vec<[u8; 32]>, Unreachable> {
        let path = "/.well-known/jwks.json";
        let bytes = self.get(path).await?;
        let text = String::from_utf8_lossy(&bytes);
        let keys = Jwks::parse(&text).map_err(|error| self.failed(path, &error.to_string()))?;
        Ok(keys.of_checkpoints().collect())
    }

    async fn get(&mut self, path: &str) -> Result<Vec<u8>, Unreachable> {
        let mut why = String::new();
        for tried in 0..TRIES {
            if tried > 0 {
                sleep(PAUSE).await;
            }
            match timeout(PATIENCE, self.exchange(path)).await {
                Ok(Ok((StatusCode::OK, bytes))) => return Ok(bytes),
                Ok(Ok((StatusCode::TOO_MANY_REQUESTS, _))) => "too many requests".clone_into(&mut why),
                Ok(Ok((status, bytes))) => {
                    return Err(self.failed(path, &format!("{status}: {}", String::from_utf8_lossy(&bytes).trim())));
                }
                // The registry ends connections without an identity after a while. A new one is made at once.
                Ok(Err(error)) if tried < 2 => why = error.to_string(),
                Ok(Err(error)) => return Err(self.failed(path, &error.to_string())),
                Err(_) => return Err(self.failed(path, "no answer in time")),
            }
        }
        Err(self.failed(path, &why))
    }

    /// Sends a request, and reads the answer. The connection is used again only after a whole answer.
    async fn exchange(
        &mut self,
        path: &str,
    ) -> Result<(StatusCode, Vec<u8>), Box<dyn std::error::Error + Send + Sync>> {
        let mut connection = match self.connection.take().filter(|connection| !connection.requests.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let prefix = self.url.path().trim_end_matches('/');
        let authority = self.url.authority().map_or("", http::uri::Authority::as_str);
        let request = Request::get(format!("{prefix}{path}"))
            .header(HOST, HeaderValue::from_str(authority)?)
            // After a restore, a cache on the way has tiles of the earlier epoch.
            .header(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
            .body(Empty::new())?;
        connection.requests.ready().await?;
        let response = connection.requests.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await?.to_bytes();
        self.connection = Some(connection);
        Ok((status, body.to_vec()))
    }

    async fn connect(&self) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>> {
        let host = self.url.host().unwrap_or_default();
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = self.url.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            Some(tls) => over(tls.connect(ServerName::try_from(host.to_owned())?, stream).await?).await,
            None => over(stream).await,
        }
    }

    fn failed(&self, path: &str, why: &str) -> Unreachable {
        Unreachable { url: format!("{}{path}", self.url.to_string().trim_end_matches('/')), why: why.to_owned() }
    }
}

async fn over<S>(stream: S) -> Result<Connection, Box<dyn std::error::Error + Send + Sync>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (requests, connection) = handshake(TokioIo::new(stream)).await?;
    // Its errors come with the request, too.
    let driver = tokio::spawn(async move { drop(connection.await) });
    Ok(Connection { requests, driver })
}

fn connector(ca: Option<&Path>) -> Result<TlsConnector, Failure> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(path) = ca {
        let unusable =
            |error: &(dyn std::error::Error + 'static)| Failure::of(format!("--ca {}", path.display()), error);
        let certificates = CertificateDer::pem_file_iter(path).map_err(|error| unusable(&error))?;
        for certificate in certificates {
            roots.add(certificate.map_err(|error| unusable(&error))?).map_err(|error| unusable(&error))?;
        }
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|error| Failure::of("cannot use TLS", &error))?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(config)))
}
