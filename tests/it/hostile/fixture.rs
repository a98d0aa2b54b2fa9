//! A registry, and ways to connect to it.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cpss_registry::server::setup;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::tls::tls_server::{TlsServer, client, client_config};

/// Approximate bytes that a connection and its handshake use on the link.
const CONNECTION_BYTES: usize = 256;
const HANDSHAKE_BYTES: usize = 2048;

/// Counts of what all peers have done.
#[derive(Debug, Default)]
pub struct Done {
    pub connections: AtomicU64,
    pub writes: AtomicU64,
    pub bytes: AtomicU64,
}

/// The link that all peers share, one at a time.
struct Line {
    bytes_per_second: f64,
    is_free_at: Mutex<Instant>,
    is_open: watch::Sender<bool>,
}

impl Line {
    /// Waits until this many bytes have passed over the link.
    async fn take(&self, bytes: usize) {
        drop(self.is_open.subscribe().wait_for(|is_open| *is_open).await);
        #[expect(clippy::cast_precision_loss, reason = "a rate, not an exact count")]
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second);
        let until = {
            let mut is_free_at = self.is_free_at.lock().unwrap();
            *is_free_at = (*is_free_at).max(Instant::now()) + takes;
            *is_free_at
        };
        tokio::time::sleep_until(until.into()).await;
    }
}

/// A peer's way to the registry.
#[derive(Clone)]
pub struct Way {
    address: SocketAddr,
    unauthenticated: Arc<ClientConfig>,
    client: Arc<ClientConfig>,
    line: Arc<Line>,
    pub done: Arc<Done>,
}

impl Way {
    /// The way of unauthenticated peers and of one malicious client on the list, over a link of this many Mbit/s.
    pub async fn to(place: &TlsServer, mbits: u32) -> Way {
        setup::add_client(place.directory(), &client("greedy", "payer")).unwrap();
        place.hang_up_until("loaded the list of clients").await;
        Way {
            address: place.process.listening(),
            unauthenticated: Arc::new(client_config(place.directory(), None, &["h2"])),
            client: Arc::new(client_config(place.directory(), Some("greedy"), &["h2"])),
            line: Arc::new(Line {
                bytes_per_second: f64::from(mbits) * 1e6 / 8.0,
                is_free_at: Mutex::new(Instant::now()),
                is_open: watch::Sender::new(true),
            }),
            done: Arc::default(),
        }
    }

    /// Lets the peers continue, or pauses them while they keep their connections.
    pub fn let_them(&self, go_on: bool) {
        self.line.is_open.send_replace(go_on);
    }

    /// A connection without any bytes sent. Peers use many addresses, because one would run out of ports.
    pub async fn tcp(&self) -> io::Result<TcpStream> {
        self.line.take(CONNECTION_BYTES).await;
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::new(127, 1, 0, fastrand::u8(1..=100)), 0).into())?;
        let stream = socket.connect(self.address).await?;
        self.done.connections.fetch_add(1, Ordering::Relaxed);
        Ok(stream)
    }

    /// Sends bytes to the registry.
    pub async fn send(&self, stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
        self.line.take(bytes.len()).await;
        stream.write_all(bytes).await?;
        stream.flush().await?;
        self.done.writes.fetch_add(1, Ordering::Relaxed);
        self.done.bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// A connection without a client certificate.
    pub async fn unauthenticated(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect(&self.unauthenticated).await
    }

    /// A connection of the malicious client.
    pub async fn client(&self) -> io::Result<TlsStream<TcpStream>> {
        self.connect(&self.client).await
    }

    async fn connect(&self, config: &Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
        let stream = self.tcp().await?;
        self.line.take(HANDSHAKE_BYTES).await;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::clone(config)).connect(name, stream).await
    }
}
