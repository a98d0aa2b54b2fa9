//! Going on after a loss: what an operator may decide when the log lost records that it had acknowledged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use uuid::Uuid;

use super::rewrite::{Tail, epoch_frame};
use super::{BackupError, disk};
use crate::domain::id::Revision;
use crate::store::data_dir::{DataDirError, sync_directory, write_durably};
use crate::store::engine::log_engine;
use crate::store::first_record::open_with_log;
use crate::store::log::{Damage, Extent, LogEngine, LogOptions, ReadError};
use crate::store::record::{self, Tip};

/// What was accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The last record that is left.
    pub forked_after: Revision,
    /// The epoch that begins behind it.
    pub epoch: Uuid,
    /// Where everything lies that was set aside.
    pub set_aside: PathBuf,
}

/// The loss was not accepted; nothing has changed.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The log can give more, or less, than the operator would keep.
    #[error("the log can be read up to revision {readable}, not {asked}: accept the loss after {readable}, or restore")]
    NotTheEnd {
        /// What the operator would keep.
        asked: Revision,
        /// What the log can give.
        readable: Revision,
    },
    /// The same loss was accepted before. It is in the record: what is lost now is another one.
    #[error(
        "the loss after revision {after} was accepted and recorded before: --accept-loss-after has no effect any more, and \
         more has been lost since: restore a backup (to give up that, too, move {} away first)",
        set_aside.display()
    )]
    AcceptedBefore {
        /// The revision.
        after: Revision,
        /// What was set aside then.
        set_aside: PathBuf,
    },
    /// There would be nothing left.
    #[error("no record of the log can be read: restore a backup")]
    NothingLeft,
    /// The disk refused, or the directory is not free.
    #[error(transparent)]
    Disk(#[from] BackupError),
}

impl From<DataDirError> for LossError {
    fn from(error: DataDirError) -> LossError {
        LossError::Disk(error.into())
    }
}

/// Gives up the history after a revision: the last one that the log can give. What the log holds behind it, and the
/// index, are set aside and kept; a new epoch begins.
///
/// At every moment either the damage is still there, and the registry does not open, or the new epoch is.
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
    let set_aside = data_dir.join("set-aside").join(epoch.to_string());
    fs::create_dir_all(&set_aside).map_err(disk("made", &set_aside))?;
    sync_directory(data_dir).map_err(disk("made durable", data_dir))?;
    let why = match damage {
        Some(damage) => format!("loss accepted: {damage}"),
        None => "loss accepted: the log had lost its last records".to_owned(),
    };
    let end = engine.prepare_end(after, &epoch_frame(&tail, &tip, epoch, &why, now)?).map_err(BackupError::from)?;
    move_away(&directory.index(), &set_aside.join("index"))?;
    end.put_in_place(&set_aside).map_err(BackupError::from)?;
    note_acceptance(&set_aside, after)?;
    // The proof of the loss goes last. What is interrupted before can be accepted again.
    engine.withdraw_published_head(&set_aside).map_err(BackupError::from)?;
    Ok(Accepted { forked_after: after, epoch, set_aside })
}

/// What a log can give before its first damage.
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
                        tail.take(&record::decode(*revision, bytes)?);
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

/// The file beside what was set aside that says after which revision the loss was accepted. The record says so too, but
/// the record is what the next loss may take.
const ACCEPTED: &str = "accepted-after";

/// Notes beside what was set aside that the loss is recorded.
fn note_acceptance(set_aside: &Path, after: Revision) -> Result<(), BackupError> {
    let path = set_aside.join(ACCEPTED);
    write_durably(&path, format!("{after}\n").as_bytes(), 0o600).map_err(disk("written", &path))
}

/// Where it lies what was set aside when the loss after this revision was accepted; none if it never was.
fn accepted_before(data_dir: &Path, after: Revision) -> Result<Option<PathBuf>, BackupError> {
    let all = data_dir.join("set-aside");
    let entries = match fs::read_dir(&all).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(refused) => return Err(disk("read", &all)(refused)),
    };
    let is_noted = |directory: &PathBuf| {
        let noted = fs::read_to_string(directory.join(ACCEPTED)).unwrap_or_default();
        noted.trim() == after.to_string()
    };
    Ok(entries.iter().map(fs::DirEntry::path).find(is_noted))
}

/// Sets something aside, if it is there.
fn move_away(from: &Path, to: &Path) -> Result<(), BackupError> {
    match fs::rename(from, to) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved.map_err(disk("set aside", from)),
    }
}
