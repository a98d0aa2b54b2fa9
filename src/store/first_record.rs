//! Whether a registry has its log. Its first record is durable before the directory becomes a registry, so a log without
//! one is not there: its disk is not mounted, or it is lost.

use std::path::Path;

use super::data_dir::{DataDir, DataDirError, disk, format_of, refuse_unless_registry};
use super::index::clean_shutdown;
use super::log::LogEngine;
use crate::domain::id::Revision;

/// Takes the directory of a registry, whose log this engine keeps. Makes nothing, and leaves a directory that it refuses as
/// it is.
pub(super) fn open_with_log(engine: &dyn LogEngine, root: &Path) -> Result<DataDir, DataDirError> {
    refuse_without_log(engine, root)?;
    DataDir::open(root)
}

/// The same for a registry that may be in an earlier format.
pub(super) fn open_with_log_to_upgrade(engine: &dyn LogEngine, root: &Path) -> Result<DataDir, DataDirError> {
    refuse_without_log(engine, root)?;
    DataDir::open_to_upgrade(root)
}

/// Makes sure that a directory holds a registry that this program knows, with its log, without touching it.
pub(super) fn refuse_without_log(engine: &dyn LogEngine, root: &Path) -> Result<(), DataDirError> {
    refuse_unless_registry(root)?;
    format_of(root)?;
    let log = root.join("log");
    if !engine.holds_no_record().map_err(disk("read", &log))? {
        return Ok(());
    }
    let published = engine.published_head().ok().flatten().unwrap_or_default();
    match published.max(clean_shutdown::of(&root.join("index")).unwrap_or_default()) {
        Revision::ZERO => Err(DataDirError::NoRecord(log)),
        acknowledged => Err(DataDirError::LostLog { log, acknowledged }),
    }
}
