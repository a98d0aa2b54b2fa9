//! The file that says whether the bases are valid, and which record the index had reached.
//!
//! Bases are synced before they get their names, and each block has a checksum. So they are trusted until one of them
//! proves to be damaged. Then this file is removed, and the next start rebuilds the index. The file also names the last
//! record that the index had when it was opened or closed, including records that were in no base. If the log ends
//! before that record, the log has lost records.

use std::fs;
use std::io;
use std::path::Path;

use crate::domain::id::Revision;
use crate::store::data_dir::{sync_directory, write_durably};

const NAME: &str = "trust";

fn text(applied: Revision) -> String {
    format!("{} {:08x}", applied.0, crc32c::crc32c(&applied.0.to_be_bytes()))
}

/// The last record that the index had. `None` if the index must be rebuilt.
pub(in crate::store) fn read(directory: &Path) -> Option<Revision> {
    let note = fs::read_to_string(directory.join(NAME)).ok()?;
    let applied = Revision(note.split_once(' ')?.0.parse().ok()?);
    (note == text(applied)).then_some(applied)
}

/// Stores durably that the bases are valid, and the last record that the index has.
pub(super) fn write(directory: &Path, applied: Revision) -> io::Result<()> {
    write_durably(&directory.join(NAME), text(applied).as_bytes(), 0o644)
}

/// Removes the file durably, so that the next start rebuilds the index.
pub(in crate::store) fn invalidate(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(NAME)) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_directory(directory)),
    }
}

/// True if a path is that of the file.
pub(super) fn is_file(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == NAME)
}
