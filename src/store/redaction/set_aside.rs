//! What was set aside in the data directory: segments of a history that was given up, whole or in part, and indexes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{RedactionError, Redactions, redact_record};
use crate::domain::id::Revision;
use crate::store::data_dir::{
    DataDirError, all_set_aside, disk, kept_through, paths_in, remove, sync_directory, write_durably,
};
use crate::store::disk::RealDisk;
use crate::store::log::redact_apart;

/// The file with the redactions that were carried out in a directory, so that the next start need not read it again.
const NOTE: &str = "redacted";

/// Removes what the redactions on record remove from everything that was set aside: records from segments, and every
/// index, which is no evidence of anything.
///
/// The records that the log kept have the same revisions here. The others are of another history: a redaction that was
/// recorded after the log was set aside removes what they have about the person, whatever their revisions.
pub(super) fn redact(data_dir: &Path, on_record: &Redactions, is_pending: bool) -> Result<(), RedactionError> {
    for directory in all_set_aside(data_dir)? {
        let note = note_of(on_record);
        if fs::read_to_string(directory.join(NOTE)).is_ok_and(|noted| noted == note) {
            continue;
        }
        let kept = kept_through(&directory);
        let before = |at: Revision| if at > kept { Revision::LATEST } else { at };
        let redactions: Redactions = on_record.iter().map(|(person, at)| (*person, before(*at))).collect();
        // Earlier redactions were completed while every part could be read.
        let is_suspect = is_pending || on_record.values().any(|at| *at > kept);
        redact_directory(&directory, &redactions, is_suspect)?;
        // Without the note, the next start does this again.
        drop(write_durably(&directory.join(NOTE), note.as_bytes(), 0o600));
    }
    Ok(())
}

/// Removes what some redactions remove from a directory, durably. A segment of which a part cannot be read may have
/// anything: it is removed, if it is suspect.
fn redact_directory(directory: &Path, redactions: &Redactions, is_suspect: bool) -> Result<(), RedactionError> {
    remove_path(&directory.join("index"))?;
    // An interrupted rewrite may have left its copy, which has what it did not remove.
    files_in(directory, "tmp")?.iter().try_for_each(|path| remove_path(path))?;
    for path in files_in(directory, "log")? {
        let redacted = redact_apart(Arc::new(RealDisk), &path, &mut |revision, bytes| {
            Ok(redact_record(redactions, revision, bytes)?)
        });
        if !redacted? && is_suspect {
            tracing::warn!(event = "set_aside_removed", path = %path.display(), "a segment that was set aside cannot be read whole, and was removed: it may have held what was redacted");
            remove_path(&path)?;
        }
    }
    Ok(sync_directory(directory).map_err(disk("made durable", directory))?)
}

fn note_of(redactions: &Redactions) -> String {
    redactions.iter().fold(String::new(), |mut note, (person, at)| {
        writeln!(note, "{person} {at}").unwrap_or_default();
        note
    })
}

fn files_in(directory: &Path, extension: &str) -> Result<Vec<PathBuf>, DataDirError> {
    let mut paths = paths_in(directory).map_err(disk("read", directory))?;
    paths.retain(|path| path.extension().is_some_and(|it| it == extension));
    Ok(paths)
}

fn remove_path(path: &Path) -> Result<(), DataDirError> {
    remove(path).map_err(disk("removed", path))
}
