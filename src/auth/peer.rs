//! The other end of a connection: what it showed when the connection was made, and what it does with its calls.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use tokio::sync::Semaphore;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::memory::Share;
use super::quotas::{ClientQuota, Exhausted, Place, Quotas};
use super::serial::Serial;

/// How many requests a connection may send on which nobody is known, and how many of them it may have open.
const UNIDENTIFIED_REQUESTS: usize = 64;
const UNIDENTIFIED_STREAMS: usize = 4;

/// The other end of a connection. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    address: SocketAddr,
    certificate: Option<Certificate>,
    /// The place that it takes of a client's, and that client's quota, once a client of the list has called on it.
    seat: OnceLock<(Place, Option<Arc<ClientQuota>>)>,
    /// How many calls it waits for an answer to, apart from those that may last.
    awaited: AtomicUsize,
    cut_off: OnceLock<CutOff>,
    /// Whether what is written to it has to wait until it reads.
    is_blocked: AtomicBool,
    /// The requests that it sent while nobody was known on it, and the places of those that are open.
    unidentified: AtomicUsize,
    unidentified_open: Arc<Semaphore>,
}

/// Why a connection is to be cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CutOff {
    /// Its client cancels too many calls.
    #[error("its client canceled too many calls")]
    Cancels,
    /// It sends too many frames that belong to no call.
    #[error("it sent too many HTTP/2 frames that belong to no call")]
    Frames,
    /// It does not read, and its client holds as much memory as it may.
    #[error("it does not read its answers, and its client holds too much memory")]
    Unread,
    /// It goes on though nobody is known on it.
    #[error("it sent too many requests that show no client of the list")]
    Unidentified,
}

/// A certificate whose chain was verified when the connection was made.
#[derive(Debug)]
pub struct Certificate {
    /// The URIs among its subject's alternative names.
    pub uris: Vec<String>,
    /// Its serial number.
    pub serial: Serial,
    /// When it expires.
    pub expires: Instant,
}

/// A certificate whose form is not that of X.509.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct NotACertificate;

impl Certificate {
    /// Reads a certificate in DER. `instant` gives the instant of a second since 1970.
    pub fn read(der: &[u8], instant: impl FnOnce(i64) -> Instant) -> Result<Certificate, NotACertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        let names = certificate.subject_alternative_name().map_err(|_| NotACertificate)?;
        let names = names.iter().flat_map(|names| names.value.general_names.iter());
        let uris = names.filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
        let expires = instant(certificate.validity().not_after.timestamp());
        let serial = Serial::of_bytes(certificate.raw_serial());
        Ok(Certificate { uris: uris.collect(), serial, expires })
    }
}

impl Peer {
    /// The other end at this address.
    pub fn new(address: SocketAddr, certificate: Option<Certificate>) -> Peer {
        Peer(Arc::new(Shown {
            address,
            certificate,
            seat: OnceLock::new(),
            awaited: AtomicUsize::new(0),
            cut_off: OnceLock::new(),
            is_blocked: AtomicBool::new(false),
            unidentified: AtomicUsize::new(0),
            unidentified_open: Arc::new(Semaphore::new(UNIDENTIFIED_STREAMS)),
        }))
    }

    /// What it showed, if it did.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.certificate.as_ref()
    }

    /// Whether it has been admitted at least once.
    pub fn is_known(&self) -> bool {
        self.0.seat.get().is_some()
    }

    /// Counts the connection as this client's, unless it is somebody's already. Once it is counted it is known, and
    /// what it cancels is counted in the client's quota.
    pub fn seat(&self, quotas: &Quotas, client: &str) -> Result<(), Exhausted> {
        if !self.is_known() {
            let (place, quota) = quotas.connection(client)?;
            self.0.seat.set((place, Some(quota))).ok();
        }
        Ok(())
    }

    /// Makes it known without a limit.
    pub fn seat_without_limit(&self) {
        self.0.seat.set((Place::without_limit(), None)).ok();
    }

    /// Counts a request that shows nobody. On a connection on which somebody is known it is one like any other.
    pub fn unidentified(&self, quotas: &Quotas) -> Result<(), Exhausted> {
        if self.is_known() {
            return Ok(());
        }
        if self.0.unidentified.fetch_add(1, Ordering::Relaxed) >= UNIDENTIFIED_REQUESTS {
            self.cut_off(CutOff::Unidentified);
        }
        quotas.unidentified()
    }

    /// Takes one of the few places for requests that stay open while nobody is known.
    pub fn open_unidentified(&self) -> Result<Place, Exhausted> {
        Place::of(&self.0.unidentified_open).ok_or(Exhausted::UnidentifiedStreams)
    }

    /// Counts a call that it waits for an answer to.
    pub fn await_answer(&self) {
        self.0.awaited.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes back one [`Peer::await_answer`].
    pub fn await_no_longer(&self) {
        self.0.awaited.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether it waits for an answer to any call that was counted.
    pub fn awaits_answers(&self) -> bool {
        self.0.awaited.load(Ordering::Relaxed) > 0
    }

    /// Counts a call that it cancelled. When its client has cancelled too many, the connection is to be cut off.
    pub fn cancelled(&self) {
        let share = self.0.seat.get().and_then(|(_, share)| share.as_ref());
        if share.is_some_and(|share| share.cancel().is_err()) {
            self.cut_off(CutOff::Cancels);
        }
    }

    /// What the client's calls hold, if one is known whose memory is counted.
    pub fn memory(&self) -> Option<&Arc<Share>> {
        self.0.seat.get()?.1.as_ref().map(|quota| quota.memory())
    }

    /// Notes whether what is written to it has to wait until it reads.
    pub fn block(&self, is_blocked: bool) {
        self.0.is_blocked.store(is_blocked, Ordering::Relaxed);
    }

    /// Whether what is written to it has to wait until it reads.
    pub fn is_blocked(&self) -> bool {
        self.0.is_blocked.load(Ordering::Relaxed)
    }

    /// Has the connection cut off. The first reason stays.
    pub fn cut_off(&self, why: CutOff) {
        self.0.cut_off.set(why).ok();
    }

    /// Why the connection is to be cut off, if it is.
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

    fn shares(connections: u32) -> Quotas {
        Quotas::new(Limits { connections: NonZeroU32::new(connections), ..Limits::default() })
    }

    #[test]
    fn a_connection_is_counted_once_until_it_ends() {
        let shares = shares(1);
        let peer = || Peer::new("127.0.0.1:1".parse().unwrap(), None);
        let (first, second) = (peer(), peer());
        first.seat(&shares, "a").unwrap();
        first.seat(&shares, "a").unwrap();
        assert_eq!(second.seat(&shares, "a"), Err(Exhausted::Connections));
        assert!(first.is_known() && !second.is_known());
        drop(first);
        second.seat(&shares, "a").unwrap();
        // A connection that two clients share is the first one's.
        second.seat(&shares, "b").unwrap();
        assert!(peer().seat(&shares, "b").is_ok());
    }

    #[test]
    fn requests_that_show_nobody_are_few_on_a_connection_and_on_all_together() {
        let calls_per_second = NonZeroU32::new(1);
        let shares = Quotas::new(Limits { calls_per_second, connections: calls_per_second, ..Limits::default() });
        let peer = || Peer::new("127.0.0.1:1".parse().unwrap(), None);
        let (loud, other, known) = (peer(), peer(), peer());
        known.seat(&shares, "a").unwrap();
        let taken = (0..UNIDENTIFIED_REQUESTS).filter(|_| loud.unidentified(&shares).is_ok()).count();
        assert!((20..UNIDENTIFIED_REQUESTS).contains(&taken), "{taken}: what comes back while this runs is little");
        assert!(loud.is_cut_off().is_none());
        assert!(matches!(other.unidentified(&shares), Err(Exhausted::Unidentified(_))), "they share a rate");
        assert!(loud.unidentified(&shares).is_err());
        assert_eq!(loud.is_cut_off(), Some(CutOff::Unidentified));
        assert!((0..1000).all(|_| known.unidentified(&shares).is_ok()) && known.is_cut_off().is_none());

        let open: Vec<_> = (0..UNIDENTIFIED_STREAMS).map(|_| other.open_unidentified().unwrap()).collect();
        assert_eq!(other.open_unidentified().unwrap_err(), Exhausted::UnidentifiedStreams);
        drop(open);
        assert!(other.open_unidentified().is_ok());
    }

    #[test]
    fn cancelling_what_its_connections_may_have_under_way_cuts_off_nobody_and_more_does() {
        let shares = shares(2);
        let peer = |client| {
            let peer = Peer::new("127.0.0.1:1".parse().unwrap(), None);
            peer.seat(&shares, client).unwrap();
            peer
        };
        let (first, second, other) = (peer("a"), peer("a"), peer("b"));
        let under_way = CALLS_PER_CONNECTION.get();
        (0..under_way).for_each(|_| first.cancelled());
        (0..under_way).for_each(|_| second.cancelled());
        assert!(first.is_cut_off().is_none() && second.is_cut_off().is_none());
        // It has more again after a while: this is more than comes back while the test runs.
        (0..10 * under_way).for_each(|_| second.cancelled());
        assert_eq!(second.is_cut_off(), Some(CutOff::Cancels), "what its other connection cancelled counts");
        other.cancelled();
        assert!(first.is_cut_off().is_none() && other.is_cut_off().is_none());
    }
}
