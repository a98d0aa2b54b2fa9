//! Accepting a loss: the operator gives up acknowledged records that the log has lost, and continues without them.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use uuid::Uuid;

use super::rewrite::{Tail, epoch_frame};
use super::{BackupError, disk};
use crate::domain::id::Revision;
use crate::store::data_dir::{DataDirError, all_set_aside, begin_set_aside, move_away, write_durably};
use crate::store::engine::log_engine;
use crate::store::first_record::open_with_log;
use crate::store::log::{Damage, Extent, LogEngine, LogOptions, ReadError};
use crate::store::record::{self, Tip};

/// The result of an accepted loss.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The last record that is kept.
    pub forked_after: Revision,
    /// The epoch that begins after that record.
    pub epoch: Uuid,
    /// The directory with everything that was moved away.
    pub set_aside: PathBuf,
}

/// The reasons why the loss was not accepted. Nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The log is readable further, or less far, than the operator said.
    #[error("the log can be read up to revision {readable}, not {asked}: accept the loss after {readable}, or restore")]
    NotTheEnd {
        /// The last record that the operator would keep.
        asked: Revision,
        /// The last readable record.
        readable: Revision,
    },
    /// The same loss was accepted before. The log contains a record of it, so the current loss is another one.
    #[error(
        "the loss after revision {after} was accepted before, and more has been lost since: --accept-loss-after has no \
         effect: restore a backup (to accept this loss too, move {} away first)",
        set_aside.display()
    )]
    AcceptedBefore {
        /// The revision.
        after: Revision,
        /// The directory with everything that was moved away then.
        set_aside: PathBuf,
    },
    /// No record would be kept.
    #[error("no record of the log can be read: restore a backup")]
    NothingLeft,
    /// An I/O operation failed, or the directory is in use.
    #[error(transparent)]
    Disk(#[from] BackupError),
}

impl From<DataDirError> for LossError {
    fn from(error: DataDirError) -> LossError {
        LossError::Disk(error.into())
    }
}

/// Gives up the records after a revision, which must be the last readable one. The rest of the log and the index are
/// moved to a directory and kept. A new epoch begins.
///
/// At every moment the registry is either still damaged and does not open, or has the new epoch.
pub fn accept_loss(data_dir: &Path, after: Revision, now: Timestamp) -> Result<Accepted, LossError> {
    let engine = log_engine(data_dir, LogOptions::default());
    let directory = open_with_log(&*engine, data_dir)?;
    let Readable { tail, tip, damage } = readable(&*engine)?;
    if tail.revision == Revision::ZERO {
        return Err(LossError::NothingLeft);
    }
    if tail.revision != after {
        return Err(LossError::NotTheEnd { asked: after, readable: tail.revision });
    }
    if let Some(set_aside) = accepted_before(data_dir, after)? {
        return Err(LossError::AcceptedBefore { after, set_aside });
    }
    let epoch = Uuid::new_v4();
    let set_aside = begin_set_aside(data_dir, epoch, after)?;
    let why = match damage {
        Some(damage) => format!("loss accepted: {damage}"),
        None => "loss accepted: the log had lost its last records".to_owned(),
    };
    let (frame, _, _) = epoch_frame(&tail, &tip, epoch, after, &why, now)?;
    let end = engine.prepare_end(after, &frame).map_err(BackupError::from)?;
    let index = directory.index();
    move_away(&index, &set_aside.join("index")).map_err(disk("set aside", &index))?;
    end.put_in_place(&set_aside).map_err(BackupError::from)?;
    note_acceptance(&set_aside, after)?;
    // Move the published head last, because it proves the loss. If this is interrupted before, the loss can be accepted
    // again.
    engine.withdraw_published_head(&set_aside).map_err(BackupError::from)?;
    Ok(Accepted { forked_after: after, epoch, set_aside })
}

/// The readable part of a log, up to its first damage.
struct Readable {
    tail: Tail,
    tip: Tip,
    damage: Option<Damage>,
}

fn readable(engine: &dyn LogEngine) -> Result<Readable, BackupError> {
    let log = engine.offline(Extent::Everything)?;
    let (mut tail, mut tip) = (Tail::new(), Tip::ORIGIN);
    for part in log.parts() {
        let mut batches = log.batches(part, Some(tip.chain))?;
        if part.first != tip.revision.next() {
            let damage = Some(batches.damaged("the segment does not follow the one before it"));
            return Ok(Readable { tail, tip, damage });
        }
        loop {
            match batches.read() {
                Ok(Some(whole)) => {
                    for (revision, bytes) in &whole.frame.records {
                        tail.advance(&record::decode(*revision, bytes)?);
                    }
                    tip = whole.frame.tip().unwrap_or(tip);
                }
                Ok(None) => break,
                Err(ReadError::Damaged(damage)) => return Ok(Readable { tail, tip, damage: Some(damage) }),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(Readable { tail, tip, damage: None })
}

/// The file among what was moved away that says after which revision the loss was accepted. The log says so too, but a
/// later loss may destroy that record.
const ACCEPTED: &str = "accepted-after";

/// Stores in the directory that the acceptance is complete.
fn note_acceptance(set_aside: &Path, after: Revision) -> Result<(), BackupError> {
    let path = set_aside.join(ACCEPTED);
    write_durably(&path, format!("{after}\n").as_bytes(), 0o600).map_err(disk("written", &path))
}

/// The directory with what was moved away when the loss after this revision was accepted. `None` if it was not
/// accepted.
fn accepted_before(data_dir: &Path, after: Revision) -> Result<Option<PathBuf>, BackupError> {
    let is_noted = |directory: &PathBuf| {
        let noted = fs::read_to_string(directory.join(ACCEPTED)).unwrap_or_default();
        noted.trim() == after.to_string()
    };
    Ok(all_set_aside(data_dir)?.into_iter().find(is_noted))
}
