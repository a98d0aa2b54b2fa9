//! Reads hashes and proofs from the files of a tree, and checks them against its root.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};

use super::files::TileFiles;
use crate::proof::tree::{
    Edge, Hash, Nodes as _, TILE_WIDTH, Tile, consistency_proof, inclusion_proof, perfect_root, root,
    verify_consistency, verify_inclusion,
};

/// A tree up to some size.
pub(super) struct Published {
    edge: Edge,
    root: Hash,
    /// How often the tree was begun.
    generation: u64,
}

/// A reader of a tree, which may grow at the same time.
pub struct TreeReader {
    files: Arc<TileFiles>,
    published: ArcSwap<Published>,
    /// The last generation of the tree that was found damaged.
    damaged: AtomicU64,
}

/// A proof that a leaf is in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The hash of the leaf.
    pub leaf_hash: Hash,
    /// The root of the tree.
    pub root: Hash,
    /// The audit path, from the leaf to the root.
    pub path: Vec<Hash>,
}

/// A proof that a tree begins with another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// The root of the earlier tree.
    pub first_root: Hash,
    /// The root of the later tree.
    pub second_root: Hash,
    /// The hashes of the proof.
    pub hashes: Vec<Hash>,
}

/// The reasons why a hash or proof cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The tree does not reach that far.
    #[error("the tree has {size} leaves")]
    Beyond {
        /// The number of its leaves.
        size: u64,
    },
    /// The files cannot be read, or do not lead to the root. The tree is built again.
    #[error("the tree is damaged")]
    Damaged,
}

impl Published {
    pub fn of(edge: &Edge, generation: u64) -> Published {
        Published { root: edge.root(), edge: edge.clone(), generation }
    }

    fn size(&self) -> u64 {
        self.edge.size()
    }
}

impl TreeReader {
    pub(super) fn new(files: Arc<TileFiles>, published: Published) -> TreeReader {
        TreeReader { files, published: ArcSwap::from_pointee(published), damaged: AtomicU64::new(0) }
    }

    pub(super) fn publish(&self, published: Published) {
        self.published.store(Arc::new(published));
    }

    /// True if a reader found damage in this generation of the tree.
    pub(super) fn is_damaged(&self, generation: u64) -> bool {
        self.damaged.load(Ordering::Acquire) == generation
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.published.load().size()
    }

    /// Proves that a leaf is in the tree of a size. The index is below the size.
    pub fn inclusion(&self, index: u64, size: u64) -> Result<Inclusion, TreeError> {
        let published = self.reaching(size)?;
        self.checked(&published, || {
            let leaf_hash = self.files.node(0, index)?;
            let (root, path) = (root(&*self.files, size)?, inclusion_proof(&*self.files, index, size)?);
            let is_right = verify_inclusion(&leaf_hash, index, size, &path, &root);
            Ok((is_right && self.is_root(&published, size, &root)?).then_some(Inclusion { leaf_hash, root, path }))
        })
    }

    /// Proves that the tree of the second size begins with that of the first, which is at least 1 and at most the
    /// second.
    pub fn consistency(&self, first: u64, second: u64) -> Result<Consistency, TreeError> {
        let published = self.reaching(second)?;
        self.checked(&published, || {
            let (first_root, second_root) = (root(&*self.files, first)?, root(&*self.files, second)?);
            let hashes = consistency_proof(&*self.files, first, second)?;
            let is_right = verify_consistency((first, &first_root), (second, &second_root), &hashes)
                && self.is_root(&published, second, &second_root)?;
            Ok(is_right.then_some(Consistency { first_root, second_root, hashes }))
        })
    }

    /// The root of the tree of a size.
    pub fn root(&self, size: u64) -> Result<Hash, TreeError> {
        let published = self.reaching(size)?;
        self.checked(&published, || {
            let root = root(&*self.files, size)?;
            Ok((size == 0 || self.is_root(&published, size, &root)?).then_some(root))
        })
    }

    /// The hashes of a tile, one after the other.
    pub fn tile(&self, tile: Tile) -> Result<Vec<u8>, TreeError> {
        let published = self.published.load();
        if !tile.is_in(published.size()) {
            return Err(TreeError::Beyond { size: published.size() });
        }
        let hashes = self.checked(&published, || self.hashes_of(&published, tile.level, tile.index))?;
        let width = usize::try_from(tile.width).unwrap_or(usize::MAX);
        Ok(hashes.iter().take(width).flatten().copied().collect())
    }

    /// The hashes of a tile, as far as it has any. `None` if they do not lead to the root.
    fn hashes_of(&self, published: &Published, level: u32, index: u64) -> io::Result<Option<Vec<Hash>>> {
        if !(Tile { level, index, width: TILE_WIDTH }).is_in(published.size()) {
            return Ok(Some(published.edge.unfinished(level).to_vec()));
        }
        let from = index * TILE_WIDTH;
        let hashes = self.files.read(level, from, from + TILE_WIDTH)?;
        // A tile above has the root of this one.
        let above = self.hashes_of(published, level + 1, index / TILE_WIDTH)?;
        let at = usize::try_from(index % TILE_WIDTH).map_err(io::Error::other)?;
        let is_right = above.is_some_and(|above| above.get(at) == Some(&perfect_root(&hashes)));
        Ok(is_right.then_some(hashes))
    }

    fn reaching(&self, size: u64) -> Result<Guard<Arc<Published>>, TreeError> {
        let published = self.published.load();
        if size <= published.size() { Ok(published) } else { Err(TreeError::Beyond { size: published.size() }) }
    }

    /// Returns what was read, if it was right. Otherwise notes that the tree is damaged.
    fn checked<T>(&self, published: &Published, read: impl FnOnce() -> io::Result<Option<T>>) -> Result<T, TreeError> {
        if let Ok(Some(right)) = read() {
            return Ok(right);
        }
        self.damaged.store(published.generation, Ordering::Release);
        Err(TreeError::Damaged)
    }

    /// True if this is the root of the tree of a size, which is at least 1.
    fn is_root(&self, published: &Published, size: u64, root: &Hash) -> io::Result<bool> {
        let proof = consistency_proof(&*self.files, size, published.size())?;
        Ok(verify_consistency((size, root), (published.size(), &published.root), &proof))
    }
}
