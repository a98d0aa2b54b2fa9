//! Reads certificates from files: authorities, and what they have signed.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::auth::serial::Serial;
use crate::server::listener::validity;

/// The length of a line in PEM.
const PEM_LINE: usize = 64;

/// The certificate of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signer {
    /// The certificate in DER.
    pub(super) der: CertificateDer<'static>,
    /// Its public key with its algorithm, in DER.
    pub(super) public_key: Vec<u8>,
    /// Its name.
    pub name: String,
    /// The time from which it is valid.
    pub from: Timestamp,
    /// The time at which it expires.
    pub expires: Timestamp,
    subject: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

/// A certificate that an authority has signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) serial: Serial,
    pub(super) expires: Timestamp,
    /// The SHA-256 of the certificate, in hexadecimal.
    pub(super) fingerprint: String,
    issuer: Vec<u8>,
    authority_key_id: Option<Vec<u8>>,
}

impl Signer {
    /// The authorities in a PEM file. None if it contains anything that is not a certificate.
    pub(super) fn all_in(pem: &str) -> Option<Vec<Signer>> {
        let ders = CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<Vec<_>, _>>().ok()?;
        ders.iter().map(Signer::of).collect()
    }

    fn of(der: &CertificateDer<'static>) -> Option<Signer> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let (from, expires) = validity::of(&certificate);
        let key_id = certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0.to_vec()),
            _ => None,
        });
        let signer = Signer {
            public_key: certificate.public_key().raw.to_vec(),
            name: certificate.subject().to_string(),
            from,
            expires,
            subject: certificate.subject().as_raw().to_vec(),
            key_id,
            der: der.clone(),
        };
        Some(signer)
    }

    /// The certificate in PEM.
    pub(super) fn pem(&self) -> String {
        let encoded = STANDARD.encode(&self.der);
        let lines = encoded.as_bytes().chunks(PEM_LINE).map(String::from_utf8_lossy);
        let lines: String = lines.map(|line| format!("{line}\n")).collect();
        format!("-----BEGIN CERTIFICATE-----\n{lines}-----END CERTIFICATE-----\n")
    }

    /// True if the certificate names this authority as the one that signed it.
    pub(super) fn signed(&self, issued: &Issued) -> bool {
        let is_same_key =
            self.key_id.is_none() || issued.authority_key_id.is_none() || self.key_id == issued.authority_key_id;
        self.subject == issued.issuer && is_same_key
    }
}

/// When the first certificate of a PEM file expires. None if that cannot be read.
pub fn certificate_expiry(path: &Path) -> Option<Timestamp> {
    Issued::read(&std::fs::read_to_string(path).ok()?).map(|issued| issued.expires)
}

impl Issued {
    /// Reads the first certificate of a PEM file. None if there is none.
    pub(super) fn read(pem: &str) -> Option<Issued> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let authority_key_id =
            certificate.extensions().iter().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref().map(|id| id.0.to_vec()),
                _ => None,
            });
        Some(Issued {
            serial: Serial::of_bytes(certificate.raw_serial()),
            expires: validity::of(&certificate).1,
            fingerprint: Sha256::digest(&der).iter().map(|byte| format!("{byte:02x}")).collect(),
            issuer: certificate.issuer().as_raw().to_vec(),
            authority_key_id,
        })
    }
}
