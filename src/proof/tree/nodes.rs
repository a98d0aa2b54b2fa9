//! Roots and proofs, made from the nodes of a tree.

use super::{Hash, empty_root, node_hash};

/// The nodes of a tree that have a full subtree below them.
pub trait Nodes {
    /// Why a node cannot be read.
    type Error;

    /// Returns the root of the leaves from `index << level` up to, but not including, `(index + 1) << level`.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// Returns the root of the tree of the first `size` leaves.
pub fn root<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { root_between(nodes, 0, size) }
}

/// Returns the audit path of a leaf in the tree of a size, from the leaf up: PATH in RFC 6962, section 2.1.1. The index
/// is below the size.
pub fn inclusion_proof<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut path) = (0, size, Vec::new());
    while end - begin > 1 {
        let split = begin + split_of(end - begin);
        if index < split {
            path.push(root_between(nodes, split, end)?);
            end = split;
        } else {
            path.push(root_between(nodes, begin, split)?);
            begin = split;
        }
    }
    path.reverse();
    Ok(path)
}

/// Returns the proof that the tree of `second` leaves begins with that of the `first`: PROOF in RFC 6962, section
/// 2.1.2. `first` is at least 1 and at most `second`.
pub fn consistency_proof<N: Nodes>(nodes: &N, first: u64, second: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut begin, mut end, mut proof) = (0, second, Vec::new());
    while first != end {
        let split = begin + split_of(end - begin);
        if first <= split {
            proof.push(root_between(nodes, split, end)?);
            end = split;
        } else {
            proof.push(root_between(nodes, begin, split)?);
            begin = split;
        }
    }
    // The verifier has the root of the first tree already, if the range is all of it.
    if begin > 0 {
        proof.push(root_between(nodes, begin, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Returns the root of a number of hashes that is a power of two.
pub fn perfect_root(hashes: &[Hash]) -> Hash {
    match hashes {
        [] => empty_root(),
        [only] => *only,
        _ => {
            let mut row: Vec<Hash> = hashes.to_vec();
            while row.len() > 1 {
                row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
            }
            row[0]
        }
    }
}

/// Returns the root of the leaves from `begin` up to, but not including, `end`. `begin` is a multiple of the greatest
/// power of two that is at most the number of leaves.
fn root_between<N: Nodes>(nodes: &N, begin: u64, end: u64) -> Result<Hash, N::Error> {
    let leaves = end - begin;
    if leaves.is_power_of_two() {
        return nodes.node(leaves.ilog2(), begin / leaves);
    }
    let split = begin + split_of(leaves);
    Ok(node_hash(&root_between(nodes, begin, split)?, &root_between(nodes, split, end)?))
}

/// Returns the greatest power of two below a number of at least 2.
fn split_of(leaves: u64) -> u64 {
    1 << (leaves - 1).ilog2()
}
