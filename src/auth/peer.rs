//! The other end of a connection: what it showed when the connection was made, and what it does with its calls.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::quotas::{ClientQuota, Place};

/// The other end of a connection. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    address: SocketAddr,
    certificate: Option<Certificate>,
    /// The place that it takes of a client's, and that client's share, once a client of the list has called on it.
    seat: OnceLock<(Place, Option<Arc<ClientQuota>>)>,
    /// How many calls it waits for an answer to, apart from those that may last.
    awaited: AtomicUsize,
    is_cut_off: AtomicBool,
}

/// A certificate whose chain was verified when the connection was made.
#[derive(Debug)]
pub struct Certificate {
    /// The URIs among its subject's alternative names.
    pub uris: Vec<String>,
    /// When it expires.
    pub expires: Instant,
}

/// A certificate whose form is not that of X.509.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate")]
pub struct NotACertificate;

impl Certificate {
    /// Reads a certificate in DER. `instant` tells the instant of a second since 1970.
    pub fn read(der: &[u8], instant: impl FnOnce(i64) -> Instant) -> Result<Certificate, NotACertificate> {
        let (_, certificate) = X509Certificate::from_der(der).map_err(|_| NotACertificate)?;
        let names = certificate.subject_alternative_name().map_err(|_| NotACertificate)?;
        let names = names.iter().flat_map(|names| names.value.general_names.iter());
        let uris = names.filter_map(|name| match name {
            GeneralName::URI(uri) => Some((*uri).to_owned()),
            _ => None,
        });
        let expires = instant(certificate.validity().not_after.timestamp());
        Ok(Certificate { uris: uris.collect(), expires })
    }
}

impl Peer {
    /// The other end at this address.
    pub fn new(address: SocketAddr, certificate: Option<Certificate>) -> Peer {
        let (awaited, is_cut_off) = (AtomicUsize::new(0), AtomicBool::new(false));
        Peer(Arc::new(Shown { address, certificate, seat: OnceLock::new(), awaited, is_cut_off }))
    }

    /// What it showed, if it did.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.certificate.as_ref()
    }

    /// Whether it has been admitted at least once.
    pub fn is_known(&self) -> bool {
        self.0.seat.get().is_some()
    }

    /// From now on it is known, and takes this place of the client's; unless it has one. What it cancels is counted in
    /// the client's share.
    pub fn know(&self, place: Place, share: Option<Arc<ClientQuota>>) {
        self.0.seat.set((place, share)).ok();
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
            self.0.is_cut_off.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the connection is to be cut off.
    pub fn is_cut_off(&self) -> bool {
        self.0.is_cut_off.load(Ordering::Relaxed)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.address.fmt(f)
    }
}
