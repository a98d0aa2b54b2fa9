//! Checkpoints and proofs of the transparency log.

use crate::domain::id::Revision;
use crate::proto::v1;
use crate::registry::checkpoints::SignedCheckpoint;
use crate::registry::transparency::{Consistency, InclusionProof};

/// Encodes a checkpoint.
pub fn checkpoint(latest: &SignedCheckpoint) -> v1::GetCheckpointResponse {
    v1::GetCheckpointResponse {
        checkpoint: latest.note.clone(),
        tree_size: latest.revision.0,
        root_hash: latest.root.to_vec(),
        epoch: latest.epoch.to_string(),
    }
}

/// Encodes the proof that a record is in the tree of the records up to `last`.
pub fn inclusion_proof(
    revision: Revision,
    last: Revision,
    proof: &InclusionProof,
    latest: &SignedCheckpoint,
) -> v1::GetInclusionProofResponse {
    v1::GetInclusionProofResponse {
        leaf_index: revision.previous().0,
        leaf: proof.leaf.to_vec(),
        tree_size: last.0,
        root_hash: proof.inclusion.root.to_vec(),
        hashes: proof.inclusion.path.iter().map(|hash| hash.to_vec()).collect(),
        checkpoint: note_of(last, latest),
    }
}

/// Encodes the proof that the tree of the second size begins with that of the first.
pub fn consistency_proof(
    (first, second): (Revision, Revision),
    proof: &Consistency,
    latest: &SignedCheckpoint,
) -> v1::GetConsistencyProofResponse {
    v1::GetConsistencyProofResponse {
        first_size: first.0,
        second_size: second.0,
        first_root_hash: proof.first_root.to_vec(),
        second_root_hash: proof.second_root.to_vec(),
        hashes: proof.hashes.iter().map(|hash| hash.to_vec()).collect(),
        checkpoint: note_of(second, latest),
    }
}

/// The checkpoint, if it is of the tree of this size.
fn note_of(size: Revision, latest: &SignedCheckpoint) -> String {
    if latest.revision == size { latest.note.clone() } else { String::new() }
}
