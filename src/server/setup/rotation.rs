//! Replaces the authority without an outage. For a while there are two: `ca.crt` has both certificates, and `ca.key` is
//! the key of the newer one.

use std::path::{Path, PathBuf};

use super::authority::Authority;
use super::files::{self, Readers};
use super::issued::{Issued, Signer};
use super::{CA, CLIENTS, SERVER, SetupError, absolute, lock, read_list};
use crate::auth::clients::Shown;
use crate::registry::clock;

/// The authorities after a step of the rotation, and those that it has dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The authorities that are trusted now.
    pub trusted: Vec<Signer>,
    /// The authorities that were dropped.
    pub dropped: Vec<Signer>,
}

/// Makes a second authority, which signs from now on. The first one stays trusted, so nobody is refused. Its key is not
/// needed, and is replaced.
pub fn begin_rotation(directory: &Path) -> Result<Rotation, SetupError> {
    let directory = absolute(directory)?;
    let _lock = lock::take(&directory)?;
    let path = directory.join(format!("{CA}.crt"));
    let earlier = authorities(&directory)?;
    if earlier.len() > 1 {
        return Err(SetupError::RotationBegun { path });
    }
    let (_, pair) = Authority::make(clock::now())?;
    let made = Signer::all_in(&pair.certificate).unwrap_or_default();
    let trusted: Vec<Signer> = made.into_iter().chain(earlier).collect();
    // The key first: a key without its certificate signs nothing.
    files::replace(&directory.join(format!("{CA}.key")), &pair.key, Readers::Owner)?;
    files::replace(&path, &pem_of(&trusted), Readers::Anyone)?;
    Ok(Rotation { trusted, dropped: Vec::new() })
}

/// Drops all authorities but the newest. Refuses to while the server or a client has a certificate of one of them, as
/// far as the files in the directory show.
pub fn finish_rotation(directory: &Path) -> Result<Rotation, SetupError> {
    let directory = absolute(directory)?;
    let _lock = lock::take(&directory)?;
    let path = directory.join(format!("{CA}.crt"));
    let mut dropped = authorities(&directory)?;
    // Of two that are equally new, the first.
    let newest = (0..dropped.len()).rev().max_by_key(|at| dropped.get(*at).map(|signer| signer.from));
    let Some(newest) = newest.filter(|_| dropped.len() > 1).map(|at| dropped.remove(at)) else {
        return Err(SetupError::NoRotation { path });
    };
    let mut earlier = Vec::new();
    for name in holders(&directory)? {
        if issued(&directory, &name)?.is_some_and(|issued| !newest.signed(&issued)) {
            earlier.push(name);
        }
    }
    if !earlier.is_empty() {
        return Err(SetupError::StillSigned { names: earlier.join(", ") });
    }
    files::replace(&path, &newest.pem(), Readers::Anyone)?;
    Ok(Rotation { trusted: vec![newest], dropped })
}

/// The authorities of a directory.
pub(super) fn authorities(directory: &Path) -> Result<Vec<Signer>, SetupError> {
    let path = directory.join(format!("{CA}.crt"));
    let read = Signer::all_in(&files::read(&path)?).filter(|all| !all.is_empty());
    read.ok_or(SetupError::NotAnAuthority { path })
}

/// The certificate with this name in a directory. None if there is none.
pub(super) fn issued(directory: &Path, name: &str) -> Result<Option<Issued>, SetupError> {
    let path = directory.join(format!("{name}.crt"));
    if path.exists() { certificate_in(path).map(Some) } else { Ok(None) }
}

/// The certificate in a file.
pub(super) fn certificate_in(path: PathBuf) -> Result<Issued, SetupError> {
    Issued::read(&files::read(&path)?).ok_or(SetupError::NotACertificate { path })
}

/// The server and the clients with certificates.
fn holders(directory: &Path) -> Result<Vec<String>, SetupError> {
    let clients = read_list(&directory.join(CLIENTS))?;
    let certified = clients.entries().into_iter().filter(|entry| matches!(entry.shows, Shown::Certificate { .. }));
    let names = certified.map(|entry| entry.caller.client.clone());
    Ok(std::iter::once(SERVER.to_owned()).chain(names).collect())
}

fn pem_of(signers: &[Signer]) -> String {
    signers.iter().map(Signer::pem).collect()
}
