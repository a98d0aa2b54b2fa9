//! What the index does on a full disk: sled's files are kept in memory, and errors say how much space is needed.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::layers::Layers;
use super::{OpenIndexError, clear};
use crate::domain::id::Revision;
use crate::store::disk::{Disk as _, RealDisk};

/// With less free disk space than this, sled's files are kept in memory, because sled writes every half second and
/// fails if it cannot. The reserve of the log is at least as large, so no records are added meanwhile and the files
/// stay small.
const SLED_NEEDS: u64 = 64 * MIB;

/// The maximum size of an entry of a new base.
const ENTRY_BYTES: u64 = 256;

/// The file system in memory.
const MEMORY: &str = "/dev/shm";

const MIB: u64 = 1024 * 1024;

/// The maximum size of one record in a base, including the space needed to sort it.
const RECORD_BYTES: u64 = 1024;

/// True if the disk has room for a base of this many bytes and as many new entries.
pub(super) fn has_room(directory: &Path, bytes: u64, entries: usize) -> bool {
    let needed = SLED_NEEDS + bytes + entries as u64 * ENTRY_BYTES;
    RealDisk.space(directory).is_ok_and(|space| space.available >= needed)
}

/// The parent directory for sled's files: the index directory, or a directory in memory if the disk is full.
pub(super) fn sled_parent(directory: &Path) -> io::Result<PathBuf> {
    let has_room = RealDisk.space(directory)?.available >= SLED_NEEDS;
    let Some(memory) = memory_directory(directory).filter(|_| !has_room) else { return Ok(directory.to_owned()) };
    let made = DirBuilder::new().mode(0o700).create(&memory);
    match made {
        Ok(()) => {
            tracing::warn!(event = "index_in_memory", place = %memory.display(), "the disk is full: the part of the index that is in no base yet is kept in memory");
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

/// Deletes what an earlier process left in memory. This is safe: the data directory is locked, and the name belongs to
/// it alone.
pub(super) fn remove_memory_directory(directory: &Path) {
    if let Some(memory) = memory_directory(directory) {
        fs::remove_dir_all(memory).unwrap_or_default();
    }
}

/// The directory in memory for an index. Its name is unique on this machine.
fn memory_directory(directory: &Path) -> Option<PathBuf> {
    let (memory, of) = (Path::new(MEMORY), fs::metadata(directory).ok()?);
    memory.is_dir().then(|| memory.join(format!("cpss-registry-{:x}-{:x}", of.dev(), of.ino())))
}

/// Deletes incomplete files, and returns the error that says how much space is needed.
pub(super) fn no_space(directory: &Path, head: Revision, error: OpenIndexError) -> OpenIndexError {
    clear(directory, &Layers::open(directory)).unwrap_or_default();
    let needs_mib = head.0 * RECORD_BYTES / MIB + 1;
    OpenIndexError::NoSpace { directory: directory.to_owned(), needs_mib, source: Box::new(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_needs_room_for_what_it_merges_and_for_new_entries() {
        let directory = tempfile::tempdir().unwrap();
        let too_much = 2 * RealDisk.space(directory.path()).unwrap().available;
        assert!(has_room(directory.path(), 0, 1), "this test needs {SLED_NEEDS} bytes");
        assert!(!has_room(directory.path(), too_much, 0));
        assert!(!has_room(directory.path(), 0, usize::try_from(too_much / ENTRY_BYTES).unwrap()));
        assert!(!has_room(&directory.path().join("absent"), 0, 0), "a disk that cannot be asked has none");
    }
}
