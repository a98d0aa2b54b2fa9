//! Revokes a client's certificate, for example because its key is lost or stolen.

use std::path::Path;

use super::files::{self, Readers};
use super::rotation::certificate_in;
use super::{CLIENTS, SetupError, absolute, check_list, lock, refuse_reserved};
use crate::auth::clients::{NotChanged, check_revocable, with_revoked};
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
    check_list(&path, &list)?;
    let not_revoked = |reason| match reason {
        NotChanged::NotOnList => SetupError::NotOnList { path: path.clone(), client: client.to_owned() },
        reason => SetupError::NotRevoked { path: path.clone(), reason },
    };
    // Checked before the certificate's file, which an unknown client and a client with a token do not have either.
    check_revocable(&list, client).map_err(not_revoked)?;
    let serial = match serial {
        Some(serial) => serial.clone(),
        None => certificate_in(directory.join(format!("{client}.crt")))?.serial,
    };
    let list = with_revoked(&list, client, &serial).map_err(not_revoked)?;
    check_list(&path, &list)?;
    files::replace(&path, &list, Readers::Anyone)?;
    Ok(serial)
}
