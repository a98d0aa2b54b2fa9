//! Redaction: removes what is personal about a person from the log and from everything that was made of it.
//!
//! The record of a redaction is an instruction: a process that has the log removes the personal parts of the records
//! before it that are about the person. It is in the log first. So after a crash, and in every process that shares the
//! log, the next start finds by the index what is left to do, and does it: first in what was set aside, then in the
//! log, and then it removes the index, which is folded again from the log.

mod set_aside;

use std::collections::BTreeMap;
use std::path::Path;

use super::data_dir::{DataDirError, UNPACKED, disk, paths_in, remove, sync_directory};
use super::index::{Index, IndexError, View as _, clean_shutdown};
use super::log::{LogEngine, UpgradeError};
use super::record::{self, Undecodable};
use crate::domain::fact::{Fact, RegistryFact};
use crate::domain::id::{Revision, SpecialistId};

/// For each person, the last record that redacts it.
pub type Redactions = BTreeMap<SpecialistId, Revision>;

/// Why what is on record as redacted could not be removed. The next start continues.
#[derive(Debug, thiserror::Error)]
pub enum RedactionError {
    /// The index cannot be read.
    #[error("the index cannot be read")]
    Index(#[from] IndexError),
    /// The log was not rewritten.
    #[error("the log was not rewritten")]
    Log(#[from] UpgradeError),
    /// A file was not rewritten or removed.
    #[error(transparent)]
    Disk(#[from] DataDirError),
    /// It was all done, and something is left.
    #[error("the index still has what was removed from the log")]
    StillThere,
}

/// The redactions on record of which the index still has something. The index is a fold of the log, so it tells what
/// the log has.
pub(super) fn pending(index: &Index, on_record: &Redactions) -> Result<Redactions, IndexError> {
    let mut pending = Redactions::new();
    for (person, before) in on_record {
        let facts = index.specialist_facts(*person)?;
        let mut earlier = facts.iter().take_while(|recorded| recorded.id.revision < *before);
        if earlier.any(|it| record::is_personal(&it.with(&Fact::Specialist(*person, it.fact.clone())))) {
            pending.insert(*person, *before);
        }
    }
    Ok(pending)
}

/// True if an index still has something that a redaction on record removes.
pub fn is_pending(index: &Index) -> Result<bool, IndexError> {
    Ok(!pending(index, &on_record(index)?)?.is_empty())
}

/// The redactions on record in an index.
pub(super) fn on_record(index: &Index) -> Result<Redactions, IndexError> {
    let facts = index.registry_facts()?;
    let redactions = facts.iter().filter_map(|recorded| match recorded.fact {
        RegistryFact::SpecialistRedacted { specialist, .. } => Some((specialist, recorded.id.revision)),
        _ => None,
    });
    Ok(redactions.collect())
}

/// What takes the place of a record by some redactions. `None` if it stays.
pub(super) fn redact_record(
    redactions: &Redactions,
    revision: Revision,
    bytes: &[u8],
) -> Result<Option<Vec<u8>>, Undecodable> {
    let is_meant = |id: SpecialistId| redactions.get(&id).is_some_and(|before| revision < *before);
    record::redacted(bytes, &is_meant).map_err(|what| Undecodable { revision, what })
}

/// Removes what the redactions on record remove from what lies beside the log. It comes first: the index may be folded
/// from a log that was redacted, and does not tell any more then that something is left. `is_pending`: the index still
/// has something that they remove.
pub(super) fn apply_beside_log(
    data_dir: &Path,
    on_record: &Redactions,
    is_pending: bool,
) -> Result<(), RedactionError> {
    if on_record.is_empty() {
        return Ok(());
    }
    set_aside::redact(data_dir, on_record, is_pending)?;
    // A restore that was killed at its very end may have left its archives.
    let unpacked = data_dir.join(UNPACKED);
    Ok(remove(&unpacked).map_err(disk("removed", &unpacked))?)
}

/// Removes what some redactions on record remove from the log and the index, which are not open.
pub(super) fn apply(engine: &dyn LogEngine, data_dir: &Path, redactions: &Redactions) -> Result<(), RedactionError> {
    let people = redactions.len();
    tracing::info!(event = "redaction_started", people, "a redaction is on record: rewriting the log and the index");
    engine.redact(&mut |revision, bytes| Ok(redact_record(redactions, revision, bytes)?))?;
    // The index is last: while it is there, the next start knows that something is left to do. The directory itself
    // stays, because the place of its files in memory is named after it.
    let index = data_dir.join("index");
    if index.is_dir() {
        clean_shutdown::invalidate(&index).map_err(disk("removed", &index))?;
        for path in paths_in(&index).map_err(disk("read", &index))? {
            remove(&path).map_err(disk("removed", &path))?;
        }
        sync_directory(&index).map_err(disk("made durable", &index))?;
    }
    tracing::info!(event = "redaction_completed", people, "the log was redacted; the index is folded again");
    Ok(())
}
