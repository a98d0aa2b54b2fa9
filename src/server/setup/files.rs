//! Files that are created once and never overwritten, and the list of clients, which is replaced.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::SetupError;
use crate::server::file_modes::writable_by_others;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) enum Readers {
    /// The owner.
    Owner,
    /// Everyone who can access its directory.
    Anyone,
}

impl Readers {
    fn mode(self) -> u32 {
        match self {
            Readers::Owner => 0o600,
            Readers::Anyone => 0o644,
        }
    }
}

/// Creates a directory that only the owner can access, unless it exists.
pub(super) fn make_directory(path: &Path) -> Result<(), SetupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| SetupError::Disk { path: path.to_owned(), source })
}

/// Writes a file that must not exist yet.
pub(super) fn write_new(path: &Path, content: impl AsRef<[u8]>, readers: Readers) -> Result<(), SetupError> {
    write(path, content.as_ref(), readers).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => SetupError::AlreadyThere { path: path.to_owned() },
        _ => SetupError::Disk { path: path.to_owned(), source },
    })
}

fn write(path: &Path, content: &[u8], readers: Readers) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(readers.mode()).open(path)?;
    let mut fill = || {
        file.write_all(content)?;
        // The process's umask removes all permissions of others.
        file.set_permissions(Permissions::from_mode(readers.mode()))?;
        file.sync_all()
    };
    // Part of a file would refuse the next attempt.
    fill().inspect_err(|_| remove(path))
}

/// Removes a file that was made for something that then failed. That failure is the one to report.
pub(super) fn remove(path: &Path) {
    drop(fs::remove_file(path));
}

/// Replaces a file atomically.
pub(super) fn replace(path: &Path, content: &str, readers: Readers) -> Result<(), SetupError> {
    let disk = |source| SetupError::Disk { path: path.to_owned(), source };
    let beside = path.with_added_extension("new");
    // Remove what an earlier attempt left.
    fs::remove_file(&beside).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(disk(error)),
    })?;
    write(&beside, content.as_bytes(), readers).map_err(disk)?;
    fs::rename(&beside, path).map_err(disk)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(disk)
}

/// Reads a file. Refuses one that other users may write: what is rewritten from it gets the mode of a trusted file.
pub(super) fn read(path: &Path) -> Result<String, SetupError> {
    let disk = |source| SetupError::Disk { path: path.to_owned(), source };
    if let Some(open) = writable_by_others(path).map_err(disk)? {
        return Err(SetupError::WritableByOthers { path: path.to_owned(), open: open.to_owned() });
    }
    fs::read_to_string(path).map_err(disk)
}
