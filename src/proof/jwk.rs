//! Public keys as JSON Web Keys (RFC 7517), and sets of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::keys::{KeyError, PublicKey, Purpose};

/// A public key as JSON. `iat` and `exp` say when it was made and from when on its signatures are not accepted, as
/// OpenID Federation registered them.
#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    kid: String,
    alg: String,
    #[serde(rename = "use")]
    usage: String,
    iat: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
}

#[derive(Deserialize)]
struct JwkSet {
    keys: Vec<serde_json::Value>,
}

/// The public keys that a statement may be signed by.
#[derive(Clone, Debug, Default)]
pub struct Jwks(Vec<PublicKey>);

/// The reasons why a text is not a public key, or a set of them.
#[derive(Debug, thiserror::Error)]
pub enum JwkError {
    /// The text is not JSON of the right form.
    #[error("it is not a JWK or JWK set (RFC 7517)")]
    Form(#[source] serde_json::Error),
    /// The kind of the key is not one of the two that the registry uses.
    #[error("its key is neither P-256 for ES256 nor Ed25519 for EdDSA")]
    Kind,
    /// The key is not one.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The id is not the thumbprint of the key.
    #[error("its `kid` is not the RFC 7638 thumbprint of the key")]
    Kid,
}

impl PublicKey {
    /// The key as a JWK, in one line.
    pub fn to_jwk(&self) -> String {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (kty, crv) = kind_of(self.purpose());
        let (x, y) = self.bytes().split_at(32);
        let jwk = Jwk {
            kty: kty.to_owned(),
            crv: crv.to_owned(),
            x: text(x),
            y: if y.is_empty() { None } else { Some(text(y)) },
            kid: self.kid().to_owned(),
            alg: self.purpose().algorithm().to_owned(),
            usage: "sig".to_owned(),
            iat: self.made_at,
            exp: self.retired_at,
        };
        // Texts and numbers are always written.
        serde_json::to_string(&jwk).unwrap_or_default()
    }

    /// Reads a JWK.
    pub fn from_jwk(text: &str) -> Result<PublicKey, JwkError> {
        PublicKey::of_jwk(&serde_json::from_str(text).map_err(JwkError::Form)?)
    }

    fn of_jwk(jwk: &Jwk) -> Result<PublicKey, JwkError> {
        let same = |purpose: &Purpose| {
            kind_of(*purpose) == (jwk.kty.as_str(), jwk.crv.as_str()) && jwk.alg == purpose.algorithm()
        };
        let purpose = Purpose::ALL.into_iter().find(same).ok_or(JwkError::Kind)?;
        let part = |text: &str| URL_SAFE_NO_PAD.decode(text).map_err(|_| KeyError::NotPublic(purpose));
        let mut bytes = part(&jwk.x)?;
        if bytes.len() != 32 {
            return Err(KeyError::NotPublic(purpose).into());
        }
        bytes.extend(jwk.y.as_deref().map(part).transpose()?.unwrap_or_default());
        let mut key = PublicKey::of(purpose, bytes, jwk.iat)?;
        key.retired_at = jwk.exp;
        if key.kid() == jwk.kid { Ok(key) } else { Err(JwkError::Kid) }
    }
}

impl Jwks {
    /// A set of these keys.
    pub fn of(keys: impl IntoIterator<Item = PublicKey>) -> Jwks {
        Jwks(keys.into_iter().collect())
    }

    /// Reads a set. Leaves out keys of kinds that the registry does not use, as RFC 7517 says.
    pub fn parse(text: &str) -> Result<Jwks, JwkError> {
        let set: JwkSet = serde_json::from_str(text).map_err(JwkError::Form)?;
        let mut keys = Vec::new();
        for value in set.keys {
            let Ok(jwk) = serde_json::from_value(value) else { continue };
            match PublicKey::of_jwk(&jwk) {
                Err(JwkError::Kind) => {}
                key => keys.push(key?),
            }
        }
        Ok(Jwks(keys))
    }

    /// The set as JSON, in the order of its keys.
    pub fn to_json(&self) -> String {
        let keys: Vec<_> = self.0.iter().map(PublicKey::to_jwk).collect();
        format!("{{\"keys\":[{}]}}", keys.join(","))
    }

    /// The key with an id.
    pub fn find(&self, kid: &str) -> Option<&PublicKey> {
        self.0.iter().find(|key| key.kid() == kid)
    }

    /// The Ed25519 keys of checkpoints.
    pub fn of_checkpoints(&self) -> impl Iterator<Item = [u8; 32]> {
        let of_checkpoints = self.0.iter().filter(|key| key.purpose() == Purpose::Checkpoints);
        of_checkpoints.filter_map(|key| key.bytes().try_into().ok())
    }

    /// The keys.
    pub fn keys(&self) -> &[PublicKey] {
        &self.0
    }
}

fn kind_of(purpose: Purpose) -> (&'static str, &'static str) {
    match purpose {
        Purpose::Answers => ("EC", "P-256"),
        Purpose::Checkpoints => ("OKP", "Ed25519"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proof::keys::PrivateKey;

    fn key(purpose: Purpose) -> PublicKey {
        PrivateKey::read(purpose, &PrivateKey::generate(purpose).unwrap(), 1_700_000_000).unwrap().public().clone()
    }

    #[test]
    fn a_set_is_read_as_it_was_written() {
        let mut retired = key(Purpose::Answers);
        retired.retired_at = Some(1_800_000_000);
        let set = Jwks::of([key(Purpose::Answers), key(Purpose::Checkpoints), retired]);
        let read = Jwks::parse(&set.to_json()).unwrap();
        assert_eq!(read.keys(), set.keys());
        assert_eq!(read.find(set.keys()[2].kid()), Some(&set.keys()[2]));
        assert_eq!(read.find("other"), None);
    }

    #[test]
    fn a_key_is_refused_under_a_name_or_of_a_kind_that_is_not_its_own() {
        let jwk = key(Purpose::Answers).to_jwk();
        let refusal = |text: String| PublicKey::from_jwk(&text).unwrap_err().to_string();
        assert!(refusal(jwk.replace("\"kid\":\"", "\"kid\":\"A")).contains("thumbprint"));
        assert!(refusal(jwk.replace("ES256", "HS256")).contains("neither"));
        assert!(refusal(jwk.replace("\"y\":\"", "\"y\":\"AAAA")).contains("not a public key"));
        assert!(refusal("{}".to_owned()).contains("RFC 7517"));
        let foreign = r#"{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"1"}]}"#;
        assert!(Jwks::parse(foreign).unwrap().keys().is_empty());
    }
}
