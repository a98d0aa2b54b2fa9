//! Takes a backup, of a running or a stopped registry.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::apart::refuse_unless_apart;
use super::earlier_format::keep_earlier_format;
use super::manifest::{Listed, Manifest, Sha256Text};
use super::reading::Reading;
use super::redacted::is_same_history;
use super::verify::{VerifyError, compare};
use super::{BackupError, disk};
use crate::domain::id::Revision;
use crate::store::data_dir::{
    DataDir, DataDirError, FORMAT, Found, MANIFEST, inspect, lock, mark, remove, request_key_in,
    require_current_format, sync_directory, unmark, write_durably,
};
use crate::store::disk::RealDisk;
use crate::store::engine::log_engine;
use crate::store::first_record::{acknowledged, open_with_log};
use crate::store::home::copied_log;
use crate::store::log::{Extent, LogEngine, LogOptions, OfflineLog, Part, SegmentDraft, segment_name};
use crate::store::progress::{OnStep, Step, Unit};
use crate::store::record::FORMAT_VERSION;
use crate::store::signing_keys::{is_private, is_signing_key};

/// The result of a backup.
#[derive(Clone, Debug)]
pub struct Taken {
    /// The manifest of the backup.
    pub manifest: Manifest,
    /// The number of segments that were copied.
    pub copied: usize,
    /// The number of segments that were kept from an earlier backup.
    pub kept: usize,
    /// True if a registry was running on the data directory.
    pub is_online: bool,
}

/// The command name in the mark of an unfinished backup.
const COMMAND: &str = "backup";

/// Copies a registry into a directory that is empty, does not exist, or contains an earlier backup of the same history.
///
/// Every frame is verified, and every record decoded. An earlier backup stays valid until the new one is complete. A
/// first backup that was interrupted is started again. An earlier backup in an earlier format is moved to a
/// subdirectory, and a full backup is taken.
pub fn backup(data_dir: &Path, target: &Path, on_step: &mut OnStep<'_>) -> Result<Taken, BackupError> {
    refuse_unless_apart(target, data_dir)?;
    let (log, lock) = log_of_data_dir(data_dir)?;
    take(data_dir, target, (&*log, lock.is_none()), on_step).map(|(taken, _)| taken)
}

/// Keeps other processes from writing to a backup as long as it lives.
pub(super) type TargetLock = Arc<File>;

/// Copies a log, with the keys of its data directory.
pub(super) fn take(
    data_dir: &Path,
    target: &Path,
    (log, is_online): (&dyn OfflineLog, bool),
    on_step: &mut OnStep<'_>,
) -> Result<(Taken, TargetLock), BackupError> {
    let small = small_files(data_dir)?;
    let (earlier, lock) = prepare(target)?;
    let listed = earlier.iter().flat_map(|earlier| &earlier.files).map(|listed| listed.path.clone());
    let earlier_private: Vec<_> = listed.filter(|path| is_private(path)).collect();
    let mut step = Step { doing: "backing up the log", unit: Unit::Bytes, done: 0, total: log.bytes() };
    let mut copy = Copier { log, target, earlier, reading: Reading::new(), copied: 0, kept: 0 };
    let mut files = copy.small_files(small)?;
    for part in log.parts().iter().filter(|part| part.bytes > 0) {
        let done = step.done;
        let listed = copy.part(part, &mut |bytes| {
            step.done = done + bytes;
            on_step(step);
        })?;
        files.push(listed);
    }
    copy.refuse_missing_files(&files)?;
    if let Err(refused) = copy.reading.refuse_pending(log) {
        if copy.earlier.is_none() {
            // Nobody would look for what has to go in a backup that there is none of.
            mark(target, COMMAND)?;
        }
        return Err(refused);
    }
    for part in ["keys", "log"] {
        let directory = target.join(part);
        sync_directory(&directory).map_err(disk("made durable", &directory))?;
    }
    let Copier { reading, copied, kept, .. } = copy;
    let manifest = Manifest::of(&reading.tail, files);
    let path = target.join(MANIFEST);
    write_durably(&path, manifest.text().as_bytes(), 0o600).map_err(disk("written", &path))?;
    for gone in earlier_private.iter().filter(|path| manifest.file(path).is_none()) {
        let path = target.join(gone);
        remove(&path).map_err(disk("removed", &path))?;
    }
    unmark(target);
    Ok((Taken { manifest, copied, kept, is_online }, lock))
}

/// Locks a data directory as long as it lives.
pub struct DataDirGuard(#[expect(dead_code, reason = "held, not read")] DataDir);

/// The log of a data directory, and a lock on the directory. If a registry is running on it, there is no lock, and the
/// log ends at the published head; the registry only appends after it. A log that ends before a record that was
/// acknowledged is refused.
pub fn log_of_data_dir(data_dir: &Path) -> Result<(Box<dyn OfflineLog>, Option<DataDirGuard>), BackupError> {
    let engine = log_engine(data_dir, LogOptions::default());
    match open_with_log(&*engine, data_dir) {
        Ok(directory) => {
            let log = engine.offline(Extent::Whole)?;
            refuse_lost_records(&*engine, data_dir, log.head())?;
            Ok((log, Some(DataDirGuard(directory))))
        }
        Err(DataDirError::InUse { .. }) => Ok((published_log(&*engine, data_dir)?, None)),
        Err(refused) => Err(refused.into()),
    }
}

/// Fails if the log of a stopped registry ends before a record that was acknowledged. A copy of a shared log may: the
/// database has the rest.
fn refuse_lost_records(engine: &dyn LogEngine, data_dir: &Path, head: Revision) -> Result<(), BackupError> {
    if copied_log(data_dir)?.is_some() {
        return Ok(());
    }
    match acknowledged(engine, data_dir) {
        acknowledged if acknowledged > head => Err(BackupError::LostRecords { acknowledged, head }),
        _ => Ok(()),
    }
}

/// The log of a data directory that is not locked, up to its published head.
pub(super) fn published_log(engine: &dyn LogEngine, data_dir: &Path) -> Result<Box<dyn OfflineLog>, BackupError> {
    let published = published_head(engine, data_dir)?.ok_or(BackupError::NoPublishedHead)?;
    Ok(engine.offline(Extent::UpTo(published))?)
}

/// The published head of a data directory that is not locked, if it has one.
pub(super) fn published_head(engine: &dyn LogEngine, data_dir: &Path) -> Result<Option<Revision>, BackupError> {
    require_current_format(data_dir)?;
    engine.published_head().map_err(disk("read", &data_dir.join("log/head")))
}

/// Returns true if a directory contains a backup, and false if a first one can be written there.
fn is_backup(target: &Path) -> Result<bool, BackupError> {
    match inspect(target, MANIFEST)? {
        Found::Complete => Ok(true),
        Found::Unfinished(by) if by != COMMAND => Err(BackupError::TargetTaken(target.to_owned())),
        Found::Foreign(_) => Err(BackupError::TargetTaken(target.to_owned())),
        Found::Missing | Found::Empty | Found::Unfinished(_) => Ok(false),
    }
}

/// Locks the target directory, which exists.
fn lock_target(target: &Path) -> Result<TargetLock, BackupError> {
    lock(target).map_err(|refused| match refused {
        DataDirError::InUse { root, holder } => BackupError::TargetInUse { target: root, holder },
        refused => refused.into(),
    })
}

/// Prepares the target directory. Returns the manifest of an earlier backup in it.
fn prepare(target: &Path) -> Result<(Option<Manifest>, TargetLock), BackupError> {
    let make = |directory: &Path| fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    // Nothing is written into a directory with something else.
    is_backup(target)?;
    make(target).map_err(disk("made", target))?;
    let lock = lock_target(target)?;
    let mut earlier = None;
    if is_backup(target)? {
        let found = Manifest::read(target);
        let found = found.map_err(|source| VerifyError::Manifest { backup: target.to_owned(), source })?;
        if found.record_format < FORMAT_VERSION {
            keep_earlier_format(target, &found, COMMAND)?;
        } else {
            earlier = Some(found);
        }
    } else {
        mark(target, COMMAND)?;
    }
    for directory in [target.join("keys"), target.join("log")] {
        make(&directory).map_err(disk("made", &directory))?;
    }
    let parent = target.parent().unwrap_or(target);
    sync_directory(parent).and_then(|()| sync_directory(target)).map_err(disk("made durable", target))?;
    Ok((earlier, lock))
}

/// The format and the keys of a data directory, with their bytes.
pub(super) fn small_files(data_dir: &Path) -> Result<Vec<(Listed, Vec<u8>)>, BackupError> {
    // A running registry has the key in memory and would not notice its loss, but a restore without the key would not
    // start.
    request_key_in(data_dir)?;
    let keys = data_dir.join("keys");
    let names: Vec<_> = fs::read_dir(&keys).and_then(Iterator::collect).map_err(disk("read", &keys))?;
    let names = names.iter().filter_map(|entry: &fs::DirEntry| entry.file_name().into_string().ok());
    let mut paths: Vec<_> = names.filter(|name| !name.ends_with(".tmp")).map(|name| format!("keys/{name}")).collect();
    paths.sort();
    paths.insert(0, FORMAT.to_owned());
    let read = paths.into_iter().map(|path| {
        let from = data_dir.join(&path);
        let bytes = fs::read(&from).map_err(disk("read", &from))?;
        let sha256 = Sha256Text::of(Sha256::new_with_prefix(&bytes));
        Ok((Listed { path, bytes: bytes.len() as u64, sha256 }, bytes))
    });
    read.collect()
}

/// Copies a registry into a backup.
struct Copier<'a> {
    log: &'a dyn OfflineLog,
    target: &'a Path,
    earlier: Option<Manifest>,
    reading: Reading,
    copied: usize,
    kept: usize,
}

impl Copier<'_> {
    fn other_history(&self) -> BackupError {
        BackupError::OtherHistory(self.target.to_owned())
    }

    /// Copies the format and the keys. They never change, so different keys mean another registry. Signing keys may be
    /// added.
    fn small_files(&self, files: Vec<(Listed, Vec<u8>)>) -> Result<Vec<Listed>, BackupError> {
        let copied = files.into_iter().map(|(listed, bytes)| {
            let to = self.target.join(&listed.path);
            match self.earlier.as_ref().map(|earlier| earlier.file(&listed.path)) {
                Some(Some(earlier)) if *earlier != listed => Err(self.other_history()),
                Some(None) if !is_signing_key(&listed.path) => Err(self.other_history()),
                _ => write_durably(&to, &bytes, 0o600).map_err(disk("written", &to)).map(|()| listed),
            }
        });
        copied.collect()
    }

    /// Copies a part to a segment, unless an earlier backup already has it. Returns its entry in the manifest.
    fn part(&mut self, part: &Part, on_bytes: &mut dyn FnMut(u64)) -> Result<Listed, BackupError> {
        let path = format!("log/{}", segment_name(part.first));
        let to = self.target.join(&path);
        let earlier = self.earlier.as_ref().and_then(|earlier| earlier.file(&path)).cloned();
        let is_there = earlier
            .as_ref()
            .is_some_and(|earlier| earlier.bytes == part.bytes && compare(self.target, earlier).is_ok());
        if is_there {
            let before = self.reading.clone();
            let (sha256, is_same) = self.read(part, earlier.as_ref(), None, on_bytes)?;
            if is_same {
                self.kept += 1;
                return Ok(Listed { path, bytes: part.bytes, sha256 });
            }
            self.reading = before;
        }
        let tmp = to.with_extension("tmp");
        let mut draft = SegmentDraft::create(&RealDisk, &tmp)?;
        let (sha256, is_same) = self.read(part, earlier.as_ref(), Some(&mut draft), on_bytes)?;
        // A redaction changes bytes, and no digest.
        if !is_same && !is_same_history(self.target, self.log, part)? {
            return Err(self.other_history());
        }
        draft.finish()?;
        fs::rename(&tmp, &to).map_err(disk("put in place", &to))?;
        self.copied += 1;
        Ok(Listed { path, bytes: part.bytes, sha256 })
    }

    /// Reads a part. Returns its digest, and whether it begins with the bytes that an earlier backup has of it.
    fn read(
        &mut self,
        part: &Part,
        earlier: Option<&Listed>,
        mut draft: Option<&mut SegmentDraft>,
        on_bytes: &mut dyn FnMut(u64),
    ) -> Result<(Sha256Text, bool), BackupError> {
        let mut is_same = earlier.is_none();
        let mut compare_at = |offset: u64, digest: &dyn Fn() -> Sha256Text| {
            if let Some(earlier) = earlier.filter(|earlier| earlier.bytes == offset) {
                is_same = digest() == earlier.sha256;
            }
        };
        let whole = self.reading.part(self.log, part, &mut |hashed, offset, bytes| {
            compare_at(offset, &|| Sha256Text::of(hashed.clone()));
            if let Some(draft) = &mut draft {
                draft.write(bytes)?;
            }
            on_bytes(offset + bytes.len() as u64);
            Ok(())
        })?;
        compare_at(part.bytes, &|| whole.clone());
        Ok((whole, is_same))
    }

    /// Fails if an earlier backup has a file that this one lacks: then it is of another history. Only the private half
    /// of a signing key goes, when the key is retired.
    fn refuse_missing_files(&self, files: &[Listed]) -> Result<(), BackupError> {
        let Some(earlier) = &self.earlier else { return Ok(()) };
        let is_here = |old: &Listed| files.iter().any(|new| new.path == old.path) || is_private(&old.path);
        if earlier.files.iter().all(is_here) { Ok(()) } else { Err(self.other_history()) }
    }
}
