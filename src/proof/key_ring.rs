//! The keys of a registry: those that sign, and every public one there ever was.

use std::sync::Arc;

use super::jwk::Jwks;
use super::keys::{PrivateKey, PublicKey};

/// The keys of a registry.
#[derive(Debug, Default)]
pub struct RegistryKeys {
    /// The keys that sign. `None`: none can for one of the purposes.
    pub signing: Option<Arc<SigningKeys>>,
    /// Every public key: those of answers first, and of each purpose the one that signs first.
    pub public: Jwks,
}

/// The keys that sign, for all purposes.
#[derive(Debug)]
pub struct SigningKeys {
    /// The keys of answers and receipts.
    pub answers: KeyRing,
    /// The keys of checkpoints.
    pub checkpoints: KeyRing,
}

/// The keys that sign for one purpose.
#[derive(Debug)]
pub struct KeyRing {
    /// The key that signs now.
    pub current: PrivateKey,
    /// The key that signs next, if a rotation has begun.
    pub next: Option<PublicKey>,
}
