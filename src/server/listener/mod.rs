//! The listener: takes connections, makes their handshakes beside one another, and hands them to the server.
//!
//! A peer that says nothing holds up nobody: a handshake runs in a task of its own and has a deadline. Connections on
//! which no client of the list has called yet are strangers; when there are too many of them the oldest goes, so that
//! they cannot keep clients out.

pub mod certificates;
mod handshakes;
mod reload;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

use self::handshakes::Handshakes;
pub(super) use self::reload::Watch;
use super::connection::{Connection, STRANGERS_TIME, Stranger, Wire};
use super::crowd::{Crowd, Membership};
use super::workers::{Worker, Workers};
use crate::auth::Identities;
use crate::auth::peer::{Certificate, Peer};
use crate::auth::quotas::Quotas;
use crate::registry::clock;
use crate::registry::incident::Incident;

/// How long a handshake may take.
const HANDSHAKE_TIME: Duration = Duration::from_secs(10);

/// How many connections there may be in all, and strangers among them.
const MOST_CONNECTIONS: usize = 4096;
const MOST_STRANGERS: usize = 1024;

/// How long is waited when the machine has no descriptor left for another connection.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// What handshakes are made with: replaced when certificates are.
pub(super) type Tls = Arc<ArcSwap<ServerConfig>>;

/// The way in from the network.
#[derive(Clone)]
pub(super) struct Listener {
    /// None on a development server, which speaks plaintext.
    pub tls: Option<Tls>,
    pub identities: Identities,
    /// What each client takes: connections are counted as soon as their client is known.
    pub shares: Quotas,
}

impl Listener {
    /// Gives the connections that come to the workers, from now on until these take no more. `alive` is dropped when
    /// none are taken any more, also where that breaks off.
    pub(super) fn open(self, listener: TcpListener, workers: Workers, alive: impl Send + 'static) -> io::Result<()> {
        let handshakes = Handshakes::start()?;
        tokio::spawn(async move {
            let _alive = alive;
            self.take(listener, handshakes, workers).await;
        });
        Ok(())
    }

    async fn take(self, listener: TcpListener, handshakes: Handshakes, workers: Workers) {
        let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut strangers = Crowd::of(MOST_STRANGERS);
        let (full, exhausted) = (Incident::new(), Incident::new());
        loop {
            // However many come at once, calls go first.
            tokio::task::yield_now().await;
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                // The server drains. Handshakes under way end with this.
                () = workers.closed() => return,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) if is_of_the_peer(&error) => continue,
                Err(error) => {
                    warn_of_refused_accept(&exhausted, &error);
                    tokio::time::sleep(EXHAUSTED).await;
                    continue;
                }
            };
            let place = Arc::clone(&places).try_acquire_owned().ok();
            if place.is_none()
                && let Some(times) = full.occurred()
            {
                tracing::warn!(
                    event = "connections_exhausted",
                    times,
                    most = MOST_CONNECTIONS,
                    "connection limit reached: new connections are refused"
                );
            }
            // Not at the first that ends: another one takes its place at once.
            if places.available_permits() > MOST_CONNECTIONS / 16 && full.resolve() {
                tracing::info!(event = "connections_recovered", "connections are accepted again");
            }
            let (Some(place), Some(worker)) = (place, workers.emptiest()) else { continue };
            let membership = strangers.join();
            match on_worker(&worker, stream, membership) {
                Ok((stream, stranger)) => {
                    handshakes.spawn(self.clone().meet(stream, address, stranger, place, worker));
                }
                Err(error) => {
                    warn_of_refused_accept(&exhausted, &error);
                }
            }
        }
    }

    /// Makes the handshake, and hands the connection on.
    async fn meet(
        self,
        stream: TcpStream,
        address: SocketAddr,
        mut stranger: Stranger,
        place: OwnedSemaphorePermit,
        worker: Worker,
    ) {
        let shaken = tokio::select! {
            shaken = tokio::time::timeout(HANDSHAKE_TIME, self.shake_hands(stream, address)) => shaken,
            () = stranger.gone() => return,
        };
        match shaken {
            Ok(Ok((wire, peer))) => {
                worker.hand_over(Connection::new(wire, peer, stranger, place, worker.seat())).await;
            }
            Ok(Err(error)) => no_handshake(address, &error),
            Err(_) => {
                static TOO_SLOW: Incident = Incident::new();
                if let Some(times) = TOO_SLOW.occurred() {
                    tracing::info!(event = "tls_handshake_timeout", times, peer = %address, "TLS handshake timed out");
                }
            }
        }
    }

    async fn shake_hands(&self, stream: TcpStream, address: SocketAddr) -> io::Result<(Wire, Peer)> {
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else {
            let peer = Peer::new(address, None);
            // Where connections are counted, the first call shows whose this one is.
            if self.shares.limits().connections.is_none() {
                peer.seat_without_limit();
            }
            return Ok((Wire::Plain(stream), peer));
        };
        let stream = TlsAcceptor::from(tls.load_full()).accept(stream).await?;
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|der| Certificate::read(der, instant)).transpose();
        let certificate = certificate.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        let peer = Peer::new(address, certificate);
        self.identities.recognize(&peer, &self.shares);
        Ok((Wire::Tls(Box::new(stream)), peer))
    }
}

/// Strangers may fail as often as they like: one of them a minute is named, with how many there were.
fn no_handshake(peer: SocketAddr, error: &io::Error) {
    static FAILED: Incident = Incident::new();
    if let Some(times) = FAILED.occurred() {
        tracing::info!(event = "tls_handshake_failed", times, %peer, error = error as &dyn std::error::Error, "TLS handshake failed");
    }
}

/// Has a connection, and the time that its stranger has, wake the worker that it will be on.
fn on_worker(worker: &Worker, stream: TcpStream, membership: Membership) -> io::Result<(TcpStream, Stranger)> {
    let stream = stream.into_std()?;
    let _worker = worker.enter();
    Ok((TcpStream::from_std(stream)?, Stranger::new(STRANGERS_TIME, membership)))
}

/// When a second since 1970 is, by the clock as it is now.
fn instant(second: i64) -> Instant {
    let left = u64::try_from(second.saturating_sub(clock::now().as_second())).unwrap_or(0);
    let now = Instant::now();
    // Beyond what an instant can be is long after this connection.
    now.checked_add(Duration::from_secs(left)).unwrap_or(now + Duration::from_secs(u64::from(u32::MAX)))
}

/// Whether a connection failed for a reason that is its own.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Logs that the machine refuses a connection: now and then, as long as it does.
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
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use tokio::io::AsyncReadExt as _;
    use tokio::runtime::Handle;
    use tokio::sync::mpsc::Receiver;

    use super::*;

    #[tokio::test]
    async fn there_are_so_many_connections_and_no_more_until_one_ends() {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let opened = Listener { tls: None, identities: Identities::Dev, shares: Quotas::default() };
        let (worker, mut taken) = Worker::on(Handle::current());
        opened.open(listener, Workers::of(vec![worker]), ()).unwrap();
        let (mut held, mut peers) = (Vec::new(), Vec::new());
        for _ in 0..MOST_CONNECTIONS {
            peers.push(TcpStream::connect(address).await.unwrap());
            held.push(taken.recv().await.unwrap());
        }
        let mut one_too_many = TcpStream::connect(address).await.unwrap();
        let shown_out = tokio::time::timeout(HANDSHAKE_TIME, one_too_many.read(&mut [0; 1])).await;
        assert_eq!(shown_out.expect("it is shown out").unwrap(), 0);
        held.pop();
        let _another = TcpStream::connect(address).await.unwrap();
        assert!(taken.recv().await.is_some());
    }

    #[tokio::test]
    async fn a_connection_goes_where_the_fewest_are() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let opened = Listener { tls: None, identities: Identities::Dev, shares: Quotas::default() };
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
