//! The listener: accepts connections, runs their handshakes concurrently, and hands them to the workers.
//!
//! A silent peer blocks nobody: each handshake runs in its own task and has a deadline. A connection is unauthenticated
//! until a client of the list calls on it. When there are too many unauthenticated connections, the oldest is closed,
//! so that they cannot keep clients out.

mod authorities;
mod certificate_error;
pub mod certificates;
mod expiries;
mod handshakes;
mod places;
mod reload;
pub(super) mod validity;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsAcceptor;

use self::certificates::Certificates;
pub(super) use self::expiries::{CertificateExpiries, EXPIRES_SOON};
use self::handshakes::Handshakes;
pub(super) use self::places::Places;
pub(super) use self::reload::{Loaded, ReloadRequests, Watch};
use super::connection::{Connection, Protocol, UNAUTHENTICATED_TIMEOUT, Unauthenticated, Wire};
use super::connection_counts::{ConnectionCounts, Counted};
use super::connection_set::Slot;
use super::workers::{Worker, Workers};
use crate::auth::Identities;
use crate::auth::peer::{Certificate, Peer};
use crate::auth::quotas::Quotas;
use crate::registry::clock;
use crate::registry::incident::Incident;
use crate::telemetry::metrics::{HandshakeFailure, Metrics};

/// The deadline of a handshake.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// The pause after the machine runs out of file descriptors.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(100);

/// The certificates for handshakes. They are replaced when their files change.
pub(super) type Tls = Arc<ArcSwap<Certificates>>;

/// The configuration of a listener.
#[derive(Clone)]
pub(super) struct Listener {
    pub protocol: Protocol,
    /// None on a development server, which speaks plaintext.
    pub tls: Option<Tls>,
    pub identities: Identities,
    /// The quotas of the clients. A connection is counted as soon as its client is known.
    pub quotas: Quotas,
    pub metrics: Arc<Metrics>,
    /// The connections that it has opened.
    pub connections: ConnectionCounts,
    /// Where the expiries of the certificates are noted that clients show.
    pub expiries: CertificateExpiries,
    /// The places for connections, which all listeners of the server share.
    pub places: Places,
}

impl Listener {
    /// Accepts connections and hands them to the workers, until the workers accept no more. `alive` is dropped when
    /// that ends, also after a panic.
    pub(super) fn open(self, listener: TcpListener, workers: Workers, alive: impl Send + 'static) -> io::Result<()> {
        let handshakes = Handshakes::start()?;
        tokio::spawn(async move {
            let _alive = alive;
            self.accept_all(listener, handshakes, workers).await;
        });
        Ok(())
    }

    async fn accept_all(self, listener: TcpListener, handshakes: Handshakes, workers: Workers) {
        let (full, exhausted) = (Incident::new(), Incident::new());
        loop {
            // Calls go first, however many connections arrive at once.
            tokio::task::yield_now().await;
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // The server drains. Handshakes in progress are canceled.
                () = workers.closed() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_peer_error(&error) => continue,
                Err(error) => {
                    warn_of_refused_accept(&exhausted, &error);
                    tokio::time::sleep(EXHAUSTED_PAUSE).await;
                    continue;
                }
            };
            let permit = self.places.take();
            if permit.is_none()
                && let Some(times) = full.occurred()
            {
                tracing::warn!(
                    event = "connections_exhausted",
                    times,
                    most = self.places.most(),
                    "connection limit reached: new connections are refused"
                );
            }
            // Not when the first connection ends: a new one would take its place at once.
            if self.places.has_room() && full.resolve() {
                tracing::info!(event = "connections_recovered", "connections are accepted again");
            }
            let (Some(permit), Some(worker)) = (permit, workers.least_loaded()) else { continue };
            let (slot, permit) = (self.places.unauthenticated(), (permit, self.connections.add()));
            match on_worker(&worker, stream, slot) {
                Ok((stream, unauthenticated)) => {
                    handshakes.spawn(self.clone().set_up(stream, address, unauthenticated, permit, worker));
                }
                Err(error) => {
                    warn_of_refused_accept(&exhausted, &error);
                }
            }
        }
    }

    /// Runs the handshake, and hands the connection to the worker.
    async fn set_up(
        self,
        stream: TcpStream,
        address: SocketAddr,
        mut unauthenticated: Unauthenticated,
        permit: (OwnedSemaphorePermit, Counted),
        worker: Worker,
    ) {
        let handshake = tokio::select! {
            handshake = tokio::time::timeout(HANDSHAKE_TIME, self.handshake(stream, address)) => handshake,
            () = unauthenticated.expired() => return self.metrics.handshake_failed(HandshakeFailure::Displaced),
        };
        match handshake {
            Ok(Ok((wire, peer))) => {
                let slot = worker.slot();
                worker.hand_over(Connection::new(wire, self.protocol, peer, unauthenticated, permit, slot)).await;
            }
            Ok(Err(error)) => {
                self.metrics.handshake_failed(failure(&error));
                log_failed_handshake(address, &error);
            }
            Err(_) => {
                self.metrics.handshake_failed(HandshakeFailure::Timeout);
                static TOO_SLOW: Incident = Incident::new();
                if let Some(times) = TOO_SLOW.occurred() {
                    tracing::info!(event = "tls_handshake_timeout", times, peer = %address, "TLS handshake timed out");
                }
            }
        }
    }

    async fn handshake(&self, stream: TcpStream, address: SocketAddr) -> io::Result<(Wire, Peer)> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            let peer = Peer::new(address, None);
            // With a limit on connections, the first call shows whose connection this is.
            if self.quotas.limits().connections.is_none() {
                peer.admit_without_limit();
            }
            return Ok((Wire::Plain(stream), peer));
        };
        let Certificates { tls, http_tls, authorities, .. } = &*tls.load_full();
        let tls = if self.protocol == Protocol::Http { http_tls } else { tls };
        let stream = TlsAcceptor::from(Arc::clone(tls)).accept(stream).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
        let shown = chain.first().zip(authorities.signer_of(chain));
        let mut expires = 0;
        let expiry = |second| {
            expires = second;
            instant(second)
        };
        let certificate = shown.map(|(der, signer)| Certificate::read(der, Arc::clone(signer), expiry)).transpose();
        let certificate = certificate.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let peer = Peer::new(address, certificate);
        self.identities.recognize(&peer, &self.quotas);
        if let Some(certificate) = peer.certificate().filter(|_| peer.is_known())
            && let Some(uri) = certificate.uris.first()
        {
            self.expiries.shown(uri, validity::timestamp(expires));
            authorities.report_earlier(uri, &certificate.authority);
        }
        Ok((Wire::Tls(Box::new(stream)), peer))
    }
}

/// Why a handshake ended with an error.
fn failure(error: &io::Error) -> HandshakeFailure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            HandshakeFailure::Disconnected
        }
        _ => HandshakeFailure::Tls,
    }
}

/// Logs a failed handshake. At most one per minute is logged, with the number of failures since the last one.
fn log_failed_handshake(peer: SocketAddr, error: &io::Error) {
    static FAILED: Incident = Incident::new();
    if let Some(times) = FAILED.occurred() {
        tracing::info!(event = "tls_handshake_failed", times, %peer, error = error as &dyn std::error::Error, "TLS handshake failed");
    }
}

/// Registers a connection and its timeout with the runtime of its worker, so that they wake that worker.
fn on_worker(worker: &Worker, stream: TcpStream, slot: Slot) -> io::Result<(TcpStream, Unauthenticated)> {
    let stream = stream.into_std()?;
    let _worker = worker.enter();
    Ok((TcpStream::from_std(stream)?, Unauthenticated::new(UNAUTHENTICATED_TIMEOUT, slot)))
}

/// Converts seconds since 1970 to an instant, by the current clock.
fn instant(second: i64) -> Instant {
    let left = u64::try_from(second.saturating_sub(clock::now().as_second())).unwrap_or(0);
    let now = Instant::now();
    // A time that does not fit is far beyond the life of this connection.
    now.checked_add(Duration::from_secs(left)).unwrap_or(now + Duration::from_secs(u64::from(u32::MAX)))
}

/// True if accepting failed because of that one connection.
fn is_peer_error(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Logs, at a limited rate, that the machine refuses connections.
fn warn_of_refused_accept(exhausted: &Incident, error: &io::Error) {
    if let Some(times) = exhausted.occurred() {
        tracing::warn!(
            event = "accept_failed",
            times,
            error = error as &dyn std::error::Error,
            "cannot accept a connection"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use tokio::io::AsyncReadExt as _;
    use tokio::runtime::Handle;
    use tokio::sync::mpsc::Receiver;

    use super::*;
    use crate::auth::quotas::Limits;

    fn plain() -> Listener {
        Listener {
            protocol: Protocol::Grpc,
            tls: None,
            identities: Identities::Dev,
            quotas: Quotas::default(),
            metrics: Arc::default(),
            connections: ConnectionCounts::default(),
            expiries: CertificateExpiries::default(),
            places: Places::default(),
        }
    }

    #[tokio::test]
    async fn connections_beyond_the_limit_are_refused_until_one_ends() {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let opened = plain();
        let most = opened.places.most();
        let (worker, mut taken) = Worker::on(Handle::current());
        opened.open(listener, Workers::of(vec![worker]), ()).unwrap();
        let (mut held, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..most {
            peers.push(TcpStream::connect(address).await.unwrap());
            held.push(tokio::time::timeout(HANDSHAKE_TIME, taken.recv()).await.unwrap().unwrap());
        }
        let mut one_too_many = TcpStream::connect(address).await.unwrap();
        let closed = tokio::time::timeout(HANDSHAKE_TIME, one_too_many.read(&mut [0; 1])).await;
        assert_eq!(closed.expect("it is closed").unwrap(), 0);
        held.pop();
        let _another = TcpStream::connect(address).await.unwrap();
        assert!(tokio::time::timeout(HANDSHAKE_TIME, taken.recv()).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn listeners_of_a_server_share_the_places_for_connections() {
        // With a limit on connections, a connection is unauthenticated until its first call.
        let quotas = Quotas::new(Limits { connections: NonZeroU32::new(9), ..Limits::default() });
        let grpc = Listener { places: Places::with(3, 2), quotas, ..plain() };
        let http = Listener { protocol: Protocol::Http, ..grpc.clone() };
        let (worker, mut taken) = Worker::on(Handle::current());
        let workers = Workers::of(vec![worker]);
        let (mut ports, mut peers) = (Vec::new(), Vec::new());
        for opened in [grpc, http] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            ports.push(listener.local_addr().unwrap());
            opened.open(listener, workers.clone(), ()).unwrap();
        }
        let mut held = Vec::new();
        for port in [ports[0], ports[1], ports[1]] {
            peers.push(TcpStream::connect(port).await.unwrap());
            let mut taken = tokio::time::timeout(HANDSHAKE_TIME, taken.recv()).await.unwrap().unwrap();
            let kept = tokio::time::timeout(Duration::from_millis(1), taken.read(&mut [0; 1])).await;
            assert!(kept.is_err(), "a connection is open although nothing comes: {kept:?}");
            held.push(taken);
        }
        // The oldest of the unauthenticated ones made room, on whichever port it came.
        let closed = tokio::time::timeout(HANDSHAKE_TIME, held[0].read(&mut [0; 1])).await.unwrap();
        assert_eq!(closed.unwrap_err().kind(), io::ErrorKind::TimedOut);
        for port in ports {
            let mut one_too_many = TcpStream::connect(port).await.unwrap();
            let closed = tokio::time::timeout(HANDSHAKE_TIME, one_too_many.read(&mut [0; 1])).await;
            assert_eq!(closed.expect("it is closed").unwrap(), 0);
        }
    }

    #[tokio::test]
    async fn a_connection_is_given_to_the_worker_with_the_fewest() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let opened = plain();
        let ((one, mut on_one), (other, mut on_other)) = (Worker::on(Handle::current()), Worker::on(Handle::current()));
        opened.open(listener, Workers::of(vec![one, other]), ()).unwrap();
        let mut peers = Vec::new();
        let mut come = async |worker: &mut Receiver<Connection>| {
            peers.push(TcpStream::connect(address).await.unwrap());
            let taken = tokio::time::timeout(HANDSHAKE_TIME, worker.recv()).await;
            taken.expect("it is on this worker").unwrap()
        };
        let first = come(&mut on_one).await;
        let _second = come(&mut on_other).await;
        let _third = come(&mut on_one).await;
        let _fourth = come(&mut on_other).await;
        drop(first);
        let _fifth = come(&mut on_one).await;
    }
}
