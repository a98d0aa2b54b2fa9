//! Compares the files of a tree with the log.

use std::path::Path;

use super::files::TileFiles;
use super::marks::Marks;
use super::{BATCH, FollowError, grown};
use crate::domain::id::Revision;
use crate::proof::tree::{Edge, hashes_at, leaf_hash};
use crate::store::log::ReadLog;

/// True if the hashes in a directory are those of a log, as far as they were durable. Also true if they are of another
/// history or missing: they are then built again at the next start.
pub(in crate::store) fn equals_log(directory: &Path, log: &dyn ReadLog) -> Result<bool, FollowError> {
    let mut marks = Marks::read(directory);
    let size = loop {
        let Some(mark) = marks.last() else { return Ok(true) };
        if log.chain_at(Revision(mark.size))? == Some(mark.chain) {
            break mark.size;
        }
        marks.pop();
    };
    let (files, mut edge) = (TileFiles::open(directory)?, Edge::default());
    while edge.size() < size {
        let before = edge.size();
        let to = size.min(before + BATCH);
        let leaves = log.digests(Revision(before + 1), Revision(to));
        let leaves: Vec<_> = leaves.map(|digest| Ok(leaf_hash(&digest?))).collect::<Result<_, FollowError>>()?;
        let (next, added) = grown(&edge, &leaves);
        for (level, hashes) in (0..).zip(&added) {
            let found = files.read(level, hashes_at(level, before), hashes_at(level, to));
            if !found.is_ok_and(|found| found.as_flattened() == hashes.as_slice()) {
                return Ok(false);
            }
        }
        edge = next;
    }
    Ok(marks.last().is_none_or(|mark| mark.root == edge.root()))
}
