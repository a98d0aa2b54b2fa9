//! What is set aside in a data directory: the end of a log that was given up, and its index. Each time it gets a
//! directory of its own.

use std::fs;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::error::{DataDirError, disk};
use super::files::{make_directory, paths_in, write_durably};
use crate::domain::id::Revision;

/// The directory of everything that was set aside.
const SET_ASIDE: &str = "set-aside";

/// The file with the last revision that the log kept.
const KEPT: &str = "kept-through";

/// Makes the directory for the end of a log, which keeps its records through a revision.
pub(in crate::store) fn begin_set_aside(data_dir: &Path, id: Uuid, kept: Revision) -> Result<PathBuf, DataDirError> {
    let directory = data_dir.join(SET_ASIDE).join(id.to_string());
    make_directory(&directory).map_err(disk("made", &directory))?;
    let path = directory.join(KEPT);
    write_durably(&path, format!("{kept}\n").as_bytes(), 0o600).map_err(disk("written", &path))?;
    Ok(directory)
}

/// The last revision that the log kept when a directory was set aside. 0 if that is not known.
pub(in crate::store) fn kept_through(set_aside: &Path) -> Revision {
    let noted = fs::read_to_string(set_aside.join(KEPT)).unwrap_or_default();
    Revision(noted.trim().parse().unwrap_or_default())
}

/// The directories of what was set aside.
pub(in crate::store) fn all_set_aside(data_dir: &Path) -> Result<Vec<PathBuf>, DataDirError> {
    let all = data_dir.join(SET_ASIDE);
    if !all.exists() {
        return Ok(Vec::new());
    }
    let paths = paths_in(&all).map_err(disk("read", &all))?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}
