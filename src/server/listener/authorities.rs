//! The authorities of client certificates. There may be several, while one replaces another.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::CryptoProvider;
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme, server::VerifierBuilderError,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::certificate_error::CertificateError;
use super::validity;
use crate::auth::peer::{Authority, Certificate};
use crate::registry::clock;
use crate::registry::incident::Incident;
use crate::telemetry::caller::CertificateName;

/// The authorities that are trusted.
#[derive(Debug, Default)]
pub struct Authorities {
    each: Vec<One>,
    /// The clients whose certificates of an earlier authority were reported, by the URI in them.
    reported: Mutex<HashSet<Box<str>>>,
}

#[derive(Debug)]
struct One {
    der: CertificateDer<'static>,
    /// The time from which its certificate is valid, and the time at which it expires.
    valid: (Timestamp, Timestamp),
    /// Accepts the certificates of this authority alone.
    verifier: Arc<dyn ClientCertVerifier>,
    authority: Arc<Authority>,
}

impl Authorities {
    /// The authorities with these certificates, which come from the file `path`.
    pub(super) fn of(
        path: &Path,
        certificates: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Authorities, CertificateError> {
        let each = certificates.into_iter().map(|der| One::of(path, der, provider)).collect::<Result<_, _>>()?;
        Ok(Authorities { each, reported: Mutex::default() })
    }

    /// Returns what verifies the certificates of all of them.
    pub(super) fn verifier(
        &self,
        path: &Path,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
        let verifier = verifier_of(path, self.each.iter().map(|one| &one.der), provider)?;
        Ok(Arc::new(NamingVerifier(verifier)))
    }

    /// When the first of them expires, and when the last.
    pub(super) fn expiries(&self) -> Option<(Timestamp, Timestamp)> {
        let ends = || self.each.iter().map(|one| one.valid.1);
        ends().min().zip(ends().max())
    }

    /// The authority that a certificate chain leads to. The chain was verified against all of them.
    pub(super) fn signer_of(&self, chain: &[CertificateDer<'_>]) -> Option<&Arc<Authority>> {
        let (leaf, intermediates) = chain.split_first()?;
        let now = UnixTime::since_unix_epoch(clock::now().as_duration().unsigned_abs());
        let one = match &*self.each {
            [only] => Some(only),
            several => several.iter().find(|one| one.verifier.verify_client_cert(leaf, intermediates, now).is_ok()),
        };
        one.map(|one| &one.authority)
    }

    /// Reports a client whose certificate is of another authority than the newest: once after each load of the
    /// certificates.
    pub(super) fn report_earlier(&self, uri: &str, authority: &Authority) {
        // Of two that are equally new, the first.
        let newest = self.each.iter().rev().max_by_key(|one| one.valid.0);
        if newest.is_none_or(|one| std::ptr::eq(&*one.authority, authority)) {
            return;
        }
        let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        if reported.insert(uri.into()) {
            let authority = authority.name();
            tracing::info!(
                event = "earlier_authority_used",
                uri,
                authority,
                "a client uses a certificate of an authority that is being replaced"
            );
        }
    }
}

impl One {
    fn of(path: &Path, der: CertificateDer<'static>, provider: &Arc<CryptoProvider>) -> Result<One, CertificateError> {
        let verifier = verifier_of(path, [&der], provider)?;
        let unreadable = |_| CertificateError::NotACertificate { path: path.to_owned() };
        let (_, certificate) = X509Certificate::from_der(&der).map_err(unreadable)?;
        let valid = validity::of(&certificate);
        let authority = Arc::new(Authority::trusted(&certificate.subject().to_string()));
        Ok(One { der, valid, verifier, authority })
    }
}

fn verifier_of<'a>(
    path: &Path,
    authorities: impl IntoIterator<Item = &'a CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateError> {
    let bad = |source| CertificateError::BadAuthority { path: path.to_owned(), source };
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(|source| bad(source.into()))?;
    }
    // Optional, because a client may send a token instead. Admission refuses a caller with neither.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    let verifier = verifier.allow_unauthenticated().build();
    verifier.map_err(|source: VerifierBuilderError| bad(source.into()))
}

/// Every authority that was trusted since the start. It outlasts reloads, so that one that is trusted again is trusted
/// on the connections that are still open, too.
#[derive(Debug, Default)]
pub(super) struct AuthorityRoll(Vec<(CertificateDer<'static>, Arc<Authority>)>);

impl AuthorityRoll {
    /// Gives each authority the state that it had before, if it was trusted before.
    pub(super) fn recall(&mut self, read: &mut Authorities) {
        for one in &mut read.each {
            match self.0.iter().find(|(der, _)| *der == one.der) {
                Some((_, known)) => one.authority = Arc::clone(known),
                None => self.0.push((one.der.clone(), Arc::clone(&one.authority))),
            }
        }
    }

    /// Trusts these authorities and no others.
    pub(super) fn trust_only(&self, now: &Authorities) {
        for (der, authority) in &self.0 {
            let is_trusted = now.each.iter().any(|one| one.der == *der);
            if authority.is_trusted() && !is_trusted {
                let authority = authority.name();
                tracing::info!(event = "authority_dropped", authority, "an authority is no longer trusted");
            }
            authority.trust(is_trusted);
        }
    }
}

/// A verifier that names in the log whose certificate it refuses. The name is what the peer claims.
#[derive(Debug)]
struct NamingVerifier(Arc<dyn ClientCertVerifier>);

impl ClientCertVerifier for NamingVerifier {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.0.verify_client_cert(leaf, intermediates, now);
        verified.inspect_err(|error| log_refused_certificate(leaf, error))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Logs a refused certificate. Of each name at most one line a minute is logged, and of few names.
fn log_refused_certificate(leaf: &CertificateDer<'_>, error: &Error) {
    static REFUSED: Incident = Incident::new();
    let claimed = CertificateName::of(Certificate::claimed_name(leaf).as_deref().unwrap_or("-"));
    if let Some(times) = REFUSED.occurred_for(claimed.as_str()) {
        let (claimed, error) = (claimed.as_str(), error as &dyn std::error::Error);
        tracing::info!(
            event = "client_certificate_refused",
            times,
            claimed,
            error,
            "refused a certificate that claims this name"
        );
    }
}
