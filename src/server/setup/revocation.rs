//! Revokes a client's certificate, for example because its key is lost or stolen.

use std::path::Path;

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;

use super::files::{self, Readers};
use super::{CLIENTS, SetupError, absolute, bad_list, lock, refuse_reserved};
use crate::auth::clients::{Clients, NotRevoked, check_revocable, with_revoked};
pub use crate::auth::serial::Serial;

/// Revokes a certificate of a client: the one with this serial number, or else the one in the client's file. The
/// client's row stays, and the client may present another certificate. A running server refuses the revoked one from
/// the next call on.
pub fn revoke(directory: &Path, client: &str, serial: Option<&Serial>) -> Result<Serial, SetupError> {
    let directory = absolute(directory)?;
    refuse_reserved(client)?;
    let _lock = lock::take(&directory)?;
    let path = directory.join(CLIENTS);
    let list = files::read(&path)?;
    Clients::read(&list).map_err(|mistakes| bad_list(&path, mistakes))?;
    let not_revoked = |reason| match reason {
        NotRevoked::NotOnList => SetupError::NotOnList { path: path.clone(), client: client.to_owned() },
        reason => SetupError::NotRevoked { path: path.clone(), reason },
    };
    // Checked before the certificate's file, which an unknown client and a client with a token do not have either.
    check_revocable(&list, client).map_err(not_revoked)?;
    let serial = match serial {
        Some(serial) => serial.clone(),
        None => serial_of(&directory, client)?,
    };
    let list = with_revoked(&list, client, &serial).map_err(not_revoked)?;
    Clients::read(&list).map_err(|mistakes| bad_list(&path, mistakes))?;
    files::replace(&path, &list, Readers::Anyone)?;
    Ok(serial)
}

fn serial_of(directory: &Path, client: &str) -> Result<Serial, SetupError> {
    let path = directory.join(format!("{client}.crt"));
    let text = files::read(&path)?;
    let der = CertificateDer::from_pem_slice(text.as_bytes()).ok();
    der.and_then(|der| Serial::of_certificate(&der)).ok_or(SetupError::NotACertificate { path })
}
