//! Keyed digests.

use hmac::{Hmac, KeyInit as _};
use sha2::{Digest as _, Sha256};

use super::data_dir::Key;

/// A keyed digest of what is added to it.
pub fn mac(key: &Key) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..key.len()].copy_from_slice(key);
    Hmac::<Sha256>::new(&block)
}

/// Names a request key without giving it away: processes that share a log must have the same key.
pub fn request_key_id(key: &Key) -> [u8; 32] {
    Sha256::new().chain_update(b"cpss-registry request key 1").chain_update(key).finalize().into()
}
