//! A registry, and the ways to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use cpss_registry::server::setup;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, crypto};

use crate::tls::place::{Place, client};

/// How a peer gets to the registry.
#[derive(Clone)]
pub struct Way {
    pub address: SocketAddr,
    stranger: Arc<ClientConfig>,
    client: Arc<ClientConfig>,
}

impl Way {
    /// The way of strangers, and of one client that is on the list and means harm.
    pub async fn to(place: &Place) -> Way {
        setup::add_client(place.directory(), &client("greedy", "payer")).unwrap();
        place.hang_up_until("list of clients taken").await;
        Way {
            address: place.process.listening(),
            stranger: Arc::new(config(place, None)),
            client: Arc::new(config(place, Some("greedy"))),
        }
    }

    /// A connection that shows no certificate.
    pub async fn stranger(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect(&self.stranger).await
    }

    /// A connection of the client that means harm.
    pub async fn client(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect(&self.client).await
    }

    async fn connect(&self, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(config)).connect(name, stream).await
    }
}

fn config(place: &Place, name: Option<&str>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(place.read("ca.crt").as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots);
    let mut config = match name {
        None => config.with_no_client_auth(),
        Some(name) => {
            let read = |kind: &str| place.read(&format!("{name}.{kind}"));
            let chain = CertificateDer::pem_slice_iter(read("crt").as_bytes()).map(Result::unwrap).collect();
            let key = PrivateKeyDer::from_pem_slice(read("key").as_bytes()).unwrap();
            config.with_client_auth_cert(chain, key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    config
}
