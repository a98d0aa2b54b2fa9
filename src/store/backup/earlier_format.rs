//! Moves a backup in an earlier format out of the way of a new one, which cannot add to its segments. It moves to the
//! subdirectory `format-1` and can still be restored. The new backup is a full one.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::manifest::Manifest;
use super::{BackupError, disk};
use crate::store::data_dir::{MANIFEST, mark, sync_directory};

/// Moves an earlier backup, and marks the directory as being filled by a command. At every moment the earlier backup is
/// complete in one of the two places. After a kill, the next call continues.
pub(super) fn keep_earlier_format(target: &Path, earlier: &Manifest, command: &str) -> Result<(), BackupError> {
    let aside = target.join(format!("format-{}", earlier.record_format));
    for directory in [aside.clone(), aside.join("keys"), aside.join("log")] {
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory);
        made.map_err(disk("made", &directory))?;
    }
    let paths = earlier.files.iter().map(|file| file.path.as_str());
    for path in paths.chain([MANIFEST]) {
        let (from, to) = (target.join(path), aside.join(path));
        match fs::hard_link(&from, &to) {
            Err(done) if done.kind() == io::ErrorKind::AlreadyExists => {}
            Err(done) if done.kind() == io::ErrorKind::NotFound && to.exists() => {}
            linked => linked.map_err(disk("set aside", &from))?,
        }
    }
    for directory in [aside.join("keys"), aside.join("log"), aside, target.to_owned()] {
        sync_directory(&directory).map_err(disk("made durable", &directory))?;
    }
    mark(target, command)?;
    let manifest = target.join(MANIFEST);
    fs::remove_file(&manifest).map_err(disk("removed", &manifest))?;
    sync_directory(target).map_err(disk("made durable", target))
}
