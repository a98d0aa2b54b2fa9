//! What was set aside in the data directory when a loss was accepted: segments of the log, whole or in part, and indexes.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{RedactionError, Redactions, redact_record};
use crate::store::data_dir::{disk, sync_directory};
use crate::store::disk::RealDisk;
use crate::store::log::redact_apart;

/// The directory of everything that was set aside.
const SET_ASIDE: &str = "set-aside";

/// Removes what some redactions remove from everything that was set aside: records from segments, and every index, which
/// is no evidence of anything. A segment of which a part cannot be read is removed: it may have anything.
pub(super) fn redact(data_dir: &Path, redactions: &Redactions) -> Result<(), RedactionError> {
    for directory in directories(data_dir)?.into_iter().filter(|path| path.is_dir()) {
        super::remove(&directory.join("index"))?;
        for path in segments_in(&directory)? {
            let redacted = redact_apart(Arc::new(RealDisk), &path, &mut |revision, bytes| {
                Ok(redact_record(redactions, revision, bytes)?)
            });
            if !redacted? {
                tracing::warn!(event = "set_aside_removed", path = %path.display(), "a segment that was set aside cannot be read whole, and was removed: it may have held what was redacted");
                fs::remove_file(&path).map_err(disk("removed", &path))?;
            }
        }
        sync_directory(&directory).map_err(disk("made durable", &directory))?;
    }
    Ok(())
}

/// The segments in a directory, and what an interrupted rewrite left of one.
fn segments_in(directory: &Path) -> Result<Vec<PathBuf>, RedactionError> {
    let is_segment = |path: &PathBuf| path.extension().is_some_and(|it| it == "log" || it == "tmp");
    Ok(paths_in(directory)?.into_iter().filter(is_segment).collect())
}

/// The directories of what was set aside, each with an index or segments.
pub(in crate::store) fn directories(data_dir: &Path) -> Result<Vec<PathBuf>, RedactionError> {
    let all = data_dir.join(SET_ASIDE);
    if all.exists() { paths_in(&all) } else { Ok(Vec::new()) }
}

/// The paths in a directory.
pub(super) fn paths_in(directory: &Path) -> Result<Vec<PathBuf>, RedactionError> {
    let entries = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>());
    Ok(entries.map_err(disk("read", directory))?)
}
