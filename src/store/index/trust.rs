//! Whether the index on disk can be believed.
//!
//! sled writes without making durable, so after a power cut or a crash of the system its files may hold anything,
//! including something that looks right. A note beside them says under which kernel they were last opened, or that they
//! were closed and synced. It is a file of its own, not an entry: an index cannot vouch for itself.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::store::data_dir::{sync_directory, write_durably};

const NOTE: &str = "trust";
const CLOSED: &str = "closed";

/// Changes whenever the kernel starts.
fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// What of an index can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trust {
    /// Everything that was written is there, in the files or in the memory of a kernel that still runs.
    Whole,
    /// The bases: they were synced before they had their names.
    Bases,
    /// Nothing: the note is gone.
    Nothing,
}

/// What of the index can be believed.
pub(super) fn of(directory: &Path) -> Trust {
    match fs::read_to_string(directory.join(NOTE)) {
        Ok(note) if note == CLOSED || boot_id().is_ok_and(|boot_id| note == boot_id) => Trust::Whole,
        Ok(_) => Trust::Bases,
        Err(_) => Trust::Nothing,
    }
}

/// Notes, before the first write, that the index is open: from here on it lives only as long as this kernel.
pub(super) fn note_open(directory: &Path) -> io::Result<()> {
    write_durably(&directory.join(NOTE), boot_id()?.as_bytes(), 0o644)
}

/// Notes that the index is not to be believed, whatever it holds: it is folded again at the next start.
pub(in crate::store) fn distrust(directory: &Path) -> io::Result<()> {
    match fs::remove_file(directory.join(NOTE)) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_directory(directory)),
    }
}

/// Makes the files of an index that nobody writes to any more durable, and notes it.
pub(super) fn note_closed(directory: &Path) -> io::Result<()> {
    sync_tree(directory)?;
    write_durably(&directory.join(NOTE), CLOSED.as_bytes(), 0o644)
}

fn sync_tree(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { sync_tree(&path)? } else { File::open(path)?.sync_all()? }
    }
    sync_directory(directory)
}
