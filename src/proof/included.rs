//! A receipt together with the proof that its record is in the tree of a signed checkpoint.

use serde_json::Value;

use super::jwk::Jwks;
use super::jws::Statement;
use super::tree::{Checkpoint, Hash, leaf_hash, verify_inclusion};

/// The proof that a record is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The index of the leaf: the revision less 1.
    pub leaf_index: u64,
    /// The data of the leaf: the digest of the record.
    pub leaf: Hash,
    /// The size of the tree.
    pub tree_size: u64,
    /// The hashes from the leaf to the root.
    pub hashes: Vec<Hash>,
    /// The signed checkpoint of the tree.
    pub checkpoint: String,
}

/// The reasons why a proof does not complete a receipt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIncluded {
    /// The proof is about another record.
    #[error("the proof is about another record than the receipt")]
    OtherRecord,
    /// The checkpoint cannot be read, or no key of the registry signed it.
    #[error("the checkpoint is not signed by a key of the set")]
    NotSigned,
    /// The checkpoint is that of another tree.
    #[error("the checkpoint is of another tree than the proof: ask for the proof with the size of the checkpoint")]
    OtherTree,
    /// The hashes do not lead to the root.
    #[error("the hashes do not lead from the record to the root of the checkpoint")]
    WrongHashes,
}

impl InclusionProof {
    /// Checks that the record of a receipt is in the tree of the checkpoint.
    pub fn verify(&self, receipt: &Statement, keys: &Jwks) -> Result<(), NotIncluded> {
        let recorded = &receipt.claims.get("recorded").unwrap_or(&Value::Null);
        let digest: String = self.leaf.iter().map(|byte| format!("{byte:02x}")).collect();
        let is_same = recorded["digest"] == digest && recorded["revision"] == self.leaf_index.saturating_add(1);
        if !is_same {
            return Err(NotIncluded::OtherRecord);
        }
        let checkpoint = Checkpoint::read_signed(&self.checkpoint, keys.of_checkpoints());
        let checkpoint = checkpoint.map_err(|_| NotIncluded::NotSigned)?;
        let registry = format!("urn:uuid:{}", checkpoint.origin.registry);
        let is_its = receipt.claims.get("iss").is_some_and(|iss| *iss == registry);
        if !is_its || checkpoint.size != self.tree_size {
            return Err(NotIncluded::OtherTree);
        }
        let leaf = leaf_hash(&self.leaf);
        let leads = verify_inclusion(&leaf, self.leaf_index, self.tree_size, &self.hashes, &checkpoint.root);
        if leads { Ok(()) } else { Err(NotIncluded::WrongHashes) }
    }
}
