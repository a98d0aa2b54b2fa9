//! Directories that are being filled. Whatever fills one, a new registry, a restore or a backup, puts a mark there first
//! and takes it away last. So what a kill leaves half-made is never taken for a registry or a backup, and the same
//! command can begin anew.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{DataDirError, disk};
use super::files::{remove, sync_directory, write_durably};
use super::{FORMAT, LOCK};

/// The mark: a file with the name of the command that fills the directory.
const MARK: &str = "UNFINISHED";

/// What a command fills a directory with.
const PARTS: &[&str] = &["FORMAT.tmp", FORMAT, "log", "keys", "index", "ANSWERED"];

/// What does not count as something in a directory: what mkfs makes, and what a command leaves that was killed before
/// it put its mark.
const NOTHING: &[&str] = &["lost+found", LOCK, "UNFINISHED.tmp"];

/// What is in a directory.
pub(in crate::store) enum Found {
    /// The directory does not exist.
    Missing,
    /// Nothing.
    Empty,
    /// A whole of the kind that was looked for.
    Whole,
    /// What this command began and did not finish.
    Unfinished(String),
    /// Something else, such as this.
    Foreign(String),
}

/// Looks at a directory without touching it. It holds a whole if it has a file of the name `whole`.
pub(in crate::store) fn look(root: &Path, whole: &str) -> Result<Found, DataDirError> {
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
    if has(whole) {
        return Ok(Found::Whole);
    }
    if has(MARK) {
        let mark = root.join(MARK);
        let by = fs::read_to_string(&mark).map_err(disk("read", &mark))?;
        return Ok(Found::Unfinished(by.trim().to_owned()));
    }
    let something = names.into_iter().find(|name| !NOTHING.contains(&name.as_str()));
    Ok(something.map_or(Found::Empty, Found::Foreign))
}

/// Marks a directory as being filled by a command, and removes what the same command left there when it was cut off.
pub(in crate::store) fn mark(root: &Path, by: &str) -> Result<(), DataDirError> {
    let mark = root.join(MARK);
    write_durably(&mark, format!("{by}\n").as_bytes(), 0o600).map_err(disk("written", &mark))?;
    clear(root)
}

/// Takes the mark away. A mark beside a whole says nothing: it may stay if the disk refuses.
pub(in crate::store) fn unmark(root: &Path) {
    drop(remove(&root.join(MARK)).and_then(|()| sync_directory(root)));
}

fn clear(root: &Path) -> Result<(), DataDirError> {
    PARTS.iter().map(|part| root.join(part)).try_for_each(|part| remove(&part).map_err(disk("removed", &part)))
}

/// A registry in the making. If it is dropped before it is finished, nothing of it is left behind.
#[must_use = "dropped, it removes the registry that it stands for"]
pub struct Unfinished {
    root: PathBuf,
    /// The directories that were made for it, from the top down.
    made: Vec<PathBuf>,
    is_finished: bool,
    /// Held, not read: no other process takes the directory meanwhile.
    _lock: Arc<File>,
}

impl Unfinished {
    pub(super) fn new(root: &Path, made: Vec<PathBuf>, lock: Arc<File>) -> Unfinished {
        Unfinished { root: root.to_owned(), made, is_finished: false, _lock: lock }
    }

    /// Leaves the directory to the process that has taken it.
    pub(super) fn disown(mut self) {
        self.is_finished = true;
    }

    /// Makes it a registry, durably.
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
        // What cannot be removed stays marked.
        if clear(&self.root).is_ok() {
            unmark(&self.root);
            drop(remove(&self.root.join(LOCK)));
            // Directories that hold something of others stay.
            self.made.iter().rev().for_each(|directory| drop(fs::remove_dir(directory)));
        }
    }
}
