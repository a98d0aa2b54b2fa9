//! Restores a registry from a backup.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use uuid::Uuid;

use super::apart::refuse_unless_apart;
use super::manifest::Manifest;
use super::rewrite::Rewriter;
use super::unpack::{Archive, unpack};
use super::verify::{log_of_backup, verify};
use super::{BackupError, Cut, disk};
use crate::domain::id::Revision;
use crate::store::data_dir::{DataDir, UNPACKED, write_durably};
use crate::store::engine::log_engine;
use crate::store::identity::id_in;
use crate::store::log::{LogDraft, LogOptions, OfflineLog};
use crate::store::progress::{OnStep, Step, Unit};

/// The result of a restore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The id of the registry. It is the same as before the backup.
    pub registry: Uuid,
    /// The last record that comes from the backup.
    pub forked_after: Revision,
    /// When that record was committed.
    pub known_until: Timestamp,
    /// The epoch that begins after that record.
    pub epoch: Uuid,
    /// The record that begins the epoch. It is the new head.
    pub head: Revision,
}

/// The command name in the mark of an unfinished restore.
const COMMAND: &str = "restore";

/// Fills an empty data directory from a backup, and begins a new epoch.
///
/// The backup is verified before anything is written. A restore that fails leaves nothing behind. One that is killed
/// leaves a directory that does not open, in which `restore` can be run again.
pub fn restore(
    backup: &Path,
    data_dir: &Path,
    cut: Cut,
    now: Timestamp,
    on_step: &mut OnStep<'_>,
) -> Result<Restored, BackupError> {
    refuse_unless_apart(backup, data_dir)?;
    let manifest = verify(backup, on_step)?;
    require_within(cut, &manifest)?;
    let (_directory, unfinished) = DataDir::begin(data_dir, COMMAND)?;
    let restored = fill(backup, &manifest, data_dir, (cut, now), on_step)?;
    unfinished.finish()?;
    Ok(restored)
}

/// Like [`restore`], from archives: a full one, and those that were taken since the one before each, in order. They are
/// unpacked in the data directory first, which takes the space of the log a second time.
pub fn restore_archives(
    archives: Vec<Archive>,
    data_dir: &Path,
    cut: Cut,
    now: Timestamp,
    on_step: &mut OnStep<'_>,
) -> Result<Restored, BackupError> {
    let (_directory, unfinished) = DataDir::begin(data_dir, COMMAND)?;
    let backup = data_dir.join(UNPACKED);
    unpack(archives, &backup)?;
    let manifest = verify(&backup, on_step)?;
    require_within(cut, &manifest)?;
    let restored = fill(&backup, &manifest, data_dir, (cut, now), on_step)?;
    fs::remove_dir_all(&backup).map_err(disk("removed", &backup))?;
    unfinished.finish()?;
    Ok(restored)
}

/// Fails if a backup ends before the record to cut after.
fn require_within(cut: Cut, manifest: &Manifest) -> Result<(), BackupError> {
    match cut {
        Cut::After(asked) if asked == Revision::ZERO || asked > manifest.head => {
            Err(BackupError::NoSuchRevision { asked, head: manifest.head })
        }
        _ => Ok(()),
    }
}

/// Copies a verified backup into a data directory, and begins the epoch.
fn fill(
    backup: &Path,
    manifest: &Manifest,
    data_dir: &Path,
    (cut, now): (Cut, Timestamp),
    on_step: &mut OnStep<'_>,
) -> Result<Restored, BackupError> {
    for listed in &manifest.files {
        if let Some(name) = listed.path.strip_prefix("keys/") {
            let (from, to) = (backup.join(&listed.path), data_dir.join("keys").join(name));
            let bytes = fs::read(&from).map_err(disk("read", &from))?;
            write_durably(&to, &bytes, 0o600).map_err(disk("written", &to))?;
        }
    }
    let log = log_of_backup(backup, manifest)?;
    let draft = log_engine(data_dir, LogOptions::default()).new_draft()?;
    let rewriter = copy(&*log, draft, cut, on_step)?;
    let tail = rewriter.tail().clone();
    if tail.revision == Revision::ZERO {
        return Err(BackupError::AllLater);
    }
    let epoch = Uuid::new_v4();
    let head = rewriter.begin_epoch(epoch, &why(cut, &tail.revision), now)?;
    let registry = id_in(&*log)?;
    Ok(Restored { registry, forked_after: tail.revision, known_until: tail.recorded_at, epoch, head })
}

fn why(cut: Cut, last: &Revision) -> String {
    match cut {
        Cut::Nowhere => "restored from a backup".to_owned(),
        Cut::After(_) => format!("restored from a backup, up to revision {last}"),
        Cut::At(time) => format!("restored from a backup, as it was at {time}"),
    }
}

fn copy(
    log: &dyn OfflineLog,
    to: Box<dyn LogDraft>,
    cut: Cut,
    on_step: &mut OnStep<'_>,
) -> Result<Rewriter, BackupError> {
    let mut step = Step { doing: "restoring the log", unit: Unit::Bytes, done: 0, total: log.bytes() };
    let mut rewriter = Rewriter::new(to, cut);
    let mut chain = None;
    for part in log.parts() {
        let mut batches = log.batches(part, chain)?;
        if part.first != rewriter.tail().revision.next() {
            return Err(batches.damaged("the segment does not follow the one before it").into());
        }
        rewriter.begin_part(part.first)?;
        while let Some(whole) = batches.read()? {
            rewriter.keep(&whole)?;
            step.done += whole.bytes.len() as u64;
            on_step(step);
            if rewriter.is_cut() {
                return Ok(rewriter);
            }
        }
        chain = batches.chain();
        if rewriter.tail().revision == log.head() {
            break;
        }
    }
    Ok(rewriter)
}
