//! Checking a registry that nobody serves: every frame, sequence, checksum and record of the log, and that the index is
//! what follows from it.

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
use super::{DamageNote, StoreOptions};
use crate::domain::id::Revision;

/// How many differences of the index are told one by one.
const TOLD: usize = 20;

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Where: a segment with its byte, a revision, an entry of the index.
    pub place: String,
    /// What is wrong there, without contents.
    pub reason: String,
}

/// What became of the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexState {
    /// It has exactly what follows from the log.
    Equal {
        /// How many entries were compared.
        entries: u64,
    },
    /// It has not: see the findings.
    Different {
        /// How many entries are missing, extra or changed.
        entries: u64,
    },
    /// It was not there, or not closed well before the machine stopped, and was folded again: as every start does.
    FoldedAgain,
    /// It was not looked at: there is none in a backup, and none can be right while the log is not.
    NotChecked,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// How many records the log has that can be read.
    pub records: u64,
    /// The last of them.
    pub head: Revision,
    /// How many bytes of the log were read.
    pub bytes: u64,
    /// The index.
    pub index: IndexState,
    /// What a scrub of the service found, if no later one has passed: no write is taken meanwhile.
    pub scrub_found: Option<String>,
    /// Everything that is wrong; nothing, if all is well.
    pub findings: Vec<Finding>,
}

/// The check could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The directory is in use, or not one of a registry.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log's files cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The index cannot be opened, and no other be made beside it.
    #[error(transparent)]
    Index(#[from] OpenIndexError),
    /// An index failed while it was read.
    #[error(transparent)]
    Compare(#[from] IndexError),
    /// The disk refused.
    #[error("the files of the index could not be prepared or closed")]
    Disk(#[from] io::Error),
}

impl CheckError {
    /// Whether the directory that was named holds no registry, or none with its log.
    pub fn is_wrong_place(&self) -> bool {
        matches!(self, CheckError::DataDir(refused) if refused.is_wrong_place())
    }
}

/// Checks a data directory that nobody serves, but for the due dates: they follow from timelines as well. The fold of the log
/// that the index is compared with is made beside it and takes as much room.
pub fn check(data_dir: &Path, options: &StoreOptions, on_step: &mut OnStep<'_>) -> Result<Checked, CheckError> {
    let engine = log_engine(data_dir, options.log.clone());
    let directory = open_with_log(&*engine, data_dir)?;
    directory.request_key()?;
    let mut checked = check_log(&*engine.offline(Extent::Everything)?, on_step)?;
    checked.scrub_found = DamageNote::of(data_dir).found();
    if let Ok(Some(published)) = engine.published_head()
        && published > checked.head
    {
        let reason = format!("the records up to {published} were acknowledged and the log ends with {}", checked.head);
        checked.findings.push(Finding { place: "log/head".to_owned(), reason });
    }
    if checked.findings.is_empty() {
        let log = engine.offline(Extent::Whole)?;
        check_index(&directory, &*log, options, &mut checked, on_step)?;
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
    /// The chain up to the end of the part before; none behind a damaged one.
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

    /// Reads a part up to its first damage. Behind it no place in the part can be named.
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
                    // A write that was cut short was never acknowledged: the next start leaves it behind.
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
                self.found(format!("revision {revision}"), "it is not dated after the record before it");
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
    let mut step = Step { doing: "folding the log", unit: Unit::Entries, done: 0, total: log.head().0 };
    let mut folded_again = false;
    let opened = Index::open(&directory.index(), options.index, log, &mut |progress| {
        folded_again = progress.from_the_beginning;
        on_step(Step { done: progress.folded.0, ..step });
    });
    let index = match opened {
        Err(OpenIndexError::LostRecords { applied, head }) => {
            let reason = format!("it holds the records up to {applied}, and the log ends with {head}");
            checked.findings.push(Finding { place: "index".to_owned(), reason });
            return Ok(());
        }
        opened => opened?,
    };
    if folded_again {
        checked.index = IndexState::FoldedAgain;
        return Ok(index.close()?);
    }
    let scratch = directory.index().with_extension("check");
    remove(&scratch)?;
    let fold = Index::open(&scratch, options.index, log, &mut |progress| {
        on_step(Step { done: progress.folded.0, ..step });
    })?;
    step = Step { doing: "comparing the index", total: fold.count()?, ..step };
    let mut different = 0;
    let compared =
        index.differences(&fold, &mut |done| on_step(Step { done: done.min(step.total), ..step }), &mut |difference| {
            different += 1;
            if different <= TOLD {
                let reason = difference.reason().to_owned();
                checked.findings.push(Finding { place: difference.to_string(), reason });
            }
        });
    let entries = match compared {
        Err(damage) if damage.is_of_bases() => {
            different += 1;
            let reason = "it is damaged, and folded again at the next start".to_owned();
            checked.findings.push(Finding { place: "index".to_owned(), reason });
            0
        }
        compared => compared?,
    };
    drop(fold);
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
