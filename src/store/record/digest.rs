//! The digest of a record, and the chain of digests. The chain proves a history without revealing it.
//!
//! `digest = SHA-256(revision ‖ recorded_at ‖ SHA-256(public part) ‖ SHA-256(salt ‖ personal part))`. The revision and
//! the nanoseconds since 1970 (two's complement) are eight bytes each, big-endian; the hashes are 32 bytes each. A
//! redaction removes the personal part with its salt but keeps its hash, so the digest does not change. The digest is
//! computed from the envelope alone: neither part is decoded.
//!
//! `chain(r) = SHA-256(chain(r − 1) ‖ digest(r))`, and `chain(0)` is 32 zero bytes.

use jiff::Timestamp;
use prost::Message as _;
use sha2::{Digest as _, Sha256};

use crate::domain::id::Revision;
use crate::proto::storage::SealedRecord;
use crate::proto::storage::sealed_record::Personal;

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// A point in a history: a revision, and the chain of every record up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// The last record.
    pub revision: Revision,
    /// The chain up to the last record.
    pub chain: Hash,
}

impl Tip {
    /// The point before the first record.
    pub const ORIGIN: Tip = Tip { revision: Revision::ZERO, chain: [0; 32] };

    /// The point one record later.
    #[must_use]
    pub fn follow(self, digest: &Hash) -> Tip {
        let chain = Sha256::new().chain_update(self.chain).chain_update(digest).finalize().into();
        Tip { revision: self.revision.next(), chain }
    }
}

/// The digest of an encoded record.
pub fn digest(sealed: &[u8]) -> Result<Hash, &'static str> {
    let sealed = SealedRecord::decode(sealed).map_err(|_| "a record cannot be decoded")?;
    let personal: Hash = match &sealed.personal {
        Some(Personal::PersonalPart(part)) => Sha256::digest(part).into(),
        Some(Personal::PersonalHash(hash)) => {
            hash.as_slice().try_into().map_err(|_| "the hash of a redacted part has the wrong length")?
        }
        None => return Err("a record has neither a personal part nor its hash"),
    };
    let hashed = Sha256::new()
        .chain_update(sealed.revision.to_be_bytes())
        .chain_update(sealed.recorded_at_nanos.to_be_bytes())
        .chain_update(Sha256::digest(&sealed.public_part))
        .chain_update(personal);
    Ok(hashed.finalize().into())
}

/// The time of an encoded record. It is read from the envelope alone.
pub fn recorded_at(sealed: &[u8]) -> Result<Timestamp, &'static str> {
    let sealed = SealedRecord::decode(sealed).map_err(|_| "a record cannot be decoded")?;
    Timestamp::from_nanosecond(sealed.recorded_at_nanos.into()).map_err(|_| "the time of a record is out of range")
}

/// An encoded record with these bytes as its public part, for tests of the log. It cannot be decoded further.
#[cfg(test)]
pub(crate) fn sealed(public_part: Vec<u8>) -> Vec<u8> {
    sealed_at(0, public_part)
}

/// The same, with a time in seconds since 1970.
#[cfg(test)]
pub(crate) fn sealed_at(second: i64, public_part: Vec<u8>) -> Vec<u8> {
    let (format_version, recorded_at_nanos) = (super::FORMAT_VERSION, second * 1_000_000_000);
    let personal = Some(Personal::PersonalPart(vec![9; 16]));
    SealedRecord { format_version, recorded_at_nanos, public_part, personal, ..SealedRecord::default() }.encode_to_vec()
}

/// An encoded record with these bytes as its public part, and these after the salt of its personal part.
#[cfg(test)]
pub(crate) fn sealed_with(public_part: Vec<u8>, personal_part: &[u8]) -> Vec<u8> {
    let personal = Some(Personal::PersonalPart([&[9; 16], personal_part].concat()));
    let format_version = super::FORMAT_VERSION;
    SealedRecord { format_version, public_part, personal, ..SealedRecord::default() }.encode_to_vec()
}

/// An encoded record with the hash of its personal part in the place of the part.
#[cfg(test)]
pub(crate) fn without_personal_part(sealed: &[u8]) -> Vec<u8> {
    let mut sealed = SealedRecord::decode(sealed).unwrap_or_default();
    if let Some(Personal::PersonalPart(part)) = sealed.personal {
        sealed.personal = Some(Personal::PersonalHash(Sha256::digest(part).to_vec()));
    }
    sealed.encode_to_vec()
}
