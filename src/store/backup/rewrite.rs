//! A history rewritten: its frames as they were, up to where it is cut, and behind them the record that begins an epoch.
//! Frames of format 1 are rewritten in the current form, record by record.

use jiff::Timestamp;
use uuid::Uuid;

use super::{BackupError, Cut};
use crate::domain::fact::{Fact, RegistryFact, Reporter};
use crate::domain::id::Revision;
use crate::domain::record::{Foreseen, Record, instant_after};
use crate::store::log::{AppendError, LogDraft, WholeFrame, frame};
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

/// Writes a history again, frame by frame.
pub(super) struct Rewriting {
    draft: Box<dyn LogDraft>,
    cut: Cut,
    tail: Tail,
    /// The chain of what was kept.
    tip: Tip,
    is_cut: bool,
}

impl Rewriting {
    pub fn new(draft: Box<dyn LogDraft>, cut: Cut) -> Rewriting {
        Rewriting { draft, cut, tail: Tail::new(), tip: Tip::ORIGIN, is_cut: false }
    }

    /// The last record that was kept.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Whether the history was cut: nothing of what follows is kept.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Goes on to the next part.
    pub fn begin_part(&mut self, first: Revision) -> Result<(), BackupError> {
        Ok(self.draft.begin_part(first)?)
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
        match whole.frame.tip().filter(|_| kept.len() == records.len()) {
            Some(tip) => {
                self.tip = tip;
                Ok(self.draft.write(whole.bytes)?)
            }
            None if kept.is_empty() => Ok(()),
            None => {
                let (frame, tip) = encode(&self.tip, &kept)?;
                self.tip = tip;
                Ok(self.draft.write(&frame)?)
            }
        }
    }

    /// Writes the record that begins an epoch, and makes the history durable. Gives the record's revision.
    pub fn begin_epoch(mut self, epoch: Uuid, why: &str, now: Timestamp) -> Result<Revision, BackupError> {
        self.draft.write(&epoch_frame(&self.tail, &self.tip, epoch, why, now)?)?;
        self.draft.finish()?;
        Ok(self.tail.revision.next())
    }
}

/// The frame of the record that begins an epoch right after a tail, dated after it whatever the clock says.
pub(super) fn epoch_frame(
    tail: &Tail,
    tip: &Tip,
    epoch: Uuid,
    why: &str,
    now: Timestamp,
) -> Result<Vec<u8>, BackupError> {
    let began = RegistryFact::EpochBegan { epoch, forked_after: tail.revision, why: why.to_owned() };
    let record = Record {
        revision: tail.revision.next(),
        recorded_at: instant_after(tail.recorded_at, now),
        reporter: Reporter::registry(),
        request: None,
        note: String::new(),
        facts: vec![Fact::Registry(began)],
        changes: Vec::new(),
        foreseen: Foreseen::default(),
        specialist_count: 0,
    };
    let (frame, _) = encode(tip, &[record::encode(&record, &salt_of(record.revision)?)])?;
    Ok(frame)
}

/// Records in a frame of their own, behind a tip.
fn encode(after: &Tip, records: &[Vec<u8>]) -> Result<(Vec<u8>, Tip), BackupError> {
    let unwritten = |what| record::Undecodable { revision: after.revision.next(), what };
    let encoded = frame::encode(after, records).map_err(|error| match error {
        AppendError::NotARecord(what) => unwritten(what),
        _ => unwritten("it is larger than a frame of the log can be"),
    });
    let (frame, tips) = encoded?;
    Ok((frame, tips.last().copied().unwrap_or(*after)))
}

fn salt_of(revision: Revision) -> Result<Salt, BackupError> {
    Salts::Random.salt(revision).map_err(BackupError::NoRandomness)
}
