//! A backup and a data directory lie apart: whatever removes the one leaves the other.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::{BackupError, disk};

/// Refuses a backup and a data directory that are one directory, or of which one lies in the other.
pub(super) fn refuse_unless_apart(backup: &Path, data_dir: &Path) -> Result<(), BackupError> {
    let (of_backup, of_data_dir) = (resolved(backup)?, resolved(data_dir)?);
    if of_backup.starts_with(&of_data_dir) || of_data_dir.starts_with(&of_backup) {
        return Err(BackupError::NotApart { backup: backup.to_owned(), data_dir: data_dir.to_owned() });
    }
    Ok(())
}

/// Where a path leads, through every link, also where its last directories do not exist yet.
fn resolved(path: &Path) -> Result<PathBuf, BackupError> {
    let mut at = PathBuf::new();
    for part in std::path::absolute(path).map_err(disk("found", path))?.components() {
        if part == Component::ParentDir {
            at.pop();
            continue;
        }
        at.push(part);
        match at.canonicalize() {
            Ok(canonical) => at = canonical,
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
            Err(refused) => return Err(disk("found", &at)(refused)),
        }
    }
    Ok(at)
}
