//! The reasons why certificate files cannot be used.

use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use tokio_rustls::rustls;
use tokio_rustls::rustls::pki_types::pem;

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
