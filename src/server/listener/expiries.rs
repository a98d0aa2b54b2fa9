//! When certificates expire: that of the server, the authorities of client certificates, and those that clients show.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::certificates::Expiries;

/// A certificate or a token that expires sooner than this should be renewed.
pub(in crate::server) const EXPIRES_SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// How long an expired certificate of a client is reported. Its client is then taken to be gone.
const REPORTED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The maximum number of clients whose certificates are kept. More than a list of clients has.
const MAX_CLIENTS: usize = 4096;

/// The expiries. Clones share them.
#[derive(Clone, Debug, Default)]
pub(in crate::server) struct CertificateExpiries(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    server: Option<Timestamp>,
    authorities: Option<(Timestamp, Timestamp)>,
    /// The first of the tokens on the list of clients.
    token: Option<Timestamp>,
    /// By the URI of the client, the expiry of the certificate that it showed last.
    clients: HashMap<String, Timestamp>,
}

impl CertificateExpiries {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the expiries of the certificates in use.
    pub(super) fn loaded(&self, expiries: Expiries) {
        let mut kept = self.kept();
        kept.server = Some(expiries.server);
        kept.authorities = expiries.client_ca;
    }

    /// Notes the certificate of a known client. A renewed one replaces the earlier one.
    pub(super) fn shown(&self, uri: &str, expires: Timestamp) {
        let mut kept = self.kept();
        if let Some(earlier) = kept.clients.get_mut(uri) {
            *earlier = expires;
        } else if kept.clients.len() < MAX_CLIENTS {
            kept.clients.insert(uri.to_owned(), expires);
        }
    }

    /// When the certificate of the server expires. `None` without TLS.
    pub(in crate::server) fn server(&self) -> Option<Timestamp> {
        self.kept().server
    }

    /// When the first authority of client certificates expires, and when the last. `None` if clients show no
    /// certificates.
    pub(in crate::server) fn authorities(&self) -> Option<(Timestamp, Timestamp)> {
        self.kept().authorities
    }

    /// Sets when the first token of the list of clients expires.
    pub(super) fn listed(&self, token: Option<Timestamp>) {
        self.kept().token = token;
    }

    /// When the first token of the list of clients expires. `None` if none does.
    pub(in crate::server) fn token(&self) -> Option<Timestamp> {
        self.kept().token
    }

    /// When the first of the clients' certificates expires. `None` if no known client has shown one.
    pub(in crate::server) fn client(&self, now: Timestamp) -> Option<Timestamp> {
        let mut kept = self.kept();
        kept.clients.retain(|_, expires| now.duration_since(*expires) < REPORTED_FOR);
        kept.clients.values().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renewed_certificate_replaces_the_earlier_one_and_clients_that_are_gone_are_left_out() {
        let day = |days: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * days);
        let expiries = CertificateExpiries::default();
        assert_eq!(expiries.client(day(0)), None);
        expiries.shown("spiffe://example/one", day(10));
        expiries.shown("spiffe://example/two", day(30));
        assert_eq!(expiries.client(day(12)), Some(day(10)), "it has just expired");
        assert_eq!(expiries.client(day(20)), Some(day(30)), "its client is gone");
        expiries.shown("spiffe://example/two", day(90));
        assert_eq!(expiries.client(day(20)), Some(day(90)));
    }
}
