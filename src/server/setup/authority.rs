//! The certificate authority, which signs the certificates of the server and of clients.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData as _, SanType,
};
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::issued::Signer;

/// The lifetime of the authority's certificate, in days.
const AUTHORITY_DAYS: u32 = 3650;

/// How long before its creation a certificate becomes valid, because clocks differ.
const BACKDATE: SignedDuration = SignedDuration::from_hours(1);

/// A certificate authority.
pub(super) struct Authority {
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate and its key, in PEM.
pub(super) struct Pair {
    pub certificate: String,
    pub key: String,
}

/// The subject of a certificate.
pub(super) enum Subject<'a> {
    /// The server, with its host names and addresses.
    Server { hosts: &'a [String] },
    /// A client with this name, identified by this URI.
    Client { name: &'a str, uri: &'a str },
}

impl Authority {
    /// Creates an authority, with its certificate and key.
    pub(super) fn make(now: Timestamp) -> Result<(Authority, Pair), rcgen::Error> {
        let mut params = CertificateParams::default();
        // The names of two authorities differ, even if both are trusted.
        params.distinguished_name.push(DnType::CommonName, format!("cpss-registry authority {now:.3}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        valid_for(&mut params, now, AUTHORITY_DAYS);
        let key = KeyPair::generate()?;
        let pair = pair(&params.self_signed(&key)?, &key);
        Ok((Authority { issuer: Issuer::new(params, key) }, pair))
    }

    /// Loads the authority whose key this is. None if the key belongs to none of the certificates.
    pub(super) fn read(certificates: &[Signer], key: &str) -> Result<Option<Authority>, rcgen::Error> {
        let key = KeyPair::from_pem(key)?;
        let public = key.subject_public_key_info();
        let Some(signer) = certificates.iter().find(|signer| signer.public_key == public) else { return Ok(None) };
        Ok(Some(Authority { issuer: Issuer::from_ca_cert_der(&signer.der, key)? }))
    }

    /// Signs a certificate with a new key, valid for this many days.
    pub(super) fn sign(&self, subject: &Subject<'_>, now: Timestamp, days: u32) -> Result<Pair, rcgen::Error> {
        let mut params = match subject {
            Subject::Server { hosts } => CertificateParams::new(*hosts)?,
            Subject::Client { .. } => CertificateParams::default(),
        };
        let (name, usage) = match subject {
            Subject::Server { .. } => ("cpss-registry", ExtendedKeyUsagePurpose::ServerAuth),
            Subject::Client { name, uri } => {
                params.subject_alt_names.push(SanType::URI((*uri).try_into()?));
                (*name, ExtendedKeyUsagePurpose::ClientAuth)
            }
        };
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        valid_for(&mut params, now, days);
        let key = KeyPair::generate()?;
        Ok(pair(&params.signed_by(&key, &self.issuer)?, &key))
    }
}

/// Returns the host names and addresses of a server certificate in PEM. None if it is not a certificate.
pub(super) fn hosts_of(pem: &str) -> Option<Vec<String>> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, certificate) = X509Certificate::from_der(&der).ok()?;
    let names = certificate.subject_alternative_name().ok()??;
    let host = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(host) => Some((*host).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from).ok();
            v4.or_else(|| <[u8; 16]>::try_from(*bytes).map(IpAddr::from).ok()).map(|address| address.to_string())
        }
        _ => None,
    };
    Some(names.value.general_names.iter().filter_map(host).collect())
}

fn pair(certificate: &Certificate, key: &KeyPair) -> Pair {
    Pair { certificate: certificate.pem(), key: key.serialize_pem() }
}

fn valid_for(params: &mut CertificateParams, now: Timestamp, days: u32) {
    let second = |instant: Timestamp| {
        let seconds = u64::try_from(instant.as_second()).unwrap_or(0);
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(seconds)
    };
    params.not_before = second(now - BACKDATE);
    params.not_after = second(now) + std::time::Duration::from_secs(u64::from(days) * 86_400);
}
