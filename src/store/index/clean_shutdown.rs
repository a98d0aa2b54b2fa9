//! Whether the bases on disk can be believed, and how far the index went.
//!
//! Bases are synced before they have their names, and each block has a checksum. So they are believed until one of them
//! turns out to be damaged: then the note beside them is removed, and the next start folds everything again. The note
//! also names the last record that the index had when it was opened or closed, which outlasts what is not in a base: if
//! the log ends before that record, the log lost records.

use std::fs;
use std::io;
use std::path::Path;

use crate::domain::id::Revision;
use crate::store::data_dir::{sync_directory, write_durably};

const NOTE: &str = "trust";

fn text(applied: Revision) -> String {
    format!("{} {:08x}", applied.0, crc32c::crc32c(&applied.0.to_be_bytes()))
}

/// The last record that the index had. None: nothing of it is to be believed.
pub(in crate::store) fn of(directory: &Path) -> Option<Revision> {
    let note = fs::read_to_string(directory.join(NOTE)).ok()?;
    let applied = Revision(note.split_once(' ')?.0.parse().ok()?);
    (note == text(applied)).then_some(applied)
}

/// Notes durably that the bases are to be believed, and the last record that the index has.
pub(super) fn note(directory: &Path, applied: Revision) -> io::Result<()> {
    write_durably(&directory.join(NOTE), text(applied).as_bytes(), 0o644)
}

/// Notes durably that the index is not to be believed, whatever it holds: it is folded again at the next start.
pub(in crate::store) fn distrust(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(NOTE)) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_directory(directory)),
    }
}

/// Whether a file is the note.
pub(super) fn is_note(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == NOTE)
}
