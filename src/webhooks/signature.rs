//! Signatures as Standard Webhooks defines them: HMAC-SHA256 of the id, the time and the body.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// What a secret begins with.
const PREFIX: &str = "whsec_";

/// How many bytes a secret may have.
const LENGTHS: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that a receiver shares.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(Box<[u8]>);

/// The content of a file is not a list of secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "each line must be a secret: `{PREFIX}` and the base64 of 24 to 64 random bytes (echo \"{PREFIX}$(openssl rand \
     -base64 32)\")"
)]
pub(crate) struct NotASecret;

impl Secret {
    /// The secrets in a text, one a line.
    pub(crate) fn all_in(text: &str) -> Result<Vec<Secret>, NotASecret> {
        let secrets = text.lines().map(str::trim).filter(|line| !line.is_empty()).map(Secret::of);
        let secrets = secrets.collect::<Result<Vec<_>, _>>()?;
        if secrets.is_empty() { Err(NotASecret) } else { Ok(secrets) }
    }

    fn of(text: &str) -> Result<Secret, NotASecret> {
        let bytes = STANDARD.decode(text.strip_prefix(PREFIX).ok_or(NotASecret)?).map_err(|_| NotASecret)?;
        if LENGTHS.contains(&bytes.len()) { Ok(Secret(bytes.into())) } else { Err(NotASecret) }
    }

    fn sign(&self, id: &str, time: i64, body: &[u8]) -> Option<String> {
        // A key of any length is valid, so there is always a signature.
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).ok()?;
        mac.update(format!("{id}.{time}.").as_bytes());
        mac.update(body);
        Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The value of `webhook-signature`: a signature by each secret. `time` is in seconds since 1970.
pub(super) fn signatures(secrets: &[Secret], id: &str, time: i64, body: &[u8]) -> String {
    secrets.iter().filter_map(|secret| secret.sign(id, time, body)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    #[test]
    fn a_signature_is_that_of_the_standards_libraries() {
        let secrets = Secret::all_in(&format!("{SECRET}\n")).unwrap();
        let signed = |id, body: &str| signatures(&secrets, id, 1_614_265_330, body.as_bytes());
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        assert_eq!(signed(id, r#"{"test": 2432232314}"#), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_ne!(signed(id, r#"{"test": 2432232315}"#), signed(id, r#"{"test": 2432232314}"#));
        assert_ne!(signed("msg_2", "{}"), signed("msg_1", "{}"));
    }

    #[test]
    fn each_secret_of_the_file_signs() {
        let other = format!("{PREFIX}{}", STANDARD.encode([7; 32]));
        let both = Secret::all_in(&format!("{SECRET}\n\n {other}\r\n")).unwrap();
        let one = |at: usize| signatures(&both[at..=at], "a", 1, b"{}");
        assert_eq!(signatures(&both, "a", 1, b"{}"), format!("{} {}", one(0), one(1)));
    }

    #[test]
    fn what_is_not_a_secret_is_refused() {
        let short = format!("{PREFIX}{}", STANDARD.encode([7; 23]));
        let long = format!("{PREFIX}{}", STANDARD.encode([7; 65]));
        for wrong in ["", "\n", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_", "whsec_?", &short, &long] {
            assert_eq!(Secret::all_in(wrong), Err(NotASecret), "{wrong}");
        }
        assert_eq!(format!("{:?}", Secret::all_in(SECRET).unwrap()), "[Secret(..)]");
    }
}
