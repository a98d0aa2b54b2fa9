//! Requests to the HTTP port, of a development server or over TLS.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use cpss_registry::server::config::{Config, Flags};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::harness::http1::{Answer, exchange, request};
use crate::harness::{NOT_ON_FILE, TODAY, TestServer};
use crate::tls::tls_server::{client_config, set_up};

/// The path of a method whose request is personal, and of one that may be sent in a URL.
pub const VERIFY: &str = "/ms.dmh.credential.v1.VerificationService/VerifyCredential";
pub const RULES: &str = "/ms.dmh.credential.v1.CredentialService/ListRuleSets?encoding=json&message=%7B%7D";

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
    secured_for(None).await
}

/// A server with TLS that pages of these origins may call.
pub async fn secured_for(origins: Option<&str>) -> TestServer {
    let directory = tempfile::tempdir().unwrap();
    set_up(directory.path());
    let path = directory.path().join("config.toml").to_str().unwrap().to_owned();
    let http_listen = Some("127.0.0.1:0".to_owned());
    let http_origins = origins.map(str::to_owned);
    let config = Config::read(&Flags { config: Some(path), http_listen, http_origins, ..Flags::default() }).unwrap();
    TestServer::start_configured(directory, config).await
}

/// A connection with TLS, and with the certificate of this name.
pub async fn connect(directory: &Path, address: SocketAddr, shown: Option<&str>) -> TlsStream<TcpStream> {
    let config = client_config(directory, shown, &[]);
    let stream = TcpStream::connect(address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
}
