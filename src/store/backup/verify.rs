//! Verifies a backup against its manifest.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::BackupError;
use super::manifest::{Listed, Manifest, ManifestError, Sha256Text};
use crate::store::data_dir::{DataDirError, disk, format_of};
use crate::store::engine::log_engine_to_read;
use crate::store::log::{Extent, OfflineLog};
use crate::store::priority::yield_now;
use crate::store::progress::{OnStep, Step, Unit};

const READ_AT_ONCE: usize = 1024 * 1024;

/// The reasons why a backup cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The manifest cannot be used.
    #[error("{} cannot be used", backup.display())]
    Manifest {
        /// The directory of the backup.
        backup: PathBuf,
        /// The cause.
        source: ManifestError,
    },
    /// A later version of the program took the backup, or a file cannot be read.
    #[error(transparent)]
    Format(#[from] DataDirError),
    /// The bytes of a file have changed. Use another backup.
    #[error("{} is not what the MANIFEST says: its digest differs", .0.display())]
    Changed(PathBuf),
    /// A file is truncated. Use another backup.
    #[error("{} is shorter than the MANIFEST says", .0.display())]
    Short(PathBuf),
}

/// Compares every file of a backup with its manifest.
pub fn verify(backup: &Path, on_step: &mut OnStep<'_>) -> Result<Manifest, VerifyError> {
    let manifest = Manifest::read(backup);
    let manifest = manifest.map_err(|source| VerifyError::Manifest { backup: backup.to_owned(), source })?;
    let mut step = Step { doing: "verifying digests", unit: Unit::Bytes, done: 0, total: manifest.bytes() };
    for listed in &manifest.files {
        compare(backup, listed)?;
        step.done += listed.bytes;
        on_step(step);
    }
    format_of(backup)?;
    Ok(manifest)
}

/// Compares one file.
pub(super) fn compare(backup: &Path, listed: &Listed) -> Result<(), VerifyError> {
    let path = backup.join(&listed.path);
    let read = File::open(&path).and_then(|file| digest_of(file, listed.bytes));
    match read {
        Ok(Some(digest)) if digest == listed.sha256 => Ok(()),
        Ok(Some(_)) => Err(VerifyError::Changed(path)),
        Ok(None) => Err(VerifyError::Short(path)),
        Err(source) => Err(disk("read", &path)(source).into()),
    }
}

/// The digest of the first bytes of a file. `None` if the file is shorter.
fn digest_of(file: File, bytes: u64) -> io::Result<Option<Sha256Text>> {
    let mut left = file.take(bytes);
    let mut hashed = Sha256::new();
    let mut buffer = vec![0; READ_AT_ONCE];
    loop {
        match left.read(&mut buffer)? {
            0 => break,
            read => hashed.update(buffer.get(..read).unwrap_or_default()),
        }
        yield_now();
    }
    Ok((left.limit() == 0).then(|| Sha256Text::of(hashed)))
}

/// The log of a verified backup: the parts of its segments that the manifest lists.
pub fn log_of_backup(backup: &Path, manifest: &Manifest) -> Result<Box<dyn OfflineLog>, BackupError> {
    Ok(log_engine_to_read(backup)?.offline(Extent::UpTo(manifest.head))?)
}
