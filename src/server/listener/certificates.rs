//! The certificate that the server shows, its key, and the authority whose clients it believes: read together, and
//! taken only if they hold together.

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

use crate::server::file_modes::{others_may_use, others_may_write};

/// No file of these is larger.
const LARGEST: u64 = 1024 * 1024;

/// Where the files are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The server's certificate and what leads from it to its authority.
    pub certificate: PathBuf,
    /// The certificate's key.
    pub key: PathBuf,
    /// The authorities of clients' certificates. Without it no client shows one.
    pub client_ca: Option<PathBuf>,
}

/// Files that hold together.
#[derive(Clone, Debug)]
pub struct Certificates {
    /// What handshakes are made with.
    pub tls: Arc<ServerConfig>,
    /// When the server's certificate expires.
    pub expires: Timestamp,
}

/// Files that do not.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is larger than any of its kind.
    #[error("{path} is larger than 1 MiB")]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// Everyone on the machine can read the key.
    #[error("{path} is a key that everyone can read: chmod 600 {path}")]
    OpenKey {
        /// Which.
        path: PathBuf,
    },
    /// Everyone on the machine can change which clients are believed.
    #[error("{path} is an authority that everyone can write: chmod o-w {path}")]
    OpenAuthority {
        /// Which.
        path: PathBuf,
    },
    /// A file is not whole, or not PEM of its kind.
    #[error("{path} does not hold {wanted} in PEM")]
    NotPem {
        /// Which.
        path: PathBuf,
        /// What it was to hold.
        wanted: &'static str,
        /// Why not.
        source: pem::Error,
    },
    /// A certificate is not one.
    #[error("{path} holds a certificate that cannot be read")]
    NotACertificate {
        /// In which file.
        path: PathBuf,
    },
    /// The server's certificate is not valid today.
    #[error("the certificate in {path} is valid from {from} to {to}")]
    NotValidNow {
        /// In which file.
        path: PathBuf,
        /// Its first instant.
        from: Timestamp,
        /// Its last.
        to: Timestamp,
    },
    /// The certificate and the key are not a pair.
    #[error("{key} is not the key of the certificate in {certificate}: name the two files of one pair")]
    NotAPair {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// The certificate and the key cannot be used.
    #[error("{certificate} and {key} cannot be used together")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
        /// Why not.
        source: rustls::Error,
    },
    /// The authority cannot be used.
    #[error("{path} cannot be used as an authority")]
    BadAuthority {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl CertificateFiles {
    /// Reads them, at this instant.
    pub fn read(&self, now: Timestamp) -> Result<Certificates, CertificateError> {
        let chain = read_chain(&self.certificate)?;
        let expires = valid_to(&self.certificate, &chain, now)?;
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
                let roots = Arc::new(read_authorities(path)?);
                // Optional here, since a token is the alternative: admission refuses a caller that shows neither.
                let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider).allow_unauthenticated();
                let verifier = verifier.build().map_err(|source| bad_authority(path, source))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut tls = builder.with_single_cert(chain, key).map_err(unusable)?;
        tls.alpn_protocols = vec![b"h2".to_vec()];
        // Every connection shows its certificate. A resumed session would not, and gRPC keeps its connections for so
        // long that there is nothing to gain.
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        Ok(Certificates { tls: Arc::new(tls), expires })
    }

    /// Every file, to be watched.
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
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut content));
    read.map_err(unreadable(path))?;
    if content.len() as u64 > LARGEST {
        return Err(CertificateError::TooLarge { path: path.to_owned() });
    }
    Ok(content)
}

/// The certificates of a file: at least one, and no half.
fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    let not_pem = |source| CertificateError::NotPem { path: path.to_owned(), wanted: "a certificate", source };
    let content = read_bounded(path)?;
    let chain = CertificateDer::pem_slice_iter(&content).collect::<Result<Vec<_>, _>>().map_err(not_pem)?;
    if chain.is_empty() { Err(not_pem(pem::Error::NoItemsFound)) } else { Ok(chain) }
}

fn read_authorities(path: &Path) -> Result<RootCertStore, CertificateError> {
    if others_may_write(path).map_err(unreadable(path))? {
        return Err(CertificateError::OpenAuthority { path: path.to_owned() });
    }
    let mut roots = RootCertStore::empty();
    for certificate in read_chain(path)? {
        let added = roots.add(certificate);
        added.map_err(|source| CertificateError::BadAuthority { path: path.to_owned(), source: source.into() })?;
    }
    Ok(roots)
}

/// The last instant of a chain's first certificate, which is valid now.
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
