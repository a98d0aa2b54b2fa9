//! Checkpoints of the tree over the records, and proofs.

use std::sync::Arc;
use std::time::Duration;

use super::checkpoints::SignedCheckpoint;
use super::handle::Registry;
use crate::domain::id::Revision;
use crate::proof::tree::Tile;
use crate::store::record::Hash;
use crate::store::tree::TreeError;
pub use crate::store::tree::{Consistency, Inclusion};

/// How long a proof about a published record waits until a checkpoint has it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A proof that a record is in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The digest of the record: the data of the leaf.
    pub leaf: Hash,
    /// The proof.
    pub inclusion: Inclusion,
}

/// The reasons why there is no proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The revision is beyond the published head.
    #[error("the revision is beyond the head, {head}")]
    BeyondHead {
        /// The head.
        head: Revision,
    },
    /// No checkpoint is signed yet, or the tree is being built again.
    #[error("no checkpoint is signed yet")]
    NotReady,
}

impl From<TreeError> for ProofError {
    fn from(_: TreeError) -> ProofError {
        ProofError::NotReady
    }
}

impl Registry {
    /// Returns the latest signed checkpoint. `None` until one is signed after a start, and if this process signs
    /// nothing.
    pub fn latest_checkpoint(&self) -> Option<Arc<SignedCheckpoint>> {
        self.shared.checkpoints.latest()
    }

    /// Returns the latest checkpoint, once it has a record that was published.
    pub async fn checkpoint_with(&self, revision: Revision) -> Result<Arc<SignedCheckpoint>, ProofError> {
        let head = self.head_revision();
        if revision > head {
            return Err(ProofError::BeyondHead { head });
        }
        let mut signed = self.shared.checkpoints.signed();
        // The follower looks at the head several times a second.
        let reached = signed.wait_for(|signed| *signed >= revision);
        drop(tokio::time::timeout(PATIENCE, reached).await);
        self.latest_checkpoint().filter(|latest| latest.revision >= revision).ok_or(ProofError::NotReady)
    }

    /// Proves that a record is in the tree of the records up to `last`, which the latest checkpoint has.
    pub async fn inclusion_proof(&self, revision: Revision, last: Revision) -> Result<InclusionProof, ProofError> {
        self.prove(move |registry| {
            let shared = &registry.shared;
            let tree = shared.checkpoints.tree().clone().ok_or(ProofError::NotReady)?;
            let inclusion = tree.inclusion(revision.previous().0, last.0)?;
            let leaf =
                shared.log.digests(revision, revision).next().and_then(Result::ok).ok_or(ProofError::NotReady)?;
            Ok(InclusionProof { leaf, inclusion })
        })
        .await
    }

    /// Proves that the tree up to `second`, which the latest checkpoint has, begins with the one up to `first`.
    pub async fn consistency_proof(&self, first: Revision, second: Revision) -> Result<Consistency, ProofError> {
        self.prove(move |registry| {
            let tree = registry.shared.checkpoints.tree().clone().ok_or(ProofError::NotReady)?;
            Ok(tree.consistency(first.0, second.0)?)
        })
        .await
    }

    /// Returns the hashes of a tile. `None` if the latest checkpoint does not have all of them.
    pub async fn tile(&self, tile: Tile) -> Result<Option<Vec<u8>>, ProofError> {
        let latest = self.latest_checkpoint().ok_or(ProofError::NotReady)?;
        if !tile.is_in(latest.revision.0) {
            return Ok(None);
        }
        self.prove(move |registry| {
            let tree = registry.shared.checkpoints.tree().clone().ok_or(ProofError::NotReady)?;
            Ok(tree.tile(tile).map(Some)?)
        })
        .await
    }

    /// Reads from the tree on a thread that may block.
    async fn prove<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Registry) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<T, ProofError> {
        let registry = self.clone();
        let read = tokio::task::spawn_blocking(move || read(&registry));
        read.await.unwrap_or(Err(ProofError::NotReady))
    }
}
