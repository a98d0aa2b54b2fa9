//! Checks a registry that no process is serving: every frame, sequence, checksum and record of the log, and that the
//! index matches the log.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::data_dir::{DataDir, DataDirError};
use super::engine::log_engine;
use super::first_record::open_with_log;
use super::index::{Index, IndexError, OpenIndexError};
use super::log::{Batches, Damage, Extent, OfflineLog, Part, ReadError};
use super::progress::{OnStep, Step, Unit};
use super::record::{self, Hash};
use super::tree::{self, FollowError};
use super::{DamageNote, StoreOptions};
use crate::domain::id::Revision;

/// How many differences of the index are listed one by one.
const MAX_LISTED_DIFFERENCES: usize = 20;

/// A defect that the check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The location: a segment and byte, a revision, or an entry of the index.
    pub place: String,
    /// What is wrong, without contents of the record.
    pub reason: String,
}

/// The result of the check of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// The index contains exactly what follows from the log.
    Equal {
        /// The number of entries compared.
        entries: u64,
    },
    /// The index differs from the log: see the findings.
    Different {
        /// The number of entries that are missing, extra or changed.
        entries: u64,
    },
    /// The index was missing, or was not closed cleanly. It was rebuilt, as at every start.
    Rebuilt,
    /// The index was not checked: a backup has none, and it cannot be right if the log is damaged.
    NotChecked,
}

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The number of readable records in the log.
    pub records: u64,
    /// The last readable record.
    pub head: Revision,
    /// The number of bytes of the log that were read.
    pub bytes: u64,
    /// The state of the index.
    pub index: IndexState,
    /// What the last scrub of the service found, if no later scrub has passed. Until then the service refuses writes.
    pub scrub_found: Option<String>,
    /// All defects. Empty if the registry is intact.
    pub findings: Vec<Finding>,
}

/// The reasons why the check could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The directory is in use, or contains no registry.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log's files cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The index cannot be opened, or the second index cannot be created beside it.
    #[error(transparent)]
    Index(#[from] OpenIndexError),
    /// An index failed while it was read.
    #[error(transparent)]
    Compare(#[from] IndexError),
    /// The hash tree cannot be compared with the log.
    #[error("the hash tree cannot be compared with the log")]
    Tree(#[from] FollowError),
    /// An I/O operation failed.
    #[error("the files of the index could not be prepared or closed")]
    Disk(#[from] io::Error),
}

impl CheckError {
    /// True if the given directory contains no registry, or a registry without its log.
    pub fn is_wrong_place(&self) -> bool {
        matches!(self, CheckError::DataDir(refused) if refused.is_wrong_place())
    }
}

/// Checks a data directory that no process is serving, except the due dates, which also depend on timelines. The index
/// is compared with a second one, built from the log beside it, which needs as much disk space.
pub fn check(data_dir: &Path, options: &StoreOptions, on_step: &mut OnStep<'_>) -> Result<Checked, CheckError> {
    let engine = log_engine(data_dir, options.log.clone());
    let directory = open_with_log(&*engine, data_dir)?;
    directory.request_key()?;
    let mut checked = check_log(&*engine.offline(Extent::Everything)?, on_step)?;
    checked.scrub_found = DamageNote::of(data_dir).found();
    if let Ok(Some(published)) = engine.published_head()
        && published > checked.head
    {
        let reason = format!("the records up to {published} were acknowledged, but the log ends with {}", checked.head);
        checked.findings.push(Finding { place: "log/head".to_owned(), reason });
    }
    if checked.findings.is_empty() {
        let log = engine.offline(Extent::Whole)?;
        check_index(&directory, &*log, options, &mut checked, on_step)?;
        if !tree::equals_log(&data_dir.join(tree::DIRECTORY), &*log)? {
            let reason = "its hashes are not those of the log: `rebuild` throws it away, and the next start builds it";
            checked.findings.push(Finding { place: "tree".to_owned(), reason: reason.to_owned() });
        }
    }
    Ok(checked)
}

/// Checks every frame of a log, and every record in it.
pub fn check_log(log: &dyn OfflineLog, on_step: &mut OnStep<'_>) -> Result<Checked, CheckError> {
    let step = Step { doing: "checking the log", unit: Unit::Bytes, done: 0, total: log.bytes() };
    let mut checking = Checking {
        step,
        next: Revision(1),
        chain: None,
        recorded_at: Timestamp::MIN,
        records: 0,
        findings: Vec::new(),
    };
    for (at, part) in log.parts().iter().enumerate() {
        let mut batches = log.batches(part, checking.chain)?;
        checking.part(part, &mut *batches, at + 1 == log.parts().len(), on_step)?;
    }
    Ok(Checked {
        records: checking.records,
        head: checking.next.previous(),
        bytes: checking.step.done,
        index: IndexState::NotChecked,
        scrub_found: None,
        findings: checking.findings,
    })
}

struct Checking {
    step: Step,
    next: Revision,
    /// The chain up to the end of the previous part. `None` after a damaged part.
    chain: Option<Hash>,
    recorded_at: Timestamp,
    records: u64,
    findings: Vec<Finding>,
}

impl Checking {
    fn found(&mut self, place: String, reason: impl Into<String>) {
        self.findings.push(Finding { place, reason: reason.into() });
    }

    fn damaged(&mut self, damage: &Damage) {
        self.found(format!("log/{} at byte {}", damage.segment, damage.offset), damage.reason);
    }

    /// Reads a part up to its first damage. The rest of the part cannot be read, because frame boundaries are unknown
    /// there.
    fn part(
        &mut self,
        part: &Part,
        batches: &mut dyn Batches,
        is_last: bool,
        on_step: &mut OnStep<'_>,
    ) -> Result<(), ReadError> {
        if part.first != self.next && self.findings.is_empty() {
            self.damaged(&batches.damaged("the segment does not follow the one before it"));
        }
        loop {
            match batches.read() {
                Ok(Some(whole)) => {
                    self.step.done += whole.bytes.len() as u64;
                    whole.frame.records.into_iter().for_each(|(revision, bytes)| self.record(revision, bytes));
                    on_step(self.step);
                }
                Ok(None) => break,
                Err(ReadError::Damaged(damage)) => {
                    // A torn write was never acknowledged: the next start discards it.
                    if !is_last || !batches.ends_torn()? {
                        self.damaged(&damage);
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        self.next = batches.next();
        self.chain = batches.chain().filter(|_| self.findings.is_empty());
        Ok(())
    }

    fn record(&mut self, revision: Revision, bytes: &[u8]) {
        match record::decode(revision, bytes) {
            Ok(record) if record.recorded_at <= self.recorded_at => {
                self.found(format!("revision {revision}"), "its date is not after that of the previous record");
            }
            Ok(record) => {
                self.recorded_at = record.recorded_at;
                self.records += 1;
            }
            Err(undecodable) => self.found(format!("revision {revision}"), undecodable.what),
        }
    }
}

fn check_index(
    directory: &DataDir,
    log: &dyn OfflineLog,
    options: &StoreOptions,
    checked: &mut Checked,
    on_step: &mut OnStep<'_>,
) -> Result<(), CheckError> {
    let mut step = Step { doing: "rebuilding the index", unit: Unit::Entries, done: 0, total: log.head().0 };
    let mut was_rebuilt = false;
    let opened = Index::open(&directory.index(), options.index, log, &mut |progress| {
        was_rebuilt = progress.from_the_beginning;
        on_step(Step { done: progress.folded.0, ..step });
    });
    let index = match opened {
        Err(OpenIndexError::LostRecords { applied, head }) => {
            let reason = format!("it contains records up to {applied}, but the log ends with {head}");
            checked.findings.push(Finding { place: "index".to_owned(), reason });
            return Ok(());
        }
        opened => opened?,
    };
    if was_rebuilt {
        checked.index = IndexState::Rebuilt;
        return Ok(index.close()?);
    }
    let scratch = directory.index().with_extension("check");
    remove(&scratch)?;
    let fresh = Index::open(&scratch, options.index, log, &mut |progress| {
        on_step(Step { done: progress.folded.0, ..step });
    })?;
    step = Step { doing: "comparing the index", total: fresh.count()?, ..step };
    let mut different = 0;
    let compared = index.differences(
        &fresh,
        &mut |done| on_step(Step { done: done.min(step.total), ..step }),
        &mut |difference| {
            different += 1;
            if different <= MAX_LISTED_DIFFERENCES {
                let reason = difference.reason().to_owned();
                checked.findings.push(Finding { place: difference.to_string(), reason });
            }
        },
    );
    let entries = match compared {
        Err(damage) if damage.is_base_damage() => {
            different += 1;
            let reason = "it is damaged: the next start rebuilds it".to_owned();
            checked.findings.push(Finding { place: "index".to_owned(), reason });
            0
        }
        compared => compared?,
    };
    drop(fresh);
    remove(&scratch)?;
    if index.require().is_ok() {
        index.close()?;
    }
    checked.index = match different {
        0 => IndexState::Equal { entries },
        _ => IndexState::Different { entries: different as u64 },
    };
    Ok(())
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
