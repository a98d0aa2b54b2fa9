//! The Merkle tree over the records, as RFC 6962 defines it, and what proves something about it.
//!
//! The record of revision r is the leaf with index r − 1, and the data of a leaf is the 32-byte digest of the record.
//! So the tree of size n is that of the revisions 1 to n, and a redaction does not change it.
//!
//! Hashes are kept and served as tiles (C2SP tlog-tiles), and roots as checkpoints (C2SP tlog-checkpoint), which are
//! signed notes (C2SP signed-note). Everything here is a pure function: an auditor can read it by itself.

mod checkpoint;
mod edge;
mod nodes;
mod note;
mod tile;
mod verify;

use sha2::{Digest as _, Sha256};

pub use self::checkpoint::{Checkpoint, Fork, Origin};
pub use self::edge::Edge;
pub use self::nodes::{Nodes, consistency_proof, inclusion_proof, perfect_root, root};
pub use self::note::{Note, NoteError, VerifierKey};
pub use self::tile::{TILE_WIDTH, Tile, hashes_at};
pub use self::verify::{verify_consistency, verify_inclusion};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// Returns the hash of a leaf with this data.
pub fn leaf_hash(data: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

/// Returns the hash of a node with these children.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Returns the root of the tree without leaves.
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

#[cfg(test)]
mod tests;
