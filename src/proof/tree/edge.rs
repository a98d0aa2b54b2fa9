//! The right edge of a tree: all that is needed to append leaves and to know the root.

use super::tile::{TILE_WIDTH, hashes_at};
use super::{Hash, empty_root, node_hash, perfect_root};

/// The unfinished tile of each level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    levels: Vec<Vec<Hash>>,
    size: u64,
}

impl Edge {
    /// The edge of a tree of a size. `read` returns the hashes of a tile level from the first number up to, but not
    /// including, the second.
    pub fn of<E>(size: u64, mut read: impl FnMut(u32, u64, u64) -> Result<Vec<Hash>, E>) -> Result<Edge, E> {
        let mut levels = Vec::new();
        for level in 0.. {
            let hashes = hashes_at(level, size);
            if hashes == 0 {
                break;
            }
            levels.push(read(level, hashes - hashes % TILE_WIDTH, hashes)?);
        }
        Ok(Edge { levels, size })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. `append` gets each hash that this adds to the tree's tiles, with its tile level, from the lowest
    /// up.
    pub fn push(&mut self, leaf_hash: Hash, mut append: impl FnMut(u32, &Hash)) {
        self.size += 1;
        let mut hash = leaf_hash;
        for level in 0.. {
            append(level, &hash);
            let at = level as usize;
            if at == self.levels.len() {
                self.levels.push(Vec::with_capacity(256));
            }
            let Some(tile) = self.levels.get_mut(at) else { return };
            tile.push(hash);
            if (tile.len() as u64) < TILE_WIDTH {
                return;
            }
            hash = perfect_root(tile);
            tile.clear();
        }
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        // The smallest subtrees are on the right. Within a tile, each is a power of two.
        for mut tile in self.levels.iter().map(Vec::as_slice) {
            while !tile.is_empty() {
                let (rest, last) = tile.split_at(tile.len() - (1 << tile.len().trailing_zeros()));
                let hash = perfect_root(last);
                root = Some(root.map_or(hash, |right| node_hash(&hash, &right)));
                tile = rest;
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// The hashes of the unfinished tile of a level.
    pub fn unfinished(&self, level: u32) -> &[Hash] {
        self.levels.get(level as usize).map_or(&[], Vec::as_slice)
    }
}
