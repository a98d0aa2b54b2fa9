//! Redactions and backups: a redacted log has other bytes and the same chain, and a log of which a redaction is not
//! complete is not backed up.

use std::path::Path;

use super::BackupError;
use crate::domain::id::Revision;
use crate::domain::record::Record;
use crate::store::engine::log_engine;
use crate::store::log::{Extent, LogOptions, OfflineLog, Part};
use crate::store::redaction::{Redactions, redact_record};

/// Adds the redactions of a record.
pub(super) fn note(redactions: &mut Redactions, record: &Record) {
    redactions.extend(record.redacted_people().map(|person| (person, record.revision)));
}

/// Fails if a log still has what some redactions in it remove. Reads nothing if there are none.
pub(super) fn refuse_pending(log: &dyn OfflineLog, redactions: &Redactions) -> Result<(), BackupError> {
    let Some(last) = redactions.values().max() else { return Ok(()) };
    for read in log.read(Revision(1), *last) {
        let (revision, bytes) = read?;
        if redact_record(redactions, revision, &bytes)?.is_some() {
            return Err(BackupError::RedactionPending);
        }
    }
    Ok(())
}

/// True if the segment of a backup has the same history as a part of a log, as far as it can be read: a redaction has
/// changed its bytes.
pub(super) fn is_same_history(backup: &Path, log: &dyn OfflineLog, part: &Part) -> Result<bool, BackupError> {
    let copy = log_engine(backup, LogOptions::default()).offline(Extent::Everything)?;
    let Some(copied) = copy.parts().iter().find(|copied| copied.first == part.first) else { return Ok(false) };
    let mut batches = copy.batches(copied, None)?;
    while let Ok(Some(_)) = batches.read() {}
    Ok(batches.chain().is_some() && batches.chain() == log.chain_at(batches.next().previous())?)
}
