//! The Merkle tree over the records, in files.
//!
//! The tree is derived from the digests of the records alone. It may be deleted at any time, and is then built again,
//! the same. Nothing relies on its files without a proof: what is read from them is checked against the root, which is
//! computed when the tree is opened and compared with the one that was durable.
//!
//! [`TreeWriter`] appends, on one thread. [`TreeReader`] reads, on any.

mod check;
mod files;
mod marks;
mod reader;

use std::io;
use std::path::Path;
use std::sync::Arc;

pub(in crate::store) use self::check::equals_log;
use self::files::TileFiles;
use self::marks::{Mark, Marks};
use self::reader::Published;
pub use self::reader::{Consistency, Inclusion, TreeError, TreeReader};
use super::log::{ReadError, ReadLog};
use super::record::{Hash, Tip};
use crate::domain::id::Revision;
use crate::proof::tree::{self, Edge};

/// The directory of the tree in a data directory.
pub const DIRECTORY: &str = "tree";

/// The number of leaves that are appended at once. They take a few milliseconds.
const BATCH: u64 = 4 * 1024;

/// The tree, as its one writer has it.
pub struct TreeWriter {
    files: Arc<TileFiles>,
    edge: Edge,
    /// The last leaf's record, and the chain up to it.
    tip: Tip,
    marks: Marks,
    reader: Arc<TreeReader>,
    /// How often the tree was begun.
    generation: u64,
}

/// The reasons why a tree does not follow a log.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The files cannot be read or written.
    #[error("the files of the tree cannot be written")]
    Disk(#[from] io::Error),
}

impl TreeWriter {
    /// Opens the tree in a directory, which is created if it does not exist. It is cut to what it shares with the log
    /// up to `head`. Files that are missing or damaged are built again.
    pub fn open(directory: &Path, log: &dyn ReadLog, head: Revision) -> Result<TreeWriter, FollowError> {
        let is_of_log = |mark: &Mark| {
            let revision = Revision(mark.size);
            Ok(revision <= head && log.chain_at(revision)? == Some(mark.chain))
        };
        TreeWriter::open_where(directory, is_of_log)
    }

    /// Opens a tree that is not of a log here.
    pub fn open_copy(directory: &Path) -> Result<TreeWriter, FollowError> {
        TreeWriter::open_where(directory, |_| Ok(true))
    }

    fn open_where(
        directory: &Path,
        mut is_right: impl FnMut(&Mark) -> Result<bool, ReadError>,
    ) -> Result<TreeWriter, FollowError> {
        let files = Arc::new(TileFiles::open(directory)?);
        let mut marks = Marks::read(directory);
        let (mut edge, mut tip) = (Edge::default(), Tip::ORIGIN);
        while let Some(mark) = marks.last() {
            if is_right(&mark)?
                && let Ok(read) = Edge::of(mark.size, |level, from, to| files.read(level, from, to))
                && read.root() == mark.root
            {
                (edge, tip) = (read, Tip { revision: Revision(mark.size), chain: mark.chain });
                break;
            }
            marks.pop();
        }
        if marks.last().is_none() {
            marks.clear()?;
        }
        files.truncate(edge.size())?;
        let reader = Arc::new(TreeReader::new(Arc::clone(&files), Published::of(&edge, 1)));
        Ok(TreeWriter { files, edge, tip, marks, reader, generation: 1 })
    }

    /// A reader for any thread.
    pub fn reader(&self) -> &Arc<TreeReader> {
        &self.reader
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.edge.size()
    }

    /// The root.
    pub fn root(&self) -> Hash {
        self.edge.root()
    }

    /// Appends the next records of a log, up to `head`, and publishes them. Returns false if there are more. Begins
    /// again if a reader has found damage.
    pub fn follow(&mut self, log: &dyn ReadLog, head: Revision) -> Result<bool, FollowError> {
        if self.reader.is_damaged(self.generation) {
            self.begin_again()?;
        }
        let from = self.tip.revision;
        let to = head.min(Revision(from.0.saturating_add(BATCH)));
        let mut tip = self.tip;
        let mut leaves = Vec::new();
        for digest in log.digests(from.next(), to) {
            let digest = digest?;
            tip = tip.follow(&digest);
            leaves.push(tree::leaf_hash(&digest));
        }
        self.append(&leaves)?;
        self.tip = tip;
        Ok(self.tip.revision >= head)
    }

    /// Appends leaves, and publishes the tree with them.
    pub fn append(&mut self, leaf_hashes: &[Hash]) -> io::Result<()> {
        if leaf_hashes.is_empty() {
            return Ok(());
        }
        let before = self.size();
        let (edge, added) = grown(&self.edge, leaf_hashes);
        for (level, hashes) in (0..).zip(&added) {
            self.files.write(level, tree::hashes_at(level, before), hashes)?;
        }
        self.edge = edge;
        self.reader.publish(Published::of(&self.edge, self.generation));
        Ok(())
    }

    /// The size up to which the tree is durable.
    pub fn saved(&self) -> u64 {
        self.marks.last().map_or(0, |mark| mark.size)
    }

    /// Makes the tree durable, so that the next start goes on from here.
    pub fn save(&mut self) -> io::Result<()> {
        if self.size() == self.saved() {
            return Ok(());
        }
        self.files.sync()?;
        let (size, root) = (self.size(), self.root());
        self.marks.add(Mark { size, root, chain: self.tip.chain })
    }

    /// Cuts a tree that is not of a log here to a size that is at most its own, durably.
    pub fn cut(&mut self, size: u64) -> io::Result<()> {
        let edge = Edge::of(size, |level, from, to| self.files.read(level, from, to))?;
        self.marks.clear()?;
        self.begin(edge, Tip::ORIGIN)?;
        self.save()
    }

    /// Throws the tree away, and begins with an empty one.
    fn begin_again(&mut self) -> io::Result<()> {
        let size = self.size();
        tracing::error!(
            event = "tree_damaged",
            size,
            "the hash tree in the data directory is damaged: it is built again"
        );
        self.marks.clear()?;
        self.begin(Edge::default(), Tip::ORIGIN)
    }

    fn begin(&mut self, edge: Edge, tip: Tip) -> io::Result<()> {
        (self.edge, self.tip) = (edge, tip);
        self.generation += 1;
        self.reader.publish(Published::of(&self.edge, self.generation));
        self.files.truncate(self.edge.size())
    }
}

/// An edge with more leaves, and the hashes that they add to each level, one after the other.
fn grown(edge: &Edge, leaf_hashes: &[Hash]) -> (Edge, Vec<Vec<u8>>) {
    let (mut edge, mut added) = (edge.clone(), Vec::new());
    for leaf in leaf_hashes {
        edge.push(*leaf, |level, hash| {
            let level = level as usize;
            if added.len() <= level {
                added.resize(level + 1, Vec::new());
            }
            if let Some(level) = added.get_mut(level) {
                level.extend_from_slice(hash);
            }
        });
    }
    (edge, added)
}

#[cfg(test)]
mod tests;
