//! Signed statements: JSON Web Signatures (RFC 7515) in compact form, by ES256.
//!
//! A statement is accepted by one algorithm, one list of public keys, and one `typ` alone. So neither the header nor
//! the payload can choose how it is checked.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::jwk::Jwks;
use super::keys::{KeyError, PrivateKey, Purpose};

/// The `typ` of signed answers.
pub const ANSWER: &str = "cpss-answer+jwt";

/// The `typ` of signed receipts.
pub const RECEIPT: &str = "cpss-receipt+jwt";

/// A statement whose signature is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// What it is: [`ANSWER`] or [`RECEIPT`].
    pub typ: &'static str,
    /// The id of the key that signed it.
    pub kid: String,
    /// What it states.
    pub claims: Map<String, Value>,
}

/// The reasons why a statement is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JwsError {
    /// It is not of the form `header.payload.signature`.
    #[error("it is not a compact JWS: three parts in base64url with dots between them")]
    Form,
    /// The header is not one that the registry writes.
    #[error("its header is not that of a signed answer or receipt: it must have `alg`, `kid`, and `typ` alone")]
    Header,
    /// The algorithm is another one.
    #[error("its `alg` is not ES256, the only one that the registry signs with")]
    Algorithm,
    /// The type is another one.
    #[error("its `typ` is neither {ANSWER} nor {RECEIPT}")]
    Type,
    /// The key is not in the set.
    #[error("its key is not in the set of keys: fetch /.well-known/jwks.json again; if it is not there, it is forged")]
    UnknownKey,
    /// The key is not one for answers.
    #[error("its key does not sign answers or receipts")]
    OtherPurpose,
    /// The signature is not by the key.
    #[error("the signature is wrong: it was changed, or it is forged")]
    Signature,
    /// The payload is not a JSON object with `iat`.
    #[error("its payload is not a statement: it must be a JSON object with a number `iat`")]
    Payload,
    /// It says that it was signed when its key did not sign.
    #[error("its `iat` is not within the time in which its key signed")]
    OutsideOfKeyLife,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    typ: String,
}

/// Signs a statement. `claims` is a JSON object.
pub fn sign(key: &PrivateKey, typ: &str, claims: &[u8]) -> Result<String, KeyError> {
    let (alg, kid) = (key.public().purpose().algorithm(), key.public().kid());
    let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#);
    // Four characters for three bytes, and the signature.
    let mut jws = String::with_capacity((header.len() + claims.len()) * 4 / 3 + 96);
    URL_SAFE_NO_PAD.encode_string(header, &mut jws);
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(claims, &mut jws);
    let signature = key.sign(jws.as_bytes())?;
    jws.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jws);
    Ok(jws)
}

/// Checks a statement by the public keys of the registry.
pub fn verify(jws: &str, keys: &Jwks) -> Result<Statement, JwsError> {
    let mut parts = jws.split('.');
    let (Some(header), Some(payload), Some(signature), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(JwsError::Form);
    };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| JwsError::Form);
    let signature = decoded(signature)?;
    let Header { alg, kid, typ } = serde_json::from_slice(&decoded(header)?).map_err(|_| JwsError::Header)?;
    if alg != Purpose::Answers.algorithm() {
        return Err(JwsError::Algorithm);
    }
    let typ = [ANSWER, RECEIPT].into_iter().find(|known| typ == *known).ok_or(JwsError::Type)?;
    let key = keys.find(&kid).ok_or(JwsError::UnknownKey)?;
    if key.purpose() != Purpose::Answers {
        return Err(JwsError::OtherPurpose);
    }
    let signed = jws.rfind('.').and_then(|end| jws.get(..end)).unwrap_or_default();
    if !key.verifies(signed.as_bytes(), &signature) {
        return Err(JwsError::Signature);
    }
    let claims: Map<String, Value> = serde_json::from_slice(&decoded(payload)?).map_err(|_| JwsError::Payload)?;
    let signed_at = claims.get("iat").and_then(Value::as_i64).ok_or(JwsError::Payload)?;
    if signed_at < key.made_at || key.retired_at.is_some_and(|retired| signed_at >= retired) {
        return Err(JwsError::OutsideOfKeyLife);
    }
    Ok(Statement { typ, kid, claims })
}

#[cfg(test)]
mod tests {
    use ring::hmac::{HMAC_SHA256, Key, sign as authenticate};

    use super::*;

    const MADE_AT: i64 = 1_700_000_000;
    const CLAIMS: &[u8] = br#"{"iat":1700000005,"verdict":"VERDICT_CONFIRMED"}"#;

    fn key(purpose: Purpose) -> PrivateKey {
        PrivateKey::read(purpose, &PrivateKey::generate(purpose).unwrap(), MADE_AT).unwrap()
    }

    fn set(key: &PrivateKey) -> Jwks {
        Jwks::of([key.public().clone()])
    }

    /// A statement with another header, signed by the key.
    fn with_header(key: &PrivateKey, header: &str) -> String {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(CLAIMS));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(key.sign(signed.as_bytes()).unwrap()))
    }

    #[test]
    fn what_was_signed_is_read() {
        let key = key(Purpose::Answers);
        let read = verify(&sign(&key, RECEIPT, CLAIMS).unwrap(), &set(&key)).unwrap();
        assert_eq!((read.typ, read.kid.as_str()), (RECEIPT, key.public().kid()));
        assert_eq!(read.claims["verdict"], "VERDICT_CONFIRMED");
    }

    #[test]
    fn a_bit_that_is_changed_anywhere_is_refused() {
        let key = key(Purpose::Answers);
        let jws = sign(&key, ANSWER, CLAIMS).unwrap();
        let keys = set(&key);
        for at in 0..jws.len() {
            for bit in 0..8 {
                let mut bytes = jws.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else { continue };
                assert!(verify(&changed, &keys).is_err(), "byte {at}, bit {bit}");
            }
        }
        assert_eq!(verify(&format!("{jws}.x"), &keys), Err(JwsError::Form));
        assert_eq!(verify(&format!("{jws}="), &keys), Err(JwsError::Form));
    }

    #[test]
    fn the_header_cannot_choose_how_the_statement_is_checked() {
        let key = key(Purpose::Answers);
        let (keys, kid) = (set(&key), key.public().kid());
        let of = |alg: &str, typ: &str, more: &str| format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"{more}}}"#);
        let refusal = |header: String| verify(&with_header(&key, &header), &keys).unwrap_err();
        assert!(verify(&with_header(&key, &of("ES256", ANSWER, "")), &keys).is_ok());
        assert_eq!(refusal(of("none", ANSWER, "")), JwsError::Algorithm);
        assert_eq!(refusal(of("EdDSA", ANSWER, "")), JwsError::Algorithm);
        assert_eq!(refusal(of("ES256", "JWT", "")), JwsError::Type);
        assert_eq!(refusal(of("ES256", ANSWER, r#","crit":["b64"],"b64":false"#)), JwsError::Header);
        assert_eq!(refusal(r#"{"alg":"ES256"}"#.to_owned()), JwsError::Header);
        // Without a signature, and by the public key as the secret of an HMAC.
        let unsigned = with_header(&key, &of("none", ANSWER, ""));
        let unsigned = unsigned.rsplit_once('.').unwrap().0;
        assert_eq!(verify(&format!("{unsigned}."), &keys), Err(JwsError::Algorithm));
        let signed = with_header(&key, &of("HS256", ANSWER, ""));
        let signed = signed.rsplit_once('.').unwrap().0;
        let mac = authenticate(&Key::new(HMAC_SHA256, key.public().bytes()), signed.as_bytes());
        let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
        assert_eq!(verify(&forged, &keys), Err(JwsError::Algorithm));
    }

    #[test]
    fn only_a_key_of_the_set_that_signs_answers_counts_and_only_while_it_signs() {
        let (key, other) = (key(Purpose::Answers), key(Purpose::Answers));
        let jws = sign(&key, ANSWER, CLAIMS).unwrap();
        assert_eq!(verify(&jws, &set(&other)), Err(JwsError::UnknownKey));
        // The id of a key that did not sign it.
        let header = format!(r#"{{"alg":"ES256","kid":"{}","typ":"{ANSWER}"}}"#, key.public().kid());
        assert_eq!(verify(&with_header(&other, &header), &set(&key)), Err(JwsError::Signature));
        let checkpoints = self::key(Purpose::Checkpoints);
        let header = format!(r#"{{"alg":"ES256","kid":"{}","typ":"{ANSWER}"}}"#, checkpoints.public().kid());
        assert_eq!(verify(&with_header(&checkpoints, &header), &set(&checkpoints)), Err(JwsError::OtherPurpose));
        let lived = |made_at, retired_at| {
            let mut public = key.public().clone();
            (public.made_at, public.retired_at) = (made_at, retired_at);
            verify(&jws, &Jwks::of([public])).map(|_| ())
        };
        assert_eq!(lived(MADE_AT + 5, Some(MADE_AT + 6)), Ok(()));
        assert_eq!(lived(MADE_AT + 6, None), Err(JwsError::OutsideOfKeyLife));
        assert_eq!(lived(MADE_AT, Some(MADE_AT + 5)), Err(JwsError::OutsideOfKeyLife));
        let timeless = sign(&key, ANSWER, br#"{"verdict":1}"#).unwrap();
        assert_eq!(verify(&timeless, &set(&key)), Err(JwsError::Payload));
    }
}
