//! Verification of proofs, as RFC 9162 describes it for the same tree (sections 2.1.3.2 and 2.1.4.2).

use super::{Hash, node_hash};

/// True if the proof shows that the leaf with this hash and index is in the tree of a size with this root.
pub fn verify_inclusion(leaf_hash: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let (mut at, mut last, mut hash) = (index, size - 1, *leaf_hash);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if is_right(at) || at == last {
            hash = node_hash(sibling, &hash);
            while !is_right(at) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && hash == *root
}

/// True if the proof shows that the tree of `second` leaves with the root `second_root` begins with the tree of `first`
/// leaves with the root `first_root`. `first` is at least 1.
pub fn verify_consistency(
    (first, first_root): (u64, &Hash),
    (second, second_root): (u64, &Hash),
    proof: &[Hash],
) -> bool {
    if first == 0 || first > second {
        return false;
    }
    if first == second {
        return proof.is_empty() && first_root == second_root;
    }
    // A full tree is a node of the later one, so the proof leaves its root out.
    let begin = first.is_power_of_two().then_some(first_root);
    let mut proof = begin.into_iter().chain(proof);
    let Some(start) = proof.next() else { return false };
    let (mut at, mut last) = (first - 1, second - 1);
    while is_right(at) {
        (at, last) = (at >> 1, last >> 1);
    }
    let (mut of_first, mut of_second) = (*start, *start);
    for hash in proof {
        if last == 0 {
            return false;
        }
        if is_right(at) || at == last {
            of_first = node_hash(hash, &of_first);
            of_second = node_hash(hash, &of_second);
            while !is_right(at) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            of_second = node_hash(&of_second, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && of_first == *first_root && of_second == *second_root
}

fn is_right(index: u64) -> bool {
    index & 1 == 1
}
