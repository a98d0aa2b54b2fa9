//! A history rewritten: its frames as they were, up to where it is cut, and behind them the record that begins an epoch.
//! Frames of format 1 are rewritten in the current form, record by record.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use uuid::Uuid;

use super::{BackupError, Cut, disk};
use crate::domain::fact::{Fact, RegistryFact, Reporter};
use crate::domain::id::Revision;
use crate::domain::record::{Foreseen, Record, instant_after};
use crate::store::log::AppendError;
use crate::store::log::frame;
use crate::store::log::offline_reader::{SegmentFile, WholeFrame};
use crate::store::record::{self, Salt, Salts, Tip};

/// The last record of a history that is being read, and the epoch it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    /// Its revision.
    pub revision: Revision,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The epoch.
    pub epoch: Uuid,
}

impl Tail {
    /// Before the first record.
    pub fn new() -> Tail {
        Tail { revision: Revision::ZERO, recorded_at: Timestamp::MIN, epoch: Uuid::nil() }
    }

    /// Goes on to a record, which has to be understood.
    pub fn take(&mut self, record: &Record) {
        self.revision = record.revision;
        self.recorded_at = record.recorded_at;
        for fact in &record.facts {
            if let Fact::Registry(RegistryFact::EpochBegan { epoch, .. }) = fact {
                self.epoch = *epoch;
            }
        }
    }
}

/// A file of the log being written.
pub(super) struct Draft {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Draft {
    /// A new file, for its owner alone.
    pub fn create(path: &Path) -> Result<Draft, BackupError> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
        let file = BufWriter::with_capacity(1024 * 1024, file.map_err(disk("made", path))?);
        Ok(Draft { path: path.to_owned(), file })
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.file.write_all(bytes).map_err(disk("written", &self.path))
    }

    /// Makes it durable under its name, which the directory has yet to be told.
    pub fn sync(mut self) -> Result<(), BackupError> {
        self.file.flush().and_then(|()| self.file.get_ref().sync_all()).map_err(disk("made durable", &self.path))
    }
}

/// Writes a history anew, frame by frame.
pub(super) struct Rewriting {
    /// Where the files go.
    directory: PathBuf,
    /// What the file in work is called until it is whole.
    extension: &'static str,
    cut: Cut,
    draft: Option<Draft>,
    tail: Tail,
    /// The chain of what was kept.
    tip: Tip,
    is_cut: bool,
}

impl Rewriting {
    pub fn new(directory: &Path, extension: &'static str, cut: Cut) -> Rewriting {
        let directory = directory.to_owned();
        Rewriting { directory, extension, cut, draft: None, tail: Tail::new(), tip: Tip::ORIGIN, is_cut: false }
    }

    /// The last record that was kept.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Whether the history was cut: nothing of what follows is kept.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Takes note of a segment that stays where it is.
    pub fn pass(&mut self, whole: &WholeFrame<'_>) -> Result<(), BackupError> {
        for (revision, bytes) in &whole.frame.records {
            self.tail.take(&record::decode(*revision, bytes)?);
        }
        self.tip = reached(whole).unwrap_or(self.tip);
        Ok(())
    }

    /// Goes on to the next segment.
    pub fn begin(&mut self, segment: &SegmentFile) -> Result<(), BackupError> {
        if let Some(draft) = self.draft.take() {
            draft.sync()?;
        }
        let path = self.directory.join(segment.name()).with_extension(self.extension);
        self.draft = Some(Draft::create(&path)?);
        Ok(())
    }

    /// Keeps a frame, or the records of it before the cut: byte for byte as they were, in a frame of their own.
    pub fn keep(&mut self, whole: &WholeFrame<'_>) -> Result<(), BackupError> {
        let records = &whole.frame.records;
        let mut kept = Vec::with_capacity(records.len());
        for (revision, bytes) in records {
            let record = record::decode(*revision, bytes)?;
            self.is_cut = match self.cut {
                Cut::Nowhere => false,
                Cut::After(last) => *revision > last,
                Cut::At(time) => record.recorded_at > time,
            };
            if self.is_cut {
                break;
            }
            self.tail.take(&record);
            kept.push(match whole.frame.link {
                Some(_) => bytes.to_vec(),
                None => record::encode(&record, &salt_of(record.revision)?),
            });
        }
        match reached(whole).filter(|_| kept.len() == records.len()) {
            Some(tip) => {
                self.tip = tip;
                self.draft.as_mut().map_or(Ok(()), |draft| draft.write(whole.bytes))
            }
            None if kept.is_empty() => Ok(()),
            None => self.write_frame(&kept),
        }
    }

    /// Writes records in a frame of their own, behind what was kept.
    fn write_frame(&mut self, records: &[Vec<u8>]) -> Result<(), BackupError> {
        let unwritten = |what| record::Undecodable { revision: self.tip.revision.next(), what };
        let (frame, tip) = frame::encode(&self.tip, records).map_err(|error| match error {
            AppendError::NotARecord(what) => unwritten(what),
            _ => unwritten("it is larger than a frame of the log can be"),
        })?;
        self.tip = tip;
        self.draft.as_mut().map_or(Ok(()), |draft| draft.write(&frame))
    }

    /// Writes the record that begins an epoch, and makes the last file durable. Gives the record's revision.
    pub fn begin_epoch(mut self, epoch: Uuid, why: &str, now: Timestamp) -> Result<Revision, BackupError> {
        let record = epoch_record(&self.tail, epoch, why, now);
        self.write_frame(&[record::encode(&record, &salt_of(record.revision)?)])?;
        self.draft.take().map_or(Ok(()), Draft::sync)?;
        Ok(record.revision)
    }
}

/// The tip that a frame leads to; none if it is of format 1.
fn reached(whole: &WholeFrame<'_>) -> Option<Tip> {
    whole.frame.link.map(|link| Tip { revision: whole.frame.header.next().previous(), chain: link.chain })
}

fn salt_of(revision: Revision) -> Result<Salt, BackupError> {
    Salts::Random.salt(revision).map_err(BackupError::NoRandomness)
}

/// The record that begins an epoch right after a tail, dated after it whatever the clock says.
fn epoch_record(tail: &Tail, epoch: Uuid, why: &str, now: Timestamp) -> Record {
    let began = RegistryFact::EpochBegan { epoch, forked_after: tail.revision, why: why.to_owned() };
    Record {
        revision: tail.revision.next(),
        recorded_at: instant_after(tail.recorded_at, now),
        reporter: Reporter::registry(),
        request: None,
        note: String::new(),
        facts: vec![Fact::Registry(began)],
        changes: Vec::new(),
        foreseen: Foreseen::default(),
        specialist_count: 0,
    }
}
