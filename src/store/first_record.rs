//! Checks that a registry has its log. The first record is durable before the directory becomes a registry. So if the
//! log has no record, its disk is not mounted or the log is lost.

use std::path::Path;

use super::data_dir::{DataDir, DataDirError, disk, format_of, refuse_unless_registry};
use super::index::clean_shutdown;
use super::log::LogEngine;
use crate::domain::id::Revision;

/// Opens the directory of a registry whose log this engine stores. Creates nothing. A directory that is refused is not
/// changed.
pub(super) fn open_with_log(engine: &dyn LogEngine, root: &Path) -> Result<DataDir, DataDirError> {
    refuse_without_log(engine, root)?;
    DataDir::open(root)
}

/// Like [`open_with_log`], but for a registry that may be in an earlier format.
pub(super) fn open_with_log_to_upgrade(engine: &dyn LogEngine, root: &Path) -> Result<DataDir, DataDirError> {
    refuse_without_log(engine, root)?;
    DataDir::open_to_upgrade(root)
}

/// Checks that a directory contains a registry of a known format with its log. Changes nothing.
pub(super) fn refuse_without_log(engine: &dyn LogEngine, root: &Path) -> Result<(), DataDirError> {
    refuse_unless_registry(root)?;
    format_of(root)?;
    let log = root.join("log");
    if !engine.holds_no_record().map_err(disk("read", &log))? {
        return Ok(());
    }
    match acknowledged(engine, root) {
        Revision::ZERO => Err(DataDirError::NoRecord(log)),
        acknowledged => Err(DataDirError::LostLog { log, acknowledged }),
    }
}

/// The last record of a registry that is known to have been acknowledged: from the head that was published, or from the
/// index. Zero if neither can be read.
pub(super) fn acknowledged(engine: &dyn LogEngine, root: &Path) -> Revision {
    let published = engine.published_head().ok().flatten().unwrap_or_default();
    published.max(clean_shutdown::read(&root.join("index")).unwrap_or_default())
}
