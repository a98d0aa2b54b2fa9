//! Going on after a loss: what an operator may decide when the log lost records that it had acknowledged.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use uuid::Uuid;

use super::rewrite::Rewriting;
use super::{BackupError, Cut, disk};
use crate::domain::id::Revision;
use crate::store::data_dir::{DataDir, DataDirError, sync_directory, write_durably};
use crate::store::disk::RealDisk;
use crate::store::first_record::open_with_log;
use crate::store::log::offline_reader::SegmentFile;
use crate::store::log::{Damage, Form, OfflineLog, ReadError, ReadLog as _};

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

/// Gives up the history after a revision: the last one that the log can give. Segments that hold anything behind it, and
/// the index, are set aside and kept; a new epoch begins.
pub fn accept_loss(data_dir: &Path, after: Revision, now: Timestamp) -> Result<Accepted, LossError> {
    let directory = open_with_log(&RealDisk, data_dir)?;
    let (readable, damage) = readable(&directory.log())?;
    if readable == Revision::ZERO {
        return Err(LossError::NothingLeft);
    }
    if readable != after {
        return Err(LossError::NotTheEnd { asked: after, readable });
    }
    if let Some(set_aside) = accepted_before(data_dir, after)? {
        return Err(LossError::AcceptedBefore { after, set_aside });
    }
    let log = OfflineLog::up_to(&directory.log(), after, Form::Current).map_err(BackupError::from)?;
    let epoch = Uuid::new_v4();
    let set_aside = data_dir.join("set-aside").join(epoch.to_string());
    fs::create_dir_all(&set_aside).map_err(disk("made", &set_aside))?;
    sync_directory(data_dir).map_err(disk("made durable", data_dir))?;
    let why = match damage {
        Some(damage) => format!("loss accepted: {damage}"),
        None => "loss accepted: the log had lost its last records".to_owned(),
    };
    rewrite(&directory, &log, &set_aside, epoch, &why, now)?;
    Ok(Accepted { forked_after: after, epoch, set_aside })
}

/// The last record before the first damage, if there is any.
fn readable(log: &Path) -> Result<(Revision, Option<Damage>), BackupError> {
    let (mut next, mut chain) = (Revision(1), None);
    let log = OfflineLog::listed(log)?;
    for segment in log.segments() {
        let mut frames = log.frames(segment)?.building_on(chain);
        if segment.first != next {
            return Ok((next.previous(), Some(frames.damaged("the segment does not follow the one before it"))));
        }
        loop {
            match frames.read() {
                Ok(Some(_)) => next = frames.next(),
                Ok(None) => break chain = frames.chain(),
                Err(ReadError::Damaged(damage)) => return Ok((next.previous(), Some(damage))),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok((next.previous(), None))
}

/// Puts a last segment with the new epoch in place of everything behind the last good frame.
///
/// At every moment either the damage is still there, and the registry does not open, or the new epoch is.
fn rewrite(
    directory: &DataDir,
    log: &OfflineLog,
    set_aside: &Path,
    epoch: Uuid,
    why: &str,
    now: Timestamp,
) -> Result<(), BackupError> {
    let Some((last, before)) = log.segments().split_last() else { return Err(BackupError::NoRecords) };
    let mut rewriting = Rewriting::new(&directory.log(), "tmp", Cut::Nowhere);
    for segment in before {
        let mut frames = log.frames(segment)?;
        while let Some(whole) = frames.read()? {
            rewriting.pass(&whole)?;
        }
    }
    rewriting.begin(last)?;
    let mut frames = log.frames(last)?;
    while let Some(whole) = frames.read()? {
        rewriting.keep(&whole)?;
    }
    rewriting.begin_epoch(epoch, why, now)?;

    let path = |segment: &SegmentFile| directory.log().join(segment.name());
    let aside = |segment: &SegmentFile| set_aside.join(segment.name());
    fs::hard_link(path(last), aside(last)).map_err(disk("set aside", &path(last)))?;
    move_away(&directory.index(), &set_aside.join("index"))?;
    // From the end, so that what is left never looks whole.
    let listed = OfflineLog::listed(&directory.log())?;
    for segment in listed.segments().iter().rev().filter(|segment| segment.first > last.first) {
        fs::rename(path(segment), aside(segment)).map_err(disk("set aside", &path(segment)))?;
    }
    sync_directory(set_aside).map_err(disk("made durable", set_aside))?;
    fs::rename(path(last).with_extension("tmp"), path(last)).map_err(disk("put in place", &path(last)))?;
    sync_directory(&directory.log()).map_err(disk("made durable", &directory.log()))?;
    note_acceptance(set_aside, log.head())?;
    // The proof of the loss goes last. What is interrupted before can be accepted again.
    let published = directory.log().join("head");
    move_away(&published, &set_aside.join("head"))?;
    sync_directory(&directory.log()).map_err(disk("made durable", &directory.log()))
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
