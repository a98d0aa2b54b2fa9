//! Keyed digests.

use hmac::{Hmac, KeyInit as _};
use sha2::Sha256;

use super::data_dir::Key;

/// A keyed digest of what is added to it.
pub fn mac(key: &Key) -> Hmac<Sha256> {
    let mut block = hmac::digest::Key::<Hmac<Sha256>>::default();
    block[..key.len()].copy_from_slice(key);
    Hmac::<Sha256>::new(&block)
}
