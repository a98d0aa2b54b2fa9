//! Unpacks archives of a backup into a directory, which is then verified like any backup.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::manifest::Manifest;
use super::verify::VerifyError;
use super::{BackupError, disk};
use crate::store::data_dir::{FORMAT, MANIFEST};

/// An archive of a backup.
pub struct Archive {
    /// The name, for messages.
    pub name: String,
    /// The bytes of the archive. They end when it does.
    pub bytes: Box<dyn Read>,
}

/// Unpacks archives into a new directory. A later one replaces files of an earlier one.
pub(super) fn unpack(archives: Vec<Archive>, into: &Path) -> Result<(), BackupError> {
    for directory in [into.to_owned(), into.join("keys"), into.join("log")] {
        fs::DirBuilder::new().mode(0o700).create(&directory).map_err(disk("made", &directory))?;
    }
    for archive in archives {
        unpack_one(archive, into)?;
    }
    let manifest = Manifest::read(into);
    let manifest = manifest.map_err(|source| VerifyError::Manifest { backup: into.to_owned(), source })?;
    match manifest.files.into_iter().find(|listed| !into.join(&listed.path).exists()) {
        Some(missing) => Err(BackupError::NeedsEarlier(missing.path)),
        None => Ok(()),
    }
}

/// Unpacks an archive. It must end with the manifest, so that a truncated one is not taken for the one before it.
fn unpack_one(Archive { name, bytes }: Archive, into: &Path) -> Result<(), BackupError> {
    let unreadable = |source| BackupError::Archive { name: name.clone(), source };
    let mut archive = tar::Archive::new(bytes);
    let mut last = String::new();
    for entry in archive.entries().map_err(unreadable)? {
        let mut entry = entry.map_err(unreadable)?;
        let path = entry.path().map_err(unreadable)?.to_string_lossy().into_owned();
        if !is_part(&path) || !entry.header().entry_type().is_file() {
            return Err(BackupError::ForeignEntry { name: name.clone(), entry: path });
        }
        let to = into.join(&path);
        let mut file = File::create(&to).map_err(disk("made", &to))?;
        let (copied, size) = (io::copy(&mut entry, &mut file).map_err(unreadable)?, entry.size());
        if copied < size {
            return Err(BackupError::Incomplete(name));
        }
        last = path;
    }
    if last != MANIFEST {
        return Err(BackupError::Incomplete(name));
    }
    // What follows the end is read too: an encrypted archive is only known to be whole at its last byte.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(unreadable)?;
    Ok(())
}

/// True if a path is that of a file of a backup. So no archive can write outside of the directory.
fn is_part(path: &str) -> bool {
    let name = path.strip_prefix("keys/").or(path.strip_prefix("log/"));
    let is_name = |name: &str| !name.starts_with('.') && !name.contains('/');
    path == FORMAT || path == MANIFEST || name.is_some_and(is_name)
}
