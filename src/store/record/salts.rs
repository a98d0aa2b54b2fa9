//! The source of the salts of records.

use std::io;

use sha2::{Digest as _, Sha256};

use super::Salt;
use crate::domain::id::Revision;
use crate::store::random::random_number;

/// Generates the salt of each record.
#[derive(Clone, Debug, Default)]
pub enum Salts {
    /// Random salts.
    #[default]
    Random,
    /// Salts derived from a seed, for a sample registry that is the same each time.
    Seeded([u8; 32]),
}

impl Salts {
    /// The salt of the record at a revision.
    pub fn salt(&self, revision: Revision) -> io::Result<Salt> {
        let mut salt = Salt::default();
        match self {
            Salts::Random => {
                for bytes in salt.as_chunks_mut().0 {
                    *bytes = random_number().map_err(io::Error::other)?.to_ne_bytes();
                }
            }
            Salts::Seeded(seed) => {
                let hash =
                    Sha256::new().chain_update(b"salt").chain_update(seed).chain_update(revision.0.to_be_bytes());
                salt.iter_mut().zip(hash.finalize()).for_each(|(to, from)| *to = from);
            }
        }
        Ok(salt)
    }
}
