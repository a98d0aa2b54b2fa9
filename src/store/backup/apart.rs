//! Checks that a backup and a data directory are separate, so that deleting one does not delete the other.

use std::io;
use std::path::{Component, Path, PathBuf};

use super::{BackupError, disk};

/// Fails if the backup and the data directory are the same, or one contains the other.
pub(super) fn refuse_unless_apart(backup: &Path, data_dir: &Path) -> Result<(), BackupError> {
    let (real_backup, real_data_dir) = (resolved(backup)?, resolved(data_dir)?);
    if real_backup.starts_with(&real_data_dir) || real_data_dir.starts_with(&real_backup) {
        return Err(BackupError::NotApart { backup: backup.to_owned(), data_dir: data_dir.to_owned() });
    }
    Ok(())
}

/// Resolves every link in a path. The last directories of the path need not exist.
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
