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
use tokio_rustls::rustls::server::{NoServerSessionStorage, VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, InconsistentKeys, RootCertStore, ServerConfig};
use x509_parser::prelude::{FromDer as _, X509Certificate};

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
#[derive(Clone, Debug)]
pub struct Certificates {
    /// The TLS configuration for handshakes.
    pub tls: Arc<ServerConfig>,
    /// When they expire.
    pub expiries: Expiries,
}

/// When certificates expire.
#[derive(Clone, Copy, Debug)]
pub struct Expiries {
    /// The server's certificate.
    pub server: Timestamp,
    /// The first of the authorities of client certificates, if there are any.
    pub client_ca: Option<Timestamp>,
}

/// The certificate files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A file is larger than the maximum.
    #[error("{path} is larger than 1 MiB")]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Everyone on the machine can read the key.
    #[error(
        "{path} is a key that everyone on this machine can read: run chmod 600 {path}, renew the key, since somebody may \
         have a copy of it, then start again, or send SIGHUP to a running server"
    )]
    OpenKey {
        /// The file.
        path: PathBuf,
    },
    /// Everyone on the machine can read the key of the authority of client certificates.
    #[error(
        "{path} is the key of the authority, and everyone on this machine can read it: run chmod 600 {path}, and replace \
         the authority, since somebody may have a copy of the key and can make a certificate for every client"
    )]
    OpenAuthorityKey {
        /// The file.
        path: PathBuf,
    },
    /// Everyone on the machine can change a certificate or an authority.
    #[error(
        "{path} can be changed by everyone on this machine: check every certificate in it, run chmod o-w {open}, then \
         start again, or send SIGHUP to a running server"
    )]
    Writable {
        /// The file.
        path: PathBuf,
        /// The file, or its directory.
        open: PathBuf,
    },
    /// A file is incomplete, or is not PEM of the expected kind.
    #[error("{path} does not hold {wanted} in PEM")]
    NotPem {
        /// The file.
        path: PathBuf,
        /// What the file must contain.
        wanted: &'static str,
        /// The cause.
        source: pem::Error,
    },
    /// A certificate cannot be decoded.
    #[error("{path} contains a certificate that cannot be decoded")]
    NotACertificate {
        /// The file.
        path: PathBuf,
    },
    /// The server's certificate is not valid now.
    #[error("the certificate in {path} is valid only from {from} to {to}")]
    NotValidNow {
        /// The file.
        path: PathBuf,
        /// The start of its validity.
        from: Timestamp,
        /// The end of its validity.
        to: Timestamp,
    },
    /// The certificate and the key are not a pair.
    #[error("{key} is not the key of the certificate in {certificate}: name the two files of one pair")]
    NotAPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The certificate and the key cannot be used.
    #[error("{certificate} and {key} cannot be used together")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The cause.
        source: rustls::Error,
    },
    /// The authority of client certificates cannot be used.
    #[error("{path} cannot be used as an authority")]
    BadAuthority {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
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
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let authorities = read_authorities(path)?;
                expiries.client_ca = authorities.iter().filter_map(|authority| ends(authority)).min();
                let roots = Arc::new(as_roots(path, authorities)?);
                // Optional here, because a client may send a token instead. Admission refuses a caller with neither.
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).allow_unauthenticated();
                let verifier = verifier.build().map_err(|source| bad_authority(path, source))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut tls = builder.with_single_cert(chain, key).map_err(unusable)?;
        tls.alpn_protocols = vec![b"h2".to_vec()];
        // Every connection presents its certificate. A resumed session would not, and gRPC connections live so long
        // that resumption gains nothing.
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        Ok(Certificates { tls: Arc::new(tls), expiries })
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

fn bad_authority(path: &Path, source: VerifierBuilderError) -> CertificateError {
    CertificateError::BadAuthority { path: path.to_owned(), source: source.into() }
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
fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
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

fn as_roots(path: &Path, authorities: Vec<CertificateDer<'static>>) -> Result<RootCertStore, CertificateError> {
    let mut roots = RootCertStore::empty();
    for certificate in authorities {
        let added = roots.add(certificate);
        added.map_err(|source| CertificateError::BadAuthority { path: path.to_owned(), source: source.into() })?;
    }
    Ok(roots)
}

/// The end of validity of a certificate. None if it cannot be decoded.
fn ends(certificate: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    Timestamp::from_second(certificate.validity().not_after.timestamp()).ok()
}

/// Returns the end of validity of a chain's first certificate, which must be valid now.
fn valid_to(path: &Path, chain: &[CertificateDer<'_>], now: Timestamp) -> Result<Timestamp, CertificateError> {
    let unreadable = || CertificateError::NotACertificate { path: path.to_owned() };
    let leaf = chain.first().ok_or_else(unreadable)?;
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| unreadable())?;
    let instant = |seconds: i64| Timestamp::from_second(seconds).map_err(|_| unreadable());
    let validity = leaf.validity();
    let (from, to) = (instant(validity.not_before.timestamp())?, instant(validity.not_after.timestamp())?);
    if (from..to).contains(&now) {
        Ok(to)
    } else {
        Err(CertificateError::NotValidNow { path: path.to_owned(), from, to })
    }
}
