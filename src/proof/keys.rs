//! Key pairs: ES256 for answers and receipts, Ed25519 for the checkpoints of the log.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    UnparsedPublicKey, VerificationAlgorithm,
};
use sha2::{Digest as _, Sha256};

/// The length of a signature, of either kind, in bytes.
pub const SIGNATURE_BYTES: usize = 64;

/// What a key signs. It also decides the algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Answers and receipts: ECDSA on P-256 with SHA-256 (ES256).
    Answers,
    /// Checkpoints of the transparency log: Ed25519.
    Checkpoints,
}

/// A key that signs.
pub struct PrivateKey {
    pair: Pair,
    random: SystemRandom,
    public: PublicKey,
}

enum Pair {
    Es256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

/// A key that verifies.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    purpose: Purpose,
    /// The uncompressed point without its first byte (64 bytes), or the 32 bytes of Ed25519.
    bytes: Vec<u8>,
    kid: String,
    /// When the key was made, in seconds since 1970.
    pub made_at: i64,
    /// From when on a signature by the key is not accepted, in seconds since 1970. `None`: not retired.
    pub retired_at: Option<i64>,
}

/// The reasons why a key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are not a key of the algorithm.
    #[error("it is not a PKCS#8 private key for {}", .0.algorithm())]
    NotPrivate(Purpose),
    /// The bytes are not a public key of the algorithm.
    #[error("it is not a public key for {}", .0.algorithm())]
    NotPublic(Purpose),
    /// The system has no random numbers.
    #[error("the system gives no random numbers")]
    NoRandomNumbers,
}

impl Purpose {
    /// All purposes.
    pub const ALL: [Purpose; 2] = [Purpose::Answers, Purpose::Checkpoints];

    /// Its name, which the files of its keys begin with.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Answers => "answers",
            Purpose::Checkpoints => "checkpoints",
        }
    }

    /// Its algorithm, as JOSE names it.
    pub fn algorithm(self) -> &'static str {
        match self {
            Purpose::Answers => "ES256",
            Purpose::Checkpoints => "EdDSA",
        }
    }

    fn verification(self) -> &'static dyn VerificationAlgorithm {
        match self {
            Purpose::Answers => &ECDSA_P256_SHA256_FIXED,
            Purpose::Checkpoints => &ED25519,
        }
    }

    /// The length of a public key in bytes.
    fn public_bytes(self) -> usize {
        match self {
            Purpose::Answers => 64,
            Purpose::Checkpoints => 32,
        }
    }
}

impl PrivateKey {
    /// Makes a key. Returns it as PKCS#8.
    pub fn generate(purpose: Purpose) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        let made = match purpose {
            Purpose::Answers => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
            Purpose::Checkpoints => Ed25519KeyPair::generate_pkcs8(&random),
        };
        Ok(made.map_err(|_| KeyError::NoRandomNumbers)?.as_ref().to_vec())
    }

    /// Reads a key from PKCS#8. `made_at` is when it was made, in seconds since 1970.
    pub fn read(purpose: Purpose, pkcs8: &[u8], made_at: i64) -> Result<PrivateKey, KeyError> {
        let (random, refused) = (SystemRandom::new(), |_| KeyError::NotPrivate(purpose));
        let pair = match purpose {
            Purpose::Answers => Pair::Es256(
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8, &random).map_err(refused)?,
            ),
            // Other programs write the key without its public half.
            Purpose::Checkpoints => Pair::Ed25519(Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(refused)?),
        };
        let bytes = match &pair {
            // The first byte says that the point is not compressed.
            Pair::Es256(pair) => pair.public_key().as_ref().get(1..).unwrap_or_default(),
            Pair::Ed25519(pair) => pair.public_key().as_ref(),
        };
        let public = PublicKey::of(purpose, bytes.to_vec(), made_at)?;
        Ok(PrivateKey { pair, random, public })
    }

    /// The key that verifies what this one signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; SIGNATURE_BYTES], KeyError> {
        let signed = match &self.pair {
            Pair::Es256(pair) => pair.sign(&self.random, message).map_err(|_| KeyError::NoRandomNumbers)?,
            Pair::Ed25519(pair) => pair.sign(message),
        };
        signed.as_ref().try_into().map_err(|_| KeyError::NotPrivate(self.public.purpose))
    }
}

impl PublicKey {
    /// A key of these bytes: X and Y of a point, or the 32 bytes of Ed25519.
    pub fn of(purpose: Purpose, bytes: Vec<u8>, made_at: i64) -> Result<PublicKey, KeyError> {
        if bytes.len() != purpose.public_bytes() {
            return Err(KeyError::NotPublic(purpose));
        }
        let kid = thumbprint(purpose, &bytes);
        Ok(PublicKey { purpose, bytes, kid, made_at, retired_at: None })
    }

    /// What it verifies.
    pub fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// X and Y of the point, or the 32 bytes of Ed25519.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its id: the SHA-256 thumbprint of RFC 7638, in base64url.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// True if the signature of the message is by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let (mut key, is_point) = (Vec::with_capacity(65), self.purpose == Purpose::Answers);
        key.extend(is_point.then_some(0x04));
        key.extend_from_slice(&self.bytes);
        UnparsedPublicKey::new(self.purpose.verification(), key).verify(message, signature).is_ok()
    }
}

impl fmt::Debug for PrivateKey {
    /// Shows the public half alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PrivateKey").field(&self.public).finish()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.purpose.algorithm(), self.kid)
    }
}

/// The members of a JWK that its thumbprint is made of, in the order of their names.
fn thumbprint(purpose: Purpose, bytes: &[u8]) -> String {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let required = match purpose {
        Purpose::Answers => {
            let (x, y) = bytes.split_at(32);
            format!(r#"{{"crv":"P-256","kty":"EC","x":"{}","y":"{}"}}"#, text(x), text(y))
        }
        Purpose::Checkpoints => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, text(bytes)),
    };
    text(&Sha256::digest(required))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_what_its_public_half_verifies_and_nothing_else() {
        for purpose in Purpose::ALL {
            let make = || PrivateKey::read(purpose, &PrivateKey::generate(purpose).unwrap(), 7).unwrap();
            let (key, other) = (make(), make());
            let signature = key.sign(b"message").unwrap();
            assert!(key.public().verifies(b"message", &signature));
            assert!(!key.public().verifies(b"massage", &signature));
            assert!(!other.public().verifies(b"message", &signature));
            for bit in 0..SIGNATURE_BYTES * 8 {
                let mut flipped = signature;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(!key.public().verifies(b"message", &flipped), "bit {bit}");
            }
        }
    }

    #[test]
    fn a_key_for_one_purpose_is_none_for_the_other() {
        for (of, read_as) in [(Purpose::Answers, Purpose::Checkpoints), (Purpose::Checkpoints, Purpose::Answers)] {
            let refused = PrivateKey::read(read_as, &PrivateKey::generate(of).unwrap(), 0).unwrap_err();
            assert_eq!(refused, KeyError::NotPrivate(read_as));
        }
        assert_eq!(PublicKey::of(Purpose::Answers, vec![0; 32], 0), Err(KeyError::NotPublic(Purpose::Answers)));
    }

    /// RFC 8037, appendix A.3.
    #[test]
    fn the_id_of_a_key_is_its_thumbprint() {
        let bytes = URL_SAFE_NO_PAD.decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let key = PublicKey::of(Purpose::Checkpoints, bytes, 0).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
