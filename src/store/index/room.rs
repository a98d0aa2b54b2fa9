//! An index on a disk that is full: sled's files are in memory then, and what cannot be made says how much room it needs.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::layers::Layers;
use super::{OpenIndexError, clear};
use crate::domain::id::Revision;
use crate::store::disk::{Disk as _, RealDisk};

/// With less room than this on the disk, sled's files are in memory: sled writes every half second, and breaks where it
/// cannot. No reserve of a log is smaller, so nothing is recorded meanwhile and the files stay small.
const SLED_NEEDS: u64 = 64 * MIB;

/// The file system that is in memory.
const MEMORY: &str = "/dev/shm";

const MIB: u64 = 1024 * 1024;

/// How much of a base one record takes at most, together with what is sorted for it.
const RECORD_BYTES: u64 = 1024;

/// Where sled's files are made: beside the bases, or in memory while the disk has no room for them.
pub(super) fn place_of_sled(directory: &Path) -> io::Result<PathBuf> {
    let has_room = RealDisk.space(directory)?.available >= SLED_NEEDS;
    let Some(memory) = in_memory(directory).filter(|_| !has_room) else { return Ok(directory.to_owned()) };
    let made = DirBuilder::new().mode(0o700).create(&memory);
    match made {
        Ok(()) => {
            tracing::warn!(event = "index_in_memory", place = %memory.display(), "the disk is full: the part of the index that is in no table yet is kept in memory");
            Ok(memory)
        }
        Err(error) => {
            tracing::warn!(
                event = "index_not_in_memory",
                error = &error as &dyn std::error::Error,
                "the disk is full, and the index cannot be kept in memory"
            );
            Ok(directory.to_owned())
        }
    }
}

/// Removes what an earlier process left in memory. The data directory is locked: it was of the same registry.
pub(super) fn clear_memory(directory: &Path) {
    if let Some(memory) = in_memory(directory) {
        fs::remove_dir_all(memory).unwrap_or_default();
    }
}

/// The place in memory of an index: no other directory of the machine has the same.
fn in_memory(directory: &Path) -> Option<PathBuf> {
    let (memory, of) = (Path::new(MEMORY), fs::metadata(directory).ok()?);
    memory.is_dir().then(|| memory.join(format!("cpss-registry-{:x}-{:x}", of.dev(), of.ino())))
}

/// What is said where the disk had no room for what has to be made, which leaves nothing of it behind.
pub(super) fn lacks(directory: &Path, head: Revision, error: OpenIndexError) -> OpenIndexError {
    clear(directory, &Layers::open(directory)).unwrap_or_default();
    let needs_mib = head.0 * RECORD_BYTES / MIB + 1;
    OpenIndexError::NoRoom { directory: directory.to_owned(), needs_mib, source: Box::new(error) }
}
