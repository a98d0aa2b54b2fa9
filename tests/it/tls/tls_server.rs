//! A registry set up by `init`, in its own process.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use cpss_registry::proto::v1;
use cpss_registry::server::setup::{self, Credentials, NewClient, Setup};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use crate::harness::{Client, NOT_ON_FILE, Process, until};

/// Runs the setup of `init`.
pub fn set_up(directory: &Path) {
    set_up_for(directory, 30);
}

/// Like [`set_up`], with certificates for this many days.
pub fn set_up_for(directory: &Path, days: u32) {
    let any = "127.0.0.1:0".to_owned();
    let setup = Setup { listen: any.clone(), ops_listen: any, days, ..Setup::default() };
    setup::set_up(directory, &setup).unwrap();
}

/// A client to add.
pub fn client(name: &str, role: &str) -> NewClient {
    let provider_id = (role == "provider").then(|| "region-1-cmhc".to_owned());
    NewClient { name: name.to_owned(), role: role.to_owned(), provider_id, uses_token: false, days: 30 }
}

/// A question that every client may ask.
pub fn question() -> v1::VerifyCredentialRequest {
    let subject = v1::verification_item::Subject::CredentialNumber(NOT_ON_FILE.to_owned());
    let item = v1::VerificationItem { subject: Some(subject), ..Default::default() };
    v1::VerifyCredentialRequest { item: Some(item), ..Default::default() }
}

/// How a client connects to a registry that `init` set up in this directory: with the certificate of this name, and
/// with these protocols.
pub fn client_config(directory: &Path, shown: Option<&str>, protocols: &[&str]) -> ClientConfig {
    let read = |name: &str| fs::read(directory.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&read("ca.crt")).unwrap()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = match shown {
        None => config.with_no_client_auth(),
        Some(name) => {
            let chain = read(&format!("{name}.crt"));
            let chain = CertificateDer::pem_slice_iter(&chain).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(&read(&format!("{name}.key"))).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    config
}

/// A running registry set up by `init`.
pub struct TlsServer {
    directory: TempDir,
    pub process: Process,
}

impl TlsServer {
    pub fn start() -> TlsServer {
        TlsServer::start_with(&[])
    }

    /// Like [`TlsServer::start`], with more flags.
    pub fn start_with(flags: &[&str]) -> TlsServer {
        let place = TlsServer::opening(flags);
        place.process.listening();
        place
    }

    /// Like [`TlsServer::start_with`], without waiting for it.
    pub fn opening(flags: &[&str]) -> TlsServer {
        TlsServer::run(&[&["--log-level", "info,access=off"], flags].concat())
    }

    /// Like [`TlsServer::start_with`], with the access log.
    pub fn logging(flags: &[&str]) -> TlsServer {
        let place = TlsServer::run(flags);
        place.process.listening();
        place
    }

    fn run(flags: &[&str]) -> TlsServer {
        let directory = tempfile::tempdir().unwrap();
        set_up(directory.path());
        let config = directory.path().join("config.toml");
        let process = Process::serve_logging(&[], &[&["--config", config.to_str().unwrap()], flags].concat());
        TlsServer { directory, process }
    }

    /// Kills the process, and starts another on the same files, without the flags.
    pub fn kill_and_start(&mut self) {
        self.process.end();
        let config = self.file("config.toml");
        self.process = Process::serve(&["--config", config.to_str().unwrap()]);
        self.process.listening();
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap()
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.process.listening().port())
    }

    /// Adds a client with a token and returns the token. The server has loaded the list when this returns.
    pub async fn add_client_with_token(&self, name: &str, role: &str) -> String {
        let client = NewClient { uses_token: true, ..client(name, role) };
        let Credentials::Token { token } = setup::add_client(self.directory(), &client).unwrap() else {
            panic!("no token")
        };
        self.hang_up_until("loaded the list of clients").await;
        fs::read_to_string(token).unwrap().trim().to_owned()
    }

    /// Makes the server load this list of clients.
    pub async fn take_list(&self, list: &str) {
        fs::write(self.file("clients.toml"), list).unwrap();
        self.hang_up_until("loaded the list of clients").await;
    }

    /// Sends SIGHUP and waits until the server logs this once more than before.
    pub async fn hang_up_until(&self, said: &str) {
        let count = || self.process.log().matches(said).count();
        let before = count();
        self.process.hang_up();
        until(&format!("the line `{said}` in the log"), async || count() > before).await;
    }

    /// An endpoint with the certificate of this name.
    pub fn endpoint(&self, name: Option<&str>) -> Endpoint {
        self.endpoint_with(name.map(|name| (self.read(&format!("{name}.crt")), self.read(&format!("{name}.key")))))
    }

    /// An endpoint with this certificate and key.
    pub fn endpoint_with(&self, shown: Option<(String, String)>) -> Endpoint {
        self.endpoint_of(&self.read("ca.crt"), shown)
    }

    /// An endpoint of a client that trusts these authorities, with this certificate and key.
    pub fn endpoint_of(&self, authorities: &str, shown: Option<(String, String)>) -> Endpoint {
        let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(authorities));
        let tls = match shown {
            Some((certificate, key)) => tls.identity(Identity::from_pem(certificate, key)),
            None => tls,
        };
        Endpoint::from_shared(self.url()).unwrap().tls_config(tls).unwrap()
    }

    /// A client with the certificate of this name.
    pub async fn client(&self, name: &str) -> Client {
        Client::on(self.endpoint(Some(name)).connect().await.unwrap())
    }

    /// A client without a certificate.
    pub async fn unauthenticated(&self) -> Client {
        Client::on(self.endpoint(None).connect().await.unwrap())
    }

    /// The certificate that the server presents now.
    pub async fn shown(&self) -> CertificateDer<'static> {
        let config = client_config(self.directory(), None, &["h2"]);
        let stream = TcpStream::connect(self.process.listening()).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        let connection = stream.get_ref().1;
        assert_eq!(connection.alpn_protocol(), Some(&b"h2"[..]));
        connection.peer_certificates().unwrap()[0].clone()
    }

    /// The certificate in the server's file.
    pub fn on_disk(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.read("server.crt").as_bytes()).unwrap()
    }
}
