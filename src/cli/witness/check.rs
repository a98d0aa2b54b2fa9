//! Checks a checkpoint against everything that was seen before.

use std::time::Duration;

use tokio::time::sleep;

use super::origin::{Origin, Unreachable};
use super::state::{Seen, State, StateError};
use crate::cli::failure::Failure;
use crate::proof::tree::{Checkpoint, Fork, Hash, NoteError, Tile, VerifierKey};
use crate::store::tree::TreeWriter;

/// How often a checkpoint is read again before it is refused, and the pause before: a replica may be late.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// The number of hashes that are kept before they are appended.
const APPENDED_AT_ONCE: usize = 64 * 256;

/// After this number of hashes they are made durable, so that an interruption costs little.
const SAVED_AFTER: u64 = 1024 * 1024;

/// The outcome of a check in which nothing was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The first checkpoint. Its key is trusted from now on.
    First,
    /// The same tree as before.
    Same,
    /// The tree has grown, and begins with the one before.
    Grew {
        /// Its size before.
        from: u64,
    },
    /// The log went on in another epoch, and says where the two part.
    Forked {
        /// The epoch before.
        from: String,
        /// The last revision that both have.
        shared: u64,
        /// The size of the tree before.
        seen: u64,
    },
}

/// Why a check did not succeed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    /// The log cannot be read now.
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    /// The state cannot be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log contradicts itself, or is another one.
    #[error("{0}")]
    Refused(Refusal),
}

/// What is wrong with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// It is no checkpoint, or its signature is wrong.
    #[error("the checkpoint is not one that this witness trusts: {0}")]
    Note(NoteError),
    /// It is signed by another key than before.
    #[error(
        "the checkpoint is signed by a key that is not pinned, and no earlier checkpoint announced: if the registry's \
         operator confirms the new key, name it with --key"
    )]
    Key,
    /// It is of another registry.
    #[error("the checkpoint is of another registry")]
    Registry,
    /// It is the first one, and the hashes that the log serves are not those of its tree.
    #[error("the hashes that the log serves do not give the root in its checkpoint")]
    Root,
    /// It is smaller than one that was seen.
    #[error("ROLLBACK: the log had revision {seen}, and now it ends with {size}, in the same epoch")]
    Rollback {
        /// The size that was seen.
        seen: u64,
        /// The size now.
        size: u64,
    },
    /// The tree does not begin with the one that was seen.
    #[error("REWRITTEN: the records up to revision {seen} are not those that this witness saw, in the same epoch")]
    Rewritten {
        /// The size that was seen.
        seen: u64,
    },
    /// The log is in another epoch, and does not say where the two part.
    #[error("FORK: the log is in another epoch, and its checkpoint does not say where it left the one that was seen")]
    Unannounced,
    /// The log is in another epoch, and what it says about the earlier one is wrong.
    #[error("FORK: the new epoch says that it shares revisions 1 to {shared} with the earlier one, and it does not")]
    NotShared {
        /// The last revision that both should have.
        shared: u64,
    },
}

impl Refusal {
    /// True if another answer may be right: a replica may be late, also with a new epoch, and its tiles may be those of
    /// another one.
    fn may_pass(&self) -> bool {
        !matches!(self, Refusal::Note(_) | Refusal::Key | Refusal::Registry)
    }
}

/// A witness with its state.
pub(super) struct Witness {
    pub origin: Origin,
    pub state: State,
    /// Whether the last checkpoint that was refused was kept.
    pub evidence: Result<(), StateError>,
}

impl Witness {
    /// Trusts a key that was given. Its name is the origin of an epoch of the registry.
    pub fn trust(&mut self, key: &VerifierKey) -> Result<(), Failure> {
        self.state.trust(key.key).map_err(|error| Failure::of("cannot keep the key", &error))
    }

    /// Reads the latest checkpoint and checks it. One that is refused is kept as evidence.
    pub async fn check(&mut self) -> Result<Found, Problem> {
        let mut tries = 0;
        loop {
            let note = self.origin.checkpoint().await?;
            match self.judge(&note).await {
                Err(Problem::Refused(refusal)) if refusal.may_pass() && tries < TRIES => {
                    tries += 1;
                    sleep(PAUSE).await;
                }
                Err(Problem::Refused(refusal)) => {
                    self.evidence = self.state.keep_refused(&note, &refusal.to_string());
                    return Err(Problem::Refused(refusal));
                }
                judged => return judged,
            }
        }
    }

    async fn judge(&mut self, note: &str) -> Result<Found, Problem> {
        let seen = self.authentic(note).await?;
        let checkpoint = &seen.checkpoint;
        let Some(last) = self.state.last.clone() else {
            let tree = self.state.tree(&checkpoint.origin.epoch)?;
            let tree = self.filled(tree, checkpoint, Refusal::Root).await?;
            return self.keep(seen, tree, Found::First);
        };
        let before = &last.checkpoint;
        if checkpoint.origin.registry != before.origin.registry {
            return Err(Problem::Refused(Refusal::Registry));
        }
        let tree = self.last_tree(before).await;
        if checkpoint.origin.epoch != before.origin.epoch {
            // What this witness lost of an earlier epoch, the log does not have any more.
            let tree = tree.map_err(|problem| match problem {
                Problem::Refused(_) => Problem::State(StateError::Damaged("trees")),
                other => other,
            })?;
            return self.judge_fork(seen, before, tree).await;
        }
        let tree = tree?;
        if checkpoint.size < before.size {
            return Err(Problem::Refused(Refusal::Rollback { seen: before.size, size: checkpoint.size }));
        }
        let tree = self.filled(tree, checkpoint, Refusal::Rewritten { seen: before.size }).await?;
        if last.note == seen.note {
            return Ok(Found::Same);
        }
        let found = if checkpoint.size == before.size { Found::Same } else { Found::Grew { from: before.size } };
        self.keep(seen, tree, found)
    }

    /// Checks a checkpoint of another epoch than the last one. It must say which revisions both share, and the tree
    /// must begin with the hashes of those that were seen.
    async fn judge_fork(&mut self, seen: Seen, before: &Checkpoint, tree: TreeWriter) -> Result<Found, Problem> {
        // A line about the last epoch, or one that says that an epoch before it was left at an earlier revision than
        // was seen: then the last epoch is gone with what followed. A registry that was restored twice from one backup
        // does not know of the first time, and cannot announce that.
        let is_announced = |fork: &&Fork| {
            let left = before.forks.iter().find(|seen| seen.epoch == fork.epoch);
            fork.epoch == before.origin.epoch || left.is_some_and(|left| fork.revision < left.revision)
        };
        let fork = seen.checkpoint.forks.iter().rev().find(is_announced);
        let fork = fork.cloned().ok_or(Problem::Refused(Refusal::Unannounced))?;
        let shared = fork.revision.min(before.size);
        let not_shared = Refusal::NotShared { shared };
        let is_right =
            fork.revision > before.size || tree.reader().root(shared).map_err(StateError::from)? == fork.root;
        if !is_right {
            return Err(Problem::Refused(not_shared));
        }
        let next = self.state.forked(&tree, shared, &seen.checkpoint.origin.epoch)?;
        let next = self.filled(next, &seen.checkpoint, not_shared).await?;
        let found = Found::Forked { from: before.origin.epoch.clone(), shared, seen: before.size };
        self.keep(seen, next, found)
    }

    /// The hashes that the last checkpoint was computed from. What is missing of them is read again.
    async fn last_tree(&mut self, before: &Checkpoint) -> Result<TreeWriter, Problem> {
        let mut tree = self.state.tree(&before.origin.epoch)?;
        if tree.size() > before.size {
            tree.cut(before.size).map_err(StateError::from)?;
        }
        self.filled(tree, before, Refusal::Rewritten { seen: before.size }).await
    }

    /// Appends the hashes that a tree lacks, if it then is that of a checkpoint.
    async fn filled(
        &mut self,
        mut tree: TreeWriter,
        checkpoint: &Checkpoint,
        otherwise: Refusal,
    ) -> Result<TreeWriter, Problem> {
        let before = tree.size();
        let mut fresh: Vec<Hash> = Vec::new();
        for tile in Tile::between(0, before, checkpoint.size) {
            let hashes = self.origin.tile(tile).await?;
            let first = usize::try_from(before.saturating_sub(tile.index * 256)).unwrap_or(usize::MAX);
            fresh.extend(hashes.into_iter().skip(first));
            if fresh.len() >= APPENDED_AT_ONCE {
                tree.append(&fresh).map_err(StateError::from)?;
                fresh.clear();
                if tree.size() >= tree.saved() + SAVED_AFTER {
                    tree.save().map_err(StateError::from)?;
                }
            }
        }
        tree.append(&fresh).map_err(StateError::from)?;
        if tree.root() != checkpoint.root {
            // Before a first checkpoint was found right, nothing is worth keeping.
            let kept = if self.state.last.is_some() { before } else { 0 };
            if kept < tree.size() {
                tree.cut(kept).map_err(StateError::from)?;
            }
            return Err(Problem::Refused(otherwise));
        }
        Ok(tree)
    }

    /// The checkpoint in a note, if a trusted key signed it. Without a trusted key, one that the log publishes is
    /// trusted from now on.
    async fn authentic(&mut self, note: &str) -> Result<Seen, Problem> {
        if self.state.keys.is_empty() {
            for key in self.origin.keys().await? {
                if Checkpoint::read_signed(note, [key]).is_ok() {
                    self.state.trust(key)?;
                }
            }
        }
        match Checkpoint::read_signed(note, self.state.keys.iter().copied()) {
            Ok(checkpoint) => Ok(Seen { note: note.to_owned(), checkpoint }),
            Err(NoteError::NotSigned) => Err(Problem::Refused(Refusal::Key)),
            Err(error) => Err(Problem::Refused(Refusal::Note(error))),
        }
    }

    fn keep(&mut self, seen: Seen, mut tree: TreeWriter, found: Found) -> Result<Found, Problem> {
        if let Some(key) = seen.checkpoint.next_key {
            self.state.trust(key)?;
        }
        self.state.keep(seen, &mut tree)?;
        Ok(found)
    }
}
