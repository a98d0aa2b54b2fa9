//! Selects the engine that stores the log. This is the only place that names one.

use std::path::Path;
use std::sync::Arc;

use super::answered_through;
use super::data_dir::{DataDirError, LAYOUT_VERSION, format_of};
use super::disk::RealDisk;
use super::log::postgresql::{self, SharedLog};
use super::log::{FileEngine, Form, LogEngine, LogOptions};

/// The engine for the registry in a data directory, in the current format.
pub(super) fn log_engine(data_dir: &Path, options: LogOptions) -> Box<dyn LogEngine> {
    Box::new(file_engine(data_dir, options))
}

/// The same engine, for reading on from a place in the files.
pub(super) fn file_engine(data_dir: &Path, options: LogOptions) -> FileEngine {
    FileEngine::new(Arc::new(RealDisk), &data_dir.join("log"), options, Form::Current)
}

/// The engine for the registry in a data directory whose log is shared. The directory contains a copy.
pub(super) fn shared_log_engine(data_dir: &Path, shared: &Arc<SharedLog>, options: &LogOptions) -> Box<dyn LogEngine> {
    let copy = log_engine(data_dir, LogOptions { is_copy: true, ..options.clone() });
    let engine = postgresql::engine(shared, copy, answered_through(data_dir));
    Box::new(engine.remembering(data_dir))
}

/// The engine for the log of a backup, or of a data directory that is not yet upgraded: in the format that the
/// directory declares, for reading only.
pub(super) fn log_engine_to_read(root: &Path) -> Result<Box<dyn LogEngine>, DataDirError> {
    let form = if format_of(root)? < LAYOUT_VERSION { Form::CurrentOrFormat1 } else { Form::Current };
    Ok(Box::new(FileEngine::new(Arc::new(RealDisk), &root.join("log"), LogOptions::default(), form)))
}
