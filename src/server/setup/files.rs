//! Files that are made once and never overwritten, and the one that grows.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::SetupError;

/// Who may read a file.
#[derive(Clone, Copy)]
pub(super) enum Readers {
    /// The owner.
    Owner,
    /// Anyone who gets to its directory.
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

/// Makes a directory that is the owner's alone, unless it is there.
pub(super) fn make_directory(path: &Path) -> Result<(), SetupError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| SetupError::Disk { path: path.to_owned(), source })
}

/// Writes a file that must not be there yet.
pub(super) fn write_new(path: &Path, content: &str, readers: Readers) -> Result<(), SetupError> {
    write(path, content, readers).map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => SetupError::AlreadyThere { path: path.to_owned() },
        _ => SetupError::Disk { path: path.to_owned(), source },
    })
}

fn write(path: &Path, content: &str, readers: Readers) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(readers.mode()).open(path)?;
    file.write_all(content.as_bytes())?;
    // The umask of the process leaves nothing to others.
    file.set_permissions(Permissions::from_mode(readers.mode()))?;
    file.sync_all()
}

/// Puts a file in the place of another, whole or not at all.
pub(super) fn replace(path: &Path, content: &str, readers: Readers) -> Result<(), SetupError> {
    let disk = |source| SetupError::Disk { path: path.to_owned(), source };
    let beside = path.with_added_extension("new");
    // What an earlier attempt left.
    fs::remove_file(&beside).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(disk(error)),
    })?;
    write(&beside, content, readers).map_err(disk)?;
    fs::rename(&beside, path).map_err(disk)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    File::open(directory).and_then(|directory| directory.sync_all()).map_err(disk)
}

/// Reads a file.
pub(super) fn read(path: &Path) -> Result<String, SetupError> {
    fs::read_to_string(path).map_err(|source| SetupError::Disk { path: path.to_owned(), source })
}
