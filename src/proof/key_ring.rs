//! The keys of a registry: those that sign now, and every public one there ever was.

use super::jwk::Jwks;
use super::keys::{PrivateKey, PublicKey};

/// The keys for one purpose.
#[derive(Debug)]
pub struct KeyRing {
    signs: PrivateKey,
    /// The other public ones: first the one that signs next, if a rotation has begun, and then those that are retired,
    /// the latest first.
    others: Vec<PublicKey>,
}

/// The keys for all purposes.
#[derive(Debug)]
pub struct SigningKeys {
    /// The keys of answers and receipts.
    pub answers: KeyRing,
    /// The keys of checkpoints.
    pub checkpoints: KeyRing,
}

impl KeyRing {
    /// A ring with a key that signs, and the other public ones.
    pub fn new(signs: PrivateKey, others: Vec<PublicKey>) -> KeyRing {
        KeyRing { signs, others }
    }

    /// The key that signs now.
    pub fn current(&self) -> &PrivateKey {
        &self.signs
    }

    /// Every public key, the current one first.
    pub fn public(&self) -> impl Iterator<Item = &PublicKey> {
        std::iter::once(self.signs.public()).chain(&self.others)
    }
}

impl SigningKeys {
    /// Every public key: those of answers first, and of each purpose the current one first.
    pub fn jwks(&self) -> Jwks {
        Jwks::of(self.answers.public().chain(self.checkpoints.public()).cloned())
    }
}
