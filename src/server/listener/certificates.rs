//! The server's certificate, its key, and the authority of client certificates. They are read together, and used only
//! if they are consistent.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::NoServerSessionStorage;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::authorities::Authorities;
pub use super::certificate_error::CertificateError;
use super::validity;
use crate::server::connection::{HTTP1, HTTP2};
use crate::server::file_modes::{others_may_use, writable_by_others};

/// The maximum size of a file, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The paths of the certificate files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The server's certificate chain: the certificate and its intermediates.
    pub certificate: PathBuf,
    /// The certificate's private key.
    pub key: PathBuf,
    /// The authorities that sign client certificates. Without it, clients cannot authenticate by certificate.
    pub client_ca: Option<PathBuf>,
}

/// Certificates that were read and are consistent.
#[derive(Debug)]
pub struct Certificates {
    /// The TLS configuration for handshakes.
    pub tls: Arc<ServerConfig>,
    /// The same for the HTTP port, where clients may also speak HTTP/1.1.
    pub http_tls: Arc<ServerConfig>,
    /// The authorities of client certificates.
    pub authorities: Authorities,
    /// When they expire.
    pub expiries: Expiries,
}

/// When certificates expire.
#[derive(Clone, Copy, Debug)]
pub struct Expiries {
    /// The server's certificate.
    pub server: Timestamp,
    /// The first of the authorities of client certificates, if there are any, and the last.
    pub client_ca: Option<(Timestamp, Timestamp)>,
}

impl CertificateFiles {
    /// Reads and checks the files. The certificate must be valid at `now`.
    pub fn read(&self, now: Timestamp) -> Result<Certificates, CertificateError> {
        let chain = read_chain(&self.certificate)?;
        let mut expiries = Expiries { server: valid_to(&self.certificate, &chain, now)?, client_ca: None };
        let key = self.read_key()?;
        let provider = Arc::new(ring::default_provider());
        let unusable = |source| {
            let (certificate, key) = (self.certificate.clone(), self.key.clone());
            match source {
                rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => {
                    CertificateError::NotAPair { certificate, key }
                }
                source => CertificateError::Unusable { certificate, key, source },
            }
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?;
        let mut authorities = Authorities::default();
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                authorities = Authorities::of(path, read_authorities(path)?, &provider)?;
                expiries.client_ca = authorities.expiries();
                builder.with_client_cert_verifier(authorities.verifier(path, &provider)?)
            }
        };
        let mut tls = builder.with_single_cert(chain, key).map_err(unusable)?;
        tls.alpn_protocols = vec![HTTP2.to_vec()];
        // Every connection presents its certificate. A resumed session would not, and gRPC connections live so long
        // that resumption gains nothing.
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        let mut http_tls = tls.clone();
        http_tls.alpn_protocols = [HTTP2, HTTP1].map(<[u8]>::to_vec).into();
        Ok(Certificates { tls: Arc::new(tls), http_tls: Arc::new(http_tls), authorities, expiries })
    }

    /// The paths of all files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [&self.certificate, &self.key].into_iter().chain(&self.client_ca).map(PathBuf::as_path)
    }

    fn read_key(&self) -> Result<PrivateKeyDer<'static>, CertificateError> {
        let path = &self.key;
        if others_may_use(path).map_err(unreadable(path))? {
            return Err(CertificateError::OpenKey { path: path.clone() });
        }
        PrivateKeyDer::from_pem_slice(&read_bounded(path)?).map_err(|source| CertificateError::NotPem {
            path: path.clone(),
            wanted: "a private key",
            source,
        })
    }
}

fn unreadable(path: &Path) -> impl Fn(io::Error) -> CertificateError {
    |source| CertificateError::Unreadable { path: path.to_owned(), source }
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, CertificateError> {
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content));
    read.map_err(unreadable(path))?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(CertificateError::TooLarge { path: path.to_owned() });
    }
    Ok(content)
}

/// Reads the certificates of a file. There must be at least one, and every one must be complete.
pub(in crate::server) fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    if let Some(open) = writable_by_others(path).map_err(unreadable(path))? {
        return Err(CertificateError::Writable { path: path.to_owned(), open: open.to_owned() });
    }
    let not_pem = |source| CertificateError::NotPem { path: path.to_owned(), wanted: "a certificate", source };
    let content = read_bounded(path)?;
    let chain = CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>().map_err(not_pem)?;
    if chain.is_empty() { Err(not_pem(pem::Error::NoItemsFound)) } else { Ok(chain) }
}

fn read_authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    // The key is not used here, but `init` puts it beside the authority.
    let key = path.with_extension("key");
    if key.exists() && others_may_use(&key).map_err(unreadable(&key))? {
        return Err(CertificateError::OpenAuthorityKey { path: key });
    }
    read_chain(path)
}

/// Returns the end of validity of a chain's first certificate, which must be valid now.
fn valid_to(path: &Path, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<Timestamp, CertificateError> {
    let unreadable = || CertificateError::NotACertificate { path: path.to_owned() };
    let leaf = chain.first().ok_or_else(unreadable)?;
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| unreadable())?;
    let (from, to) = validity::of(&leaf);
    if (from..to).contains(&now) {
        Ok(to)
    } else {
        Err(CertificateError::NotValidNow { path: path.to_owned(), from, to })
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};

    use super::validity::timestamp;
    use super::*;

    #[test]
    fn certificates_that_never_expire_are_used() {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // 99991231235959Z, which means that it has no end (RFC 5280, 4.1.2.5).
        params.not_after = rcgen::date_time_ymd(9999, 12, 31) + std::time::Duration::from_secs(24 * 60 * 60 - 1);
        let key = KeyPair::generate().unwrap();
        let signed = params.self_signed(&key).unwrap();
        let (_, read) = X509Certificate::from_der(signed.der()).unwrap();
        assert_eq!(read.validity().not_after.timestamp(), 253_402_300_799);
        assert!(Timestamp::from_second(read.validity().not_after.timestamp()).is_err(), "it needs the bound");
        assert_eq!(
            (timestamp(i64::MIN), timestamp(7), timestamp(i64::MAX)),
            (Timestamp::MIN, Timestamp::constant(7, 0), Timestamp::MAX)
        );

        let scratch = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            let path = scratch.path().join(name);
            std::fs::write(&path, content).unwrap();
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            path
        };
        let (certificate, key) = (write("it.crt", &signed.pem()), write("it.key", &key.serialize_pem()));
        let files = CertificateFiles { client_ca: Some(certificate.clone()), certificate, key };
        let Expiries { server, client_ca } = files.read(crate::registry::clock::now()).unwrap().expiries;
        assert_eq!((server, client_ca), (Timestamp::MAX, Some((Timestamp::MAX, Timestamp::MAX))));
    }
}
