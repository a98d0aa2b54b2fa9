//! Rotates the keys that sign answers and checkpoints, in the files of a registry or of all replicas.

use std::path::Path;

use super::SetupError;
use crate::proof::jwk::Jwks;
use crate::proof::keys::{PublicKey, Purpose};
use crate::registry::clock;
use crate::store::{IdentityError, copied_log, registry_id, signing_keys};

/// A step of the rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Make the key that signs next, and publish it.
    Begin,
    /// Let it sign, and retire the one before.
    Finish,
}

/// The keys after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RotatedKeys {
    /// The key that was made, or that signs from now on.
    pub next: PublicKey,
    /// The key that is retired.
    pub retired: Option<PublicKey>,
}

/// Does one step in the data directory of a registry. Refuses that of a replica, which has a copy of the keys of all.
pub fn rotate_keys(data_dir: &Path, purpose: Purpose, step: KeyStep) -> Result<RotatedKeys, SetupError> {
    if copied_log(data_dir).map_err(IdentityError::from)?.is_some() {
        return Err(SetupError::KeysOfReplicas(data_dir.to_owned()));
    }
    registry_id(data_dir)?;
    rotate_keys_in(&data_dir.join("keys"), purpose, step)
}

/// Does one step in a directory of keys that all replicas have.
pub fn rotate_keys_in(directory: &Path, purpose: Purpose, step: KeyStep) -> Result<RotatedKeys, SetupError> {
    let now = clock::now();
    match step {
        KeyStep::Begin => {
            Ok(RotatedKeys { next: signing_keys::begin_rotation(directory, purpose, now)?, retired: None })
        }
        KeyStep::Finish => {
            let (retired, next) = signing_keys::finish_rotation(directory, purpose, now)?;
            Ok(RotatedKeys { next, retired: Some(retired) })
        }
    }
}

/// The public keys in the data directory of a registry, also of those that cannot sign any more.
pub fn public_keys(data_dir: &Path) -> Result<Jwks, SetupError> {
    registry_id(data_dir)?;
    Ok(signing_keys::read(&data_dir.join("keys")).map_err(signing_keys::RotationError::from)?.public)
}
