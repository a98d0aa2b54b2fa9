//! Ships the log: keeps a backup in a directory within a moment of the head, by appending what is new to its last
//! segment.
//!
//! After each step the directory is a complete backup. Between them its last segment may be longer than its manifest
//! says, as after a later backup that was interrupted. The data directory is never locked, so that a server can start
//! on it at any time.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::apart::refuse_unless_apart;
use super::manifest::{Listed, Manifest, Sha256Text};
use super::rewrite::Tail;
use super::take::{Taken, TargetLock, published_head, published_log, take};
use super::verify::log_of_backup;
use super::{BackupError, disk};
use crate::domain::id::Revision;
use crate::store::data_dir::{MANIFEST, sync_directory, write_durably};
use crate::store::engine::{file_engine, log_engine};
use crate::store::log::{Batches, LogOptions, segment_name};
use crate::store::priority::yield_now;
use crate::store::progress::OnStep;
use crate::store::record::{self, Tip};

/// The number of bytes that are copied at once.
const MOST_AT_ONCE: usize = 1024 * 1024;

/// A copy of a log that follows it.
pub struct Ship {
    data_dir: PathBuf,
    target: PathBuf,
    /// The files of the backup that no longer change.
    closed: Vec<Listed>,
    reached: Reached,
    /// Held, not read.
    _lock: TargetLock,
}

/// How far the last segment was copied.
#[derive(Clone)]
struct Reached {
    /// The first revision of the segment.
    first: Revision,
    /// The length of the copy, and its digest.
    bytes: u64,
    hashed: Sha256,
    tail: Tail,
    tip: Tip,
}

impl Reached {
    fn path(&self) -> String {
        format!("log/{}", segment_name(self.first))
    }

    fn listed(&self) -> Listed {
        Listed { path: self.path(), bytes: self.bytes, sha256: Sha256Text::of(self.hashed.clone()) }
    }
}

impl Ship {
    /// Begins with a backup: a new one, or one that was shipped or taken there before. Every frame is verified.
    pub fn begin(data_dir: &Path, target: &Path, on_step: &mut OnStep<'_>) -> Result<Ship, BackupError> {
        refuse_unless_apart(target, data_dir)?;
        let log = published_log(&*log_engine(data_dir, LogOptions::default()), data_dir)?;
        let (Taken { manifest, .. }, lock) = take(data_dir, target, (&*log, true), on_step)?;
        let copy = log_of_backup(target, &manifest)?;
        let part = copy.parts().last().copied().ok_or(BackupError::NoRecords)?;
        let mut batches = copy.batches(&part, None)?;
        let mut hashed = Sha256::new();
        while let Some(whole) = batches.read()? {
            hashed.update(whole.bytes);
        }
        let chain = batches.chain().ok_or(BackupError::NoRecords)?;
        let tip = Tip { revision: manifest.head, chain };
        let Manifest { head, recorded_at, epoch, files, .. } = manifest;
        let tail = Tail { revision: head, recorded_at, epoch };
        let reached = Reached { first: part.first, bytes: batches.offset(), hashed, tail, tip };
        let last = reached.path();
        let closed = files.into_iter().filter(|listed| listed.path != last).collect();
        Ok(Ship { data_dir: data_dir.to_owned(), target: target.to_owned(), closed, reached, _lock: lock })
    }

    /// The last revision in the copy.
    pub fn head(&self) -> Revision {
        self.reached.tail.revision
    }

    /// Copies what was published since. After an error nothing has changed, and the next call tries again. A data
    /// directory without a registry is an error: its disk may be lost. After a redaction the copy must begin again.
    pub fn follow(&mut self) -> Result<(), BackupError> {
        let engine = file_engine(&self.data_dir, LogOptions::default());
        let until = published_head(&engine, &self.data_dir)?.unwrap_or(Revision::ZERO);
        if until <= self.head() {
            return Ok(());
        }
        let (mut reached, mut closed) = (self.reached.clone(), Vec::new());
        while reached.tail.revision < until {
            let mut batches = engine.batches_from(reached.first, reached.bytes, &reached.tip)?;
            if self.copy(&mut *batches, &mut reached, until)? {
                continue;
            }
            if reached.bytes == 0 {
                return Err(batches.damaged("the log ends before its published head").into());
            }
            // The segment is closed. The next one begins with the next record.
            closed.push(reached.listed());
            let first = reached.tip.revision.next();
            reached = Reached { first, bytes: 0, hashed: Sha256::new(), ..reached };
        }
        let files = self.closed.iter().chain(&closed).cloned().chain([reached.listed()]).collect();
        let path = self.target.join(MANIFEST);
        let manifest = Manifest::of(&reached.tail, files);
        write_durably(&path, manifest.text().as_bytes(), 0o600).map_err(disk("written", &path))?;
        self.reached = reached;
        self.closed.extend(closed);
        Ok(())
    }

    /// Appends the frames of a segment up to a revision to its copy, durably. Returns false if there were none.
    fn copy(&self, batches: &mut dyn Batches, reached: &mut Reached, until: Revision) -> Result<bool, BackupError> {
        let mut new = Vec::new();
        let begin = reached.bytes;
        while reached.tail.revision < until
            && let Some(whole) = batches.read()?
        {
            for (revision, bytes) in &whole.frame.records {
                let record = record::decode(*revision, bytes)?;
                if record.redacts_somebody() {
                    return Err(BackupError::RedactedSince);
                }
                reached.tail.advance(&record);
            }
            let undecodable = record::Undecodable { revision: reached.tail.revision, what: "its frame has no chain" };
            reached.tip = whole.frame.tip().ok_or(undecodable)?;
            reached.hashed.update(whole.bytes);
            reached.bytes += whole.bytes.len() as u64;
            new.extend_from_slice(whole.bytes);
            yield_now();
            if new.len() >= MOST_AT_ONCE {
                break;
            }
        }
        if new.is_empty() {
            return Ok(false);
        }
        let directory = self.target.join("log");
        let path = directory.join(segment_name(reached.first));
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file: File = opened.map_err(disk("opened", &path))?;
        file.write_all_at(&new, begin).map_err(disk("written", &path))?;
        file.sync_data().map_err(disk("made durable", &path))?;
        if begin == 0 {
            sync_directory(&directory).map_err(disk("made durable", &directory))?;
        }
        Ok(true)
    }
}
