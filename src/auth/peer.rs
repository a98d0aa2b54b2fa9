//! The client side of a connection: its certificate, and the use that it makes of its calls.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, watch};

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::memory::Share;
use super::quotas::{ClientQuota, Exhausted, Permit, Quotas};
use super::serial::Serial;

/// An authority of client certificates, as it is trusted now. The connections of its clients share it.
#[derive(Debug)]
pub struct Authority {
    name: Box<str>,
    is_trusted: AtomicBool,
}

impl Authority {
    /// An authority that is trusted.
    pub fn trusted(name: &str) -> Authority {
        Authority { name: name.into(), is_trusted: AtomicBool::new(true) }
    }

    /// Its name in its certificate.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sets whether it is trusted. The next call on each connection goes by it.
    pub fn trust(&self, is_trusted: bool) {
        self.is_trusted.store(is_trusted, Ordering::Relaxed);
    }

    /// False once it is not trusted any more.
    pub fn is_trusted(&self) -> bool {
        self.is_trusted.load(Ordering::Relaxed)
    }
}

/// The maximum number of requests on an unauthenticated connection, and of those that are open at once.
const UNAUTHENTICATED_REQUESTS: usize = 64;
const UNAUTHENTICATED_STREAMS: usize = 4;

/// The client side of a connection. Clones refer to the same connection.
#[derive(Clone, Debug)]
pub struct Peer(Arc<PeerState>);

#[derive(Debug)]
struct PeerState {
    address: SocketAddr,
    certificate: Option<Certificate>,
    /// The client for which the server itself calls. Only the server makes such a peer.
    within: Option<Box<str>>,
    /// The permit among its client's connections and that client's quota, once a client of the list has called on it.
    client: OnceLock<(Permit, Option<Arc<ClientQuota>>)>,
    /// The number of calls that it awaits an answer to, except long-lived calls.
    awaited: AtomicUsize,
    cut_off: OnceLock<CutOff>,
    /// Set once the connection is too old: how long watches on it may go on.
    aged: watch::Sender<Option<Duration>>,
    /// True while writing to it blocks until it reads.
    is_blocked: AtomicBool,
    /// The number of requests before the connection was authenticated, and the permits of those that are open.
    unauthenticated: AtomicUsize,
    unauthenticated_open: Arc<Semaphore>,
    /// The bytes of answers that anyone may have.
    granted: AtomicUsize,
    /// The bytes of requests that were thrown away.
    discarded: AtomicUsize,
}

/// Why a connection must be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutOff {
    /// Its client cancels too many calls.
    #[error("its client canceled too many calls")]
    Cancels,
    /// It sends too many frames that belong to no call.
    #[error("it sent too many HTTP/2 frames that belong to no call")]
    Frames,
    /// It does not read its responses, and its client holds too much memory.
    #[error("it does not read its responses, and its client holds too much memory")]
    Unread,
    /// It keeps sending requests without authenticating.
    #[error("it sent too many unauthenticated requests")]
    Unauthenticated,
}

/// A certificate whose chain was verified when the connection was made.
#[derive(Debug)]
pub struct Certificate {
    /// The URIs among its subject's alternative names.
    pub uris: Vec<String>,
    /// The host names among them, by which no client is identified.
    pub hosts: Vec<String>,
    /// Its serial number.
    pub serial: Serial,
    /// The time at which it expires.
    pub expires: Instant,
    /// The authority that its chain leads to.
    pub authority: Arc<Authority>,
}

/// The data are not an X.509 certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct NotACertificate;

impl Certificate {
    /// Decodes a DER certificate of this authority. `instant` converts seconds since 1970 to an instant.
    pub fn read(
        der: &[u8],
        authority: Arc<Authority>,
        instant: impl FnOnce(i64) -> Instant,
    ) -> Result<Certificate, NotACertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        let (uris, hosts) = names(&certificate)?;
        let expires = instant(certificate.validity().not_after.timestamp());
        let serial = Serial::of_bytes(certificate.raw_serial());
        Ok(Certificate { uris, hosts, serial, expires, authority })
    }

    /// The name by which an operator recognizes the certificate: its first URI, or else its first host name.
    pub fn name(&self) -> Option<&str> {
        self.uris.first().or(self.hosts.first()).map(String::as_str)
    }

    /// The name in a DER certificate whose chain was not verified: what its peer claims. None if it has none, or is not
    /// a certificate.
    pub fn claimed_name(der: &[u8]) -> Option<String> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (uris, hosts) = names(&certificate).ok()?;
        uris.into_iter().chain(hosts).next()
    }
}

/// The URIs and the host names among the subject's alternative names.
fn names(certificate: &X509Certificate<'_>) -> Result<(Vec<String>, Vec<String>), NotACertificate> {
    let names = certificate.subject_alternative_name().map_err(|_| NotACertificate)?;
    let (mut uris, mut hosts) = (Vec::new(), Vec::new());
    for name in names.iter().flat_map(|names| names.value.general_names.iter()) {
        match name {
            GeneralName::URI(uri) => uris.push((*uri).to_owned()),
            GeneralName::DNSName(host) => hosts.push((*host).to_owned()),
            _ => {}
        }
    }
    Ok((uris, hosts))
}

impl Peer {
    /// Creates the peer at this address.
    pub fn new(address: SocketAddr, certificate: Option<Certificate>) -> Peer {
        Peer::of(address, certificate, None)
    }

    /// The peer of the calls that the server itself makes for a client of the list, such as for its webhook. It is no
    /// connection, and counts as none.
    pub fn within(client: &str) -> Peer {
        let peer = Peer::of(SocketAddr::from(([0, 0, 0, 0], 0)), None, Some(client.into()));
        peer.admit_without_limit();
        peer
    }

    fn of(address: SocketAddr, certificate: Option<Certificate>, within: Option<Box<str>>) -> Peer {
        Peer(Arc::new(PeerState {
            address,
            certificate,
            within,
            client: OnceLock::new(),
            awaited: AtomicUsize::new(0),
            cut_off: OnceLock::new(),
            aged: watch::Sender::new(None),
            is_blocked: AtomicBool::new(false),
            unauthenticated: AtomicUsize::new(0),
            unauthenticated_open: Arc::new(Semaphore::new(UNAUTHENTICATED_STREAMS)),
            granted: AtomicUsize::new(0),
            discarded: AtomicUsize::new(0),
        }))
    }

    /// Its certificate, if it presented one.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.certificate.as_ref()
    }

    /// The client for which the server itself calls.
    pub(super) fn client_within(&self) -> Option<&str> {
        self.0.within.as_deref()
    }

    /// True if a client of the list has been admitted on this connection.
    pub fn is_known(&self) -> bool {
        self.0.client.get().is_some()
    }

    /// Counts the connection as this client's, unless it already belongs to a client. From then on the connection is
    /// authenticated, and its cancellations count against the client's quota.
    pub fn admit(&self, quotas: &Quotas, client: &str) -> Result<(), Exhausted> {
        if !self.is_known() {
            let (permit, quota) = quotas.connection(client)?;
            self.0.client.set((permit, Some(quota))).ok();
        }
        Ok(())
    }

    /// Marks the connection as authenticated without counting it.
    pub fn admit_without_limit(&self) {
        self.0.client.set((Permit::without_limit(), None)).ok();
    }

    /// Counts an unauthenticated request. On an authenticated connection it is not counted.
    pub fn unauthenticated(&self, quotas: &Quotas) -> Result<(), Exhausted> {
        if self.is_known() {
            return Ok(());
        }
        if self.0.unauthenticated.fetch_add(1, Ordering::Relaxed) >= UNAUTHENTICATED_REQUESTS {
            self.cut_off(CutOff::Unauthenticated);
        }
        quotas.unauthenticated()
    }

    /// Counts the bytes of an answer that anyone may have. An unauthenticated connection gets them beyond its limit.
    pub fn grant(&self, bytes: usize) {
        self.0.granted.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The number of bytes that were granted.
    pub fn granted(&self) -> usize {
        self.0.granted.load(Ordering::Relaxed)
    }

    /// Counts bytes of a request that were thrown away. An unauthenticated connection may send some of them beyond its
    /// limit, so that it receives its refusal.
    pub fn discard(&self, bytes: usize) {
        self.0.discarded.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The number of bytes that were thrown away.
    pub fn discarded(&self) -> usize {
        self.0.discarded.load(Ordering::Relaxed)
    }

    /// Takes one of the few permits for unauthenticated requests that stay open.
    pub fn open_unauthenticated(&self) -> Result<Permit, Exhausted> {
        Permit::of(&self.0.unauthenticated_open).ok_or(Exhausted::UnauthenticatedStreams)
    }

    /// Counts a call that the peer awaits an answer to.
    pub fn await_answer(&self) {
        self.0.awaited.fetch_add(1, Ordering::Relaxed);
    }

    /// Undoes one [`Peer::await_answer`].
    pub fn await_no_longer(&self) {
        self.0.awaited.fetch_sub(1, Ordering::Relaxed);
    }

    /// True if the peer awaits an answer to any counted call.
    pub fn awaits_answers(&self) -> bool {
        self.0.awaited.load(Ordering::Relaxed) > 0
    }

    /// Counts a canceled call. Cuts the connection off if its client has canceled too many.
    pub fn canceled(&self) {
        let share = self.0.client.get().and_then(|(_, share)| share.as_ref());
        if share.is_some_and(|share| share.cancel().is_err()) {
            self.cut_off(CutOff::Cancels);
        }
    }

    /// The memory that the client's calls hold. None if the connection is unauthenticated or has no quota.
    pub fn memory(&self) -> Option<&Arc<Share>> {
        self.0.client.get()?.1.as_ref().map(|quota| quota.memory())
    }

    /// Records whether writing to the peer blocks until it reads.
    pub fn block(&self, is_blocked: bool) {
        self.0.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// True while writing to the peer blocks until it reads.
    pub fn is_blocked(&self) -> bool {
        self.0.is_blocked.load(Ordering::Relaxed)
    }

    /// Notes that the connection is too old. Watches on it end after `grace`.
    pub fn age(&self, grace: Duration) {
        self.0.aged.send_replace(Some(grace));
    }

    /// True if the connection is too old.
    pub fn is_aged(&self) -> bool {
        self.0.aged.borrow().is_some()
    }

    /// Waits until watches on the connection must end.
    pub fn watches_end(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut aged = self.0.aged.subscribe();
        async move {
            // If the sender is gone, the connection is gone too.
            let grace = aged.wait_for(Option::is_some).await.map_or(None, |grace| *grace);
            tokio::time::sleep(grace.unwrap_or_default()).await;
        }
    }

    /// Marks the connection to be cut off. The first reason is kept.
    pub fn cut_off(&self, why: CutOff) {
        self.0.cut_off.set(why).ok();
    }

    /// Why the connection must be cut off, if it must.
    pub fn is_cut_off(&self) -> Option<CutOff> {
        self.0.cut_off.get().copied()
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.address.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::auth::quotas::{CALLS_PER_CONNECTION, Limits};

    fn quotas(connections: u32) -> Quotas {
        Quotas::new(Limits { connections: NonZeroU32::new(connections), ..Limits::default() })
    }

    #[test]
    fn a_connection_is_counted_once_until_it_ends() {
        let quotas = quotas(1);
        let peer = || Peer::new("127.0.0.1:1".parse().unwrap(), None);
        let (first, second) = (peer(), peer());
        first.admit(&quotas, "a").unwrap();
        first.admit(&quotas, "a").unwrap();
        assert_eq!(second.admit(&quotas, "a"), Err(Exhausted::Connections));
        assert!(first.is_known() && !second.is_known());
        drop(first);
        second.admit(&quotas, "a").unwrap();
        // A connection that two clients share counts as the first one's.
        second.admit(&quotas, "b").unwrap();
        assert!(peer().admit(&quotas, "b").is_ok());
    }

    #[test]
    fn unauthenticated_requests_are_limited_per_connection_and_in_total() {
        let calls_per_second = NonZeroU32::new(1);
        let quotas = Quotas::new(Limits { calls_per_second, connections: calls_per_second, ..Limits::default() });
        let peer = || Peer::new("127.0.0.1:1".parse().unwrap(), None);
        let (loud, other, known) = (peer(), peer(), peer());
        known.admit(&quotas, "a").unwrap();
        let taken = (0..UNAUTHENTICATED_REQUESTS).filter(|_| loud.unauthenticated(&quotas).is_ok()).count();
        assert!((20..UNAUTHENTICATED_REQUESTS).contains(&taken), "{taken}: little is refilled while this runs");
        assert!(loud.is_cut_off().is_none());
        assert!(matches!(other.unauthenticated(&quotas), Err(Exhausted::Unauthenticated(_))), "they share a rate");
        assert!(loud.unauthenticated(&quotas).is_err());
        assert_eq!(loud.is_cut_off(), Some(CutOff::Unauthenticated));
        assert!((0..1000).all(|_| known.unauthenticated(&quotas).is_ok()) && known.is_cut_off().is_none());

        let open: Vec<_> = (0..UNAUTHENTICATED_STREAMS).map(|_| other.open_unauthenticated().unwrap()).collect();
        assert_eq!(other.open_unauthenticated().unwrap_err(), Exhausted::UnauthenticatedStreams);
        drop(open);
        assert!(other.open_unauthenticated().is_ok());
    }

    #[test]
    fn canceling_more_calls_than_connections_may_have_cuts_them_off() {
        let quotas = quotas(2);
        let peer = |client| {
            let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
            peer.admit(&quotas, client).unwrap();
            peer
        };
        let (first, second, other) = (peer("a"), peer("a"), peer("b"));
        let under_way = CALLS_PER_CONNECTION.get();
        (0..under_way).for_each(|_| first.canceled());
        (0..under_way).for_each(|_| second.canceled());
        assert!(first.is_cut_off().is_none() && second.is_cut_off().is_none());
        // The limit refills over time: this is more than refills while the test runs.
        (0..10 * under_way).for_each(|_| second.canceled());
        assert_eq!(second.is_cut_off(), Some(CutOff::Cancels), "the cancellations of both connections count");
        other.canceled();
        assert!(first.is_cut_off().is_none() && other.is_cut_off().is_none());
    }
}
