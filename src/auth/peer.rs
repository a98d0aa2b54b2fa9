//! The other end of a connection, and what it showed when the connection was made.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::shares::Place;

/// The other end of a connection. Clones are of the same one.
#[derive(Clone, Debug)]
pub struct Peer(Arc<Shown>);

#[derive(Debug)]
struct Shown {
    address: SocketAddr,
    certificate: Option<Certificate>,
    /// The place that it takes of a client's, once a client of the list has called on it.
    place: OnceLock<Place>,
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
        Peer(Arc::new(Shown { address, certificate, place: OnceLock::new() }))
    }

    /// What it showed, if it did.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.0.certificate.as_ref()
    }

    /// Whether it has been admitted at least once.
    pub fn is_known(&self) -> bool {
        self.0.place.get().is_some()
    }

    /// From now on it is known, and takes this place of the client's; unless it has one.
    pub fn know(&self, place: Place) {
        self.0.place.set(place).ok();
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.address.fmt(f)
    }
}
