//! The same benchmarks over mTLS: all layers are enabled, and both servers use the certificates of one place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cpss_registry::registry::clock;
use cpss_registry::server::listener::certificates::CertificateFiles;
use cpss_registry::server::setup::{self, FIRST_CLIENT, Setup};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;

use super::wire::Failure;

/// The files that `init` created: an authority, the server's certificate, and a registrar's.
pub struct Place(TempDir);

impl Place {
    pub fn new(data_dir: &Path) -> Result<Place, Failure> {
        let directory = tempfile::tempdir()?;
        let any = "127.0.0.1:0".to_owned();
        let data_dir = Some(data_dir.to_owned());
        let hosts = vec!["127.0.0.1".to_owned()];
        let setup =
            Setup { hosts, listen: any.clone(), ops_listen: any, data_dir, registry: None, log: None, days: 30 };
        setup::set_up(directory.path(), &setup)?;
        Ok(Place(directory))
    }

    pub fn directory(&self) -> &Path {
        self.0.path()
    }

    pub fn config(&self) -> PathBuf {
        self.directory().join("config.toml")
    }

    /// The TLS configuration of the registrar.
    pub fn registrar(&self) -> Result<Arc<ClientConfig>, Failure> {
        let file = |name: &str| self.directory().join(name);
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(file("ca.crt"))?)?;
        let chain = vec![CertificateDer::from_pem_file(file(&format!("{FIRST_CLIENT}.crt")))?];
        let key = PrivateKeyDer::from_pem_file(file(&format!("{FIRST_CLIENT}.key")))?;
        let provider = Arc::new(crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = config.with_root_certificates(roots).with_client_auth_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Arc::new(config))
    }
}

/// Connections to the echo server, with the same handshake as the registry.
pub fn incoming(
    listener: TcpListener,
    place: &Path,
) -> Result<ReceiverStream<std::io::Result<TlsStream<TcpStream>>>, Failure> {
    let file = |name: &str| place.join(name);
    let files =
        CertificateFiles { certificate: file("server.crt"), key: file("server.key"), client_ca: Some(file("ca.crt")) };
    let tls = files.read(clock::now())?.tls;
    let (met, connections) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (tls, met) = (Arc::clone(&tls), met.clone());
            tokio::spawn(async move {
                drop(stream.set_nodelay(true));
                let shaken = TlsAcceptor::from(tls).accept(stream).await;
                drop(met.send(shaken).await);
            });
        }
    });
    Ok(ReceiverStream::new(connections))
}
