//! The steps of opening a store: the directory, the log, and the index.

use std::path::Path;

use super::data_dir::{DataDir, DataDirError, Unfinished};
use super::first_record::open_with_log_to_upgrade;
use super::index::{Index, IndexOptions, OpenIndexError, Progress, clean_shutdown};
use super::log::{Log, LogEngine};
use super::record::Salts;
use super::redaction::{self, RedactionError};
use super::{OpenError, OpenMode, record};

/// Rewrites the log of a directory in format 1, once. The index stays valid, because the records are the same. FORMAT
/// is written last; if the process is killed before, the next start continues the rewrite.
pub(super) fn upgrade(engine: &dyn LogEngine, directory: &DataDir, salts: &Salts) -> Result<(), OpenError> {
    tracing::info!(event = "log_upgrade_started", "the log is in format 1: rewriting it once");
    engine.upgrade(&mut |revision, bytes| {
        let record = record::decode(revision, bytes)?;
        Ok(record::encode(&record, &salts.salt(revision)?))
    })?;
    directory.write_current_format()?;
    tracing::info!(event = "log_upgraded", "the log was rewritten in format 2");
    Ok(())
}

/// Opens the log and the index. If the log has a record of a redaction, what it removes is removed first from what lies
/// beside the log: what was set aside, and the archives that an interrupted restore left. If the log and the index
/// still have some of it, they are rewritten: the command was interrupted, or another process recorded it in a shared
/// log.
pub(super) fn open_redacted(
    engine: &dyn LogEngine,
    directory: &DataDir,
    options: IndexOptions,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Box<dyn Log>, Index), OpenError> {
    let mut open = || -> Result<_, OpenError> {
        let log = engine.open()?;
        let index = open_index(&directory.index(), options, &*log, progress)?;
        let on_record = redaction::on_record(&index).map_err(RedactionError::from)?;
        let pending = redaction::pending(&index, &on_record).map_err(RedactionError::from)?;
        redaction::apply_beside_log(directory.root(), &on_record, !pending.is_empty())?;
        Ok((log, index, pending))
    };
    let (mut log, index, pending) = open()?;
    if pending.is_empty() {
        return Ok((log, index));
    }
    log.close();
    drop((log, index));
    redaction::apply(engine, directory.root(), &pending)?;
    let (log, index, pending) = open()?;
    if pending.is_empty() { Ok((log, index)) } else { Err(RedactionError::StillThere.into()) }
}

/// Opens the index. A copy of a log may end before it; then the index is folded again from what the copy has.
fn open_index(
    directory: &Path,
    options: IndexOptions,
    log: &dyn Log,
    progress: &mut dyn FnMut(Progress),
) -> Result<Index, OpenIndexError> {
    let reader = log.reader();
    match Index::open(directory, options, &*reader, progress) {
        Err(OpenIndexError::LostRecords { applied, head }) if log.is_shared() => {
            tracing::warn!(
                event = "index_ahead_of_copy",
                applied = applied.0,
                head = head.0,
                "the copy of the shared log ends before the index: folding it again"
            );
            clean_shutdown::invalidate(directory)?;
            Index::open(directory, options, &*reader, progress)
        }
        opened => opened,
    }
}

/// Locks the directory. If the log is in it alone, it must be there.
pub(super) fn take(
    engine: &dyn LogEngine,
    root: &Path,
    mode: OpenMode,
    is_file: bool,
) -> Result<(DataDir, Option<Unfinished>), DataDirError> {
    let begin = |by| DataDir::begin(root, by).map(|(directory, unfinished)| (directory, Some(unfinished)));
    let open = || if is_file { open_with_log_to_upgrade(engine, root) } else { DataDir::open(root) };
    match mode {
        OpenMode::Existing => Ok((open()?, None)),
        OpenMode::New(by) => begin(by),
        OpenMode::ExistingOrNew(by) => match open() {
            Err(none) if none.is_no_registry() => begin(by),
            opened => Ok((opened?, None)),
        },
    }
}
