//! Bearer tokens. The registry stores only their digests, and never logs a token.

use std::fmt;

use sha2::{Digest as _, Sha256};

use super::hex;

/// The minimum length of a token: 128 bits take this many characters in base64.
const MIN_LENGTH: usize = 22;

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Computes the digest of a token, as sent.
    pub fn of(token: &str) -> Digest {
        Digest(Sha256::digest(token).into())
    }

    /// Parses a digest of 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Digest> {
        hex::bytes(text.as_bytes())?.try_into().ok().map(Digest)
    }

    /// The digest in hexadecimal.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Extracts the token from an `authorization` header of the form `Bearer TOKEN`.
pub(super) fn bearer(header: &http::HeaderValue) -> Option<&str> {
    let (scheme, token) = header.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && token.len() >= MIN_LENGTH).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let digest = Digest::of("abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_hex(), text);
        assert_eq!(Digest::from_hex(&text.to_uppercase()), Some(digest));
        for wrong in [&text[1..], &format!("{text}0"), &text.replace('b', "g"), ""] {
            assert_eq!(Digest::from_hex(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_short_token_is_refused() {
        let token_of = |text: &str| bearer(&text.parse().unwrap()).map(str::to_owned);
        let token = "0123456789abcdef012345";
        assert_eq!(token_of(&format!("bearer {token}")).as_deref(), Some(token));
        for wrong in [&token[1..], token] {
            assert_eq!(token_of(&format!("Basic {wrong}")), None);
        }
        assert_eq!(token_of(&format!("Bearer {}", &token[1..])), None);
    }
}
