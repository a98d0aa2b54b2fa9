//! Where the log of a data directory is kept: in the directory itself, or in a database of which the directory has a
//! copy.
//!
//! The directory of a copy contains the file `COPY`, with the id of the log in the database. A directory to which a log
//! moved contains the file `LOG_ID`, with the id under which the log goes on there.

use std::fs;
use std::io;
use std::path::Path;

use uuid::Uuid;

use super::LogPlace;
use super::data_dir::{COPY, DataDirError, FORMAT, disk, remove, sync_directory, write_durably};

/// The file with the id of the log that the directory itself keeps.
const LOG_ID: &str = "LOG_ID";

/// The id of the log that a directory has a copy of. `None` if its log is no copy; nil if the id is not known yet.
pub fn copied_log(root: &Path) -> Result<Option<Uuid>, DataDirError> {
    read(root, COPY)
}

/// Stores durably that the log of a directory is a copy.
pub fn mark_as_copy(root: &Path, log: Uuid) -> Result<(), DataDirError> {
    if copied_log(root)? == Some(log) { Ok(()) } else { write(root, COPY, log) }
}

/// Stores durably that the directory itself keeps the log from now on.
pub fn mark_as_own(root: &Path) -> Result<(), DataDirError> {
    let path = root.join(COPY);
    remove(&path).and_then(|()| sync_directory(root)).map_err(disk("removed", &path))
}

/// The id of the log that a directory itself keeps. `None` if no log moved there.
pub fn own_log(root: &Path) -> Result<Option<Uuid>, DataDirError> {
    read(root, LOG_ID)
}

/// Like [`own_log`], but gives the log an id if it has none.
pub fn name_own_log(root: &Path) -> Result<Uuid, DataDirError> {
    if let Some(named) = own_log(root)? {
        return Ok(named);
    }
    let new = Uuid::new_v4();
    write(root, LOG_ID, new)?;
    Ok(new)
}

/// Refuses a copy if the registry keeps its log in the directory itself, and a directory with a log of its own if the
/// log is in a database. Changes nothing.
pub fn refuse_other_place(root: &Path, place: &LogPlace) -> Result<(), DataDirError> {
    let (is_registry, is_copy) = (root.join(FORMAT).exists(), copied_log(root)?.is_some());
    match place {
        LogPlace::File if is_copy => Err(DataDirError::IsCopy(root.to_owned())),
        LogPlace::Shared(_) if is_registry && !is_copy => Err(DataDirError::KeepsItsLog(root.to_owned())),
        _ => Ok(()),
    }
}

fn read(root: &Path, name: &str) -> Result<Option<Uuid>, DataDirError> {
    let path = root.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map(Some).map_err(|_| DataDirError::BadFile(path)),
        Err(absent) if matches!(absent.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(refused) => Err(disk("read", &path)(refused)),
    }
}

fn write(root: &Path, name: &str, id: Uuid) -> Result<(), DataDirError> {
    let path = root.join(name);
    write_durably(&path, format!("{id}\n").as_bytes(), 0o600).map_err(disk("written", &path))
}
