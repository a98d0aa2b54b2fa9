//! The latest signed checkpoint of the tree over the records, and the tree.

use std::sync::Arc;

use arc_swap::{ArcSwapOption, Guard};
use tokio::sync::watch;
use uuid::Uuid;

use crate::domain::id::Revision;
use crate::store::record::Hash;
use crate::store::tree::TreeReader;

/// A signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    /// The signed note.
    pub note: String,
    /// The last revision in the tree.
    pub revision: Revision,
    /// The root of the tree.
    pub root: Hash,
    /// The epoch that its origin names.
    pub epoch: Uuid,
    /// The id of the key that signed it.
    pub kid: String,
    /// The key that it announces.
    pub next_key: Option<[u8; 32]>,
}

/// The latest checkpoint and the tree, once there are any.
pub(super) struct Checkpoints {
    latest: ArcSwapOption<SignedCheckpoint>,
    tree: ArcSwapOption<TreeReader>,
    /// The revision of the latest checkpoint.
    signed: watch::Sender<Revision>,
}

impl Default for Checkpoints {
    fn default() -> Checkpoints {
        let (latest, tree) = (ArcSwapOption::empty(), ArcSwapOption::empty());
        Checkpoints { latest, tree, signed: watch::Sender::new(Revision::ZERO) }
    }
}

impl Checkpoints {
    /// The latest checkpoint. `None` until one is signed after a start.
    pub fn latest(&self) -> Option<Arc<SignedCheckpoint>> {
        self.latest.load_full()
    }

    /// The tree.
    pub fn tree(&self) -> Guard<Option<Arc<TreeReader>>> {
        self.tree.load()
    }

    pub fn set_tree(&self, tree: Arc<TreeReader>) {
        self.tree.store(Some(tree));
    }

    /// Publishes a checkpoint.
    pub fn publish(&self, checkpoint: SignedCheckpoint) {
        let revision = checkpoint.revision;
        self.latest.store(Some(Arc::new(checkpoint)));
        self.signed.send_replace(revision);
    }

    /// The revision of the latest checkpoint, as it changes.
    pub fn signed(&self) -> watch::Receiver<Revision> {
        self.signed.subscribe()
    }
}
