//! Requests over HTTP/1.1, byte by byte, so that each header is the test's own.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use cpss_registry::server::config::{Config, Flags};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::harness::{NOT_ON_FILE, TODAY, TestServer, soon};
use crate::tls::tls_server::set_up;

/// The path of a method whose request is personal, and of one that may be sent in a URL.
pub const VERIFY: &str = "/ms.dmh.credential.v1.VerificationService/VerifyCredential";
pub const RULES: &str = "/ms.dmh.credential.v1.CredentialService/ListRuleSets?encoding=json&message=%7B%7D";

/// A response.
pub struct Answer {
    pub status: u16,
    head: String,
    pub body: String,
}

impl Answer {
    fn read(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// A header of it.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }
}

/// A request, as it is sent. `headers` are lines of `name: value`.
pub fn request(method: &str, path: &str, host: &str, headers: &[&str], body: &str) -> String {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// Sends a request and reads until the connection ends.
pub async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    // An end of TLS without its last message is an end, too.
    drop(soon("the end of the answer", stream.read_to_end(&mut bytes)).await);
    Answer::read(&String::from_utf8(bytes).unwrap())
}

/// Sends a request to a development server by its address.
pub async fn send(server: &TestServer, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    send_to(server, &server.http().to_string(), method, path, headers, body).await
}

/// Sends a request to a development server by this name.
pub async fn send_to(
    server: &TestServer,
    host: &str,
    method: &str,
    path: &str,
    headers: &[&str],
    body: &str,
) -> Answer {
    let stream = TcpStream::connect(server.http()).await.unwrap();
    exchange(stream, &request(method, path, host, headers, body)).await
}

/// Asks a question about a number that is not on file.
pub async fn ask(server: &TestServer, headers: &[&str]) -> Answer {
    let headers = [&["content-type: application/json"], headers].concat();
    send(server, "POST", VERIFY, &headers, &question()).await
}

/// The question of [`ask`].
pub fn question() -> String {
    format!("{{\"item\":{{\"credentialNumber\":\"{NOT_ON_FILE}\"}}}}")
}

/// A development server that pages of these origins may call.
pub async fn server_for(origins: Option<&str>) -> TestServer {
    let flags = Flags { http_origins: origins.map(str::to_owned), ..Flags::default() };
    TestServer::start_as(tempfile::tempdir().unwrap(), TODAY, flags).await
}

/// A server with TLS, which `init` set up.
pub async fn secured() -> TestServer {
    let directory = tempfile::tempdir().unwrap();
    set_up(directory.path());
    let path = directory.path().join("config.toml").to_str().unwrap().to_owned();
    let http_listen = Some("127.0.0.1:0".to_owned());
    let config = Config::read(&Flags { config: Some(path), http_listen, ..Flags::default() }).unwrap();
    TestServer::start_configured(directory, config).await
}

/// A connection with TLS, and with the certificate of this name.
pub async fn connect(directory: &Path, address: SocketAddr, shown: Option<&str>) -> TlsStream<TcpStream> {
    let read = |name: &str| fs::read(directory.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&read("ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let config = match shown {
        None => config.with_no_client_auth(),
        Some(name) => {
            let certificate = CertificateDer::from_pem_slice(&read(&format!("{name}.crt"))).unwrap();
            let key = PrivateKeyDer::from_pem_slice(&read(&format!("{name}.key"))).unwrap();
            config.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}
