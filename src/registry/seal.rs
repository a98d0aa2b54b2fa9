//! Seals: with them the registry recognizes what it issued itself, even after a restart and on every replica.

use hmac::{Hmac, Mac as _};
use sha2::Sha256;

use crate::store::{Key, mac};

/// The length of a seal in bytes.
pub const SEAL_BYTES: usize = 16;

/// The domain separator for deriving the seal key.
const PURPOSE: &[u8] = b"cpss-registry page tokens 1";

/// The key for seals.
pub(super) struct Sealer(Key);

impl Sealer {
    /// Derives the seal key from the registry's own key.
    pub(super) fn of(request_key: &Key) -> Sealer {
        Sealer(keyed_digest(request_key, PURPOSE))
    }

    /// Computes the seal of some parts.
    pub(super) fn seal(&self, parts: &[&[u8]]) -> [u8; SEAL_BYTES] {
        let whole: [u8; 32] = self.mac(parts).finalize().into_bytes().into();
        let mut seal = [0; SEAL_BYTES];
        seal.copy_from_slice(&whole[..SEAL_BYTES]);
        seal
    }

    /// True if `seal` is the seal of these parts.
    pub(super) fn is_sealed(&self, parts: &[&[u8]], seal: &[u8]) -> bool {
        seal.len() == SEAL_BYTES && self.mac(parts).verify_truncated_left(seal).is_ok()
    }

    /// Authenticates each part with its length, so that bytes cannot move from one part to another.
    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = mac(&self.0);
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac
    }
}

/// Returns a keyed digest of some content.
pub(super) fn keyed_digest(key: &Key, content: &[u8]) -> [u8; 32] {
    mac(key).chain_update(content).finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_depends_on_the_key_and_on_how_the_parts_are_split() {
        let seal =
            |key: u8, parts: &[&[u8]]| -> [u8; 32] { Sealer::of(&[key; 32]).mac(parts).finalize().into_bytes().into() };
        let sealed = seal(1, &[b"ab", b"c"]);
        assert_eq!(sealed, seal(1, &[b"ab", b"c"]));
        assert_ne!(sealed, seal(2, &[b"ab", b"c"]), "the key of another registry");
        assert_ne!(sealed, seal(1, &[b"a", b"bc"]), "the same bytes, cut elsewhere");
        assert_ne!(sealed, seal(1, &[b"ab", b"c", b""]), "one more part");
    }
}
