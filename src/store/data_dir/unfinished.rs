//! Marks directories that are being filled. A new registry, a restore and a backup each create a mark first and remove
//! it last. So a directory that was half filled when the process was killed is never taken for a registry or a backup,
//! and the same command can start again.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{DataDirError, disk};
use super::files::{remove, sync_directory, write_durably};
use super::{COPY, FORMAT, LOCK};

/// The mark: a file with the name of the command that fills the directory.
const MARK: &str = "UNFINISHED";

/// The directory in which a restore unpacks archives.
pub(in crate::store) const UNPACKED: &str = "unpacked";

/// The names that a command creates.
const PARTS: &[&str] =
    &["FORMAT.tmp", FORMAT, "log", "keys", "index", "tree", "ANSWERED", "ACKNOWLEDGED", COPY, UNPACKED];

/// The names that are ignored in an empty directory: those that mkfs creates, and those that a command leaves if it is
/// killed before it creates its mark.
const IGNORED: &[&str] = &["lost+found", LOCK, "UNFINISHED.tmp"];

/// What a directory contains.
pub(in crate::store) enum Found {
    /// The directory does not exist.
    Missing,
    /// Nothing.
    Empty,
    /// A complete registry or backup, whichever the caller looked for.
    Complete,
    /// What this command began and did not finish.
    Unfinished(String),
    /// Something else, such as a file with this name.
    Foreign(String),
}

/// Inspects a directory without changing it. It is complete if it contains a file with the name `proof`.
pub(in crate::store) fn inspect(root: &Path, proof: &str) -> Result<Found, DataDirError> {
    let entries = match fs::read_dir(root).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(Found::Missing),
        Err(file) if file.kind() == io::ErrorKind::NotADirectory => {
            return Err(DataDirError::NotADirectory(root.to_owned()));
        }
        Err(refused) => return Err(disk("read", root)(refused)),
    };
    let mut names: Vec<_> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let has = |name: &str| names.iter().any(|found| found == name);
    if has(proof) {
        return Ok(Found::Complete);
    }
    if has(MARK) {
        let mark = root.join(MARK);
        let by = fs::read_to_string(&mark).map_err(disk("read", &mark))?;
        return Ok(Found::Unfinished(by.trim().to_owned()));
    }
    let something = names.into_iter().find(|name| !IGNORED.contains(&name.as_str()));
    Ok(something.map_or(Found::Empty, Found::Foreign))
}

/// Marks a directory as being filled by a command, and removes what the same command left there when it was
/// interrupted.
pub(in crate::store) fn mark(root: &Path, by: &str) -> Result<(), DataDirError> {
    let mark = root.join(MARK);
    write_durably(&mark, format!("{by}\n").as_bytes(), 0o600).map_err(disk("written", &mark))?;
    clear(root)
}

/// Removes the mark. Errors are ignored, because a mark in a complete directory has no meaning.
pub(in crate::store) fn unmark(root: &Path) {
    drop(remove(&root.join(MARK)).and_then(|()| sync_directory(root)));
}

fn clear(root: &Path) -> Result<(), DataDirError> {
    PARTS.iter().map(|part| root.join(part)).try_for_each(|part| remove(&part).map_err(disk("removed", &part)))
}

/// A registry that is being created. If it is dropped before it is finished, it is removed.
#[must_use = "dropped, it removes the new registry"]
pub struct Unfinished {
    root: PathBuf,
    /// The directories that were created for it, from the top down.
    made: Vec<PathBuf>,
    is_finished: bool,
    /// Held, not read: it locks the directory against other processes.
    _lock: Arc<File>,
}

impl Unfinished {
    pub(super) fn new(root: &Path, made: Vec<PathBuf>, lock: Arc<File>) -> Unfinished {
        Unfinished { root: root.to_owned(), made, is_finished: false, _lock: lock }
    }

    /// Leaves the directory to the process that was faster.
    pub(super) fn release(mut self) {
        self.is_finished = true;
    }

    /// Completes the registry, durably.
    pub fn finish(mut self) -> Result<(), DataDirError> {
        for part in [self.root.join("log"), self.root.join("keys"), self.root.clone()] {
            sync_directory(&part).map_err(disk("made durable", &part))?;
        }
        super::write_format(&self.root)?;
        self.is_finished = true;
        unmark(&self.root);
        Ok(())
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_finished {
            return;
        }
        // If something cannot be removed, the mark stays.
        if clear(&self.root).is_ok() {
            unmark(&self.root);
            drop(remove(&self.root.join(LOCK)));
            // Directories that contain other files are kept.
            self.made.iter().rev().for_each(|directory| drop(fs::remove_dir(directory)));
        }
    }
}
