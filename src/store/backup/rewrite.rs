//! Rewrites a history: its frames up to the cut, unchanged, and then the record that begins an epoch. Frames of format
//! 1 are rewritten in the current form, record by record.

use jiff::Timestamp;
use uuid::Uuid;

use super::{BackupError, Cut};
use crate::domain::fact::{Fact, RegistryFact, Reporter};
use crate::domain::id::Revision;
use crate::domain::record::{Foreseen, Record, instant_after};
use crate::store::log::{AppendError, LogDraft, WholeFrame, frame};
use crate::store::record::{self, Salt, Salts, Tip};

/// The last record read of a history, and its epoch.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    /// The revision of the record.
    pub revision: Revision,
    /// When the record was committed.
    pub recorded_at: Timestamp,
    /// The epoch that the record belongs to.
    pub epoch: Uuid,
}

impl Tail {
    /// The state before the first record.
    pub fn new() -> Tail {
        Tail { revision: Revision::ZERO, recorded_at: Timestamp::MIN, epoch: Uuid::nil() }
    }

    /// Advances to a record.
    pub fn advance(&mut self, record: &Record) {
        self.revision = record.revision;
        self.recorded_at = record.recorded_at;
        for fact in &record.facts {
            if let Fact::Registry(RegistryFact::EpochBegan { epoch, .. }) = fact {
                self.epoch = *epoch;
            }
        }
    }
}

/// Writes a copy of a history, frame by frame.
pub(super) struct Rewriter {
    draft: Box<dyn LogDraft>,
    cut: Cut,
    tail: Tail,
    /// The tip of the copy.
    tip: Tip,
    is_cut: bool,
}

impl Rewriter {
    pub fn new(draft: Box<dyn LogDraft>, cut: Cut) -> Rewriter {
        Rewriter { draft, cut, tail: Tail::new(), tip: Tip::ORIGIN, is_cut: false }
    }

    /// The last record that was kept.
    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// True once the cut was reached. Later records are not kept.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Begins the next part.
    pub fn begin_part(&mut self, first: Revision) -> Result<(), BackupError> {
        Ok(self.draft.begin_part(first)?)
    }

    /// Keeps a frame. If the cut is inside the frame, only the records before it are kept, with the same bytes, in a
    /// new frame.
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
            self.tail.advance(&record);
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

    /// Writes the record that begins an epoch, and makes the copy durable. Returns the revision of that record.
    pub fn begin_epoch(mut self, epoch: Uuid, why: &str, now: Timestamp) -> Result<Revision, BackupError> {
        let forked_after = self.tail.revision;
        let (frame, _, _) = epoch_frame(&self.tail, &self.tip, epoch, forked_after, why, now)?;
        self.draft.write(&frame)?;
        self.draft.finish()?;
        Ok(self.tail.revision.next())
    }
}

/// Encodes the frame of the record that begins an epoch after a tail. Its date is later than that of the tail, even if
/// the clock is behind. Returns the frame, its tip and its date.
pub(super) fn epoch_frame(
    tail: &Tail,
    tip: &Tip,
    epoch: Uuid,
    forked_after: Revision,
    why: &str,
    now: Timestamp,
) -> Result<(Vec<u8>, Tip, Timestamp), BackupError> {
    let began = RegistryFact::EpochBegan { epoch, forked_after, why: why.to_owned() };
    let recorded_at = instant_after(tail.recorded_at, now);
    let record = Record {
        revision: tail.revision.next(),
        recorded_at,
        reporter: Reporter::registry(),
        request: None,
        note: String::new(),
        facts: vec![Fact::Registry(began)],
        changes: Vec::new(),
        foreseen: Foreseen::default(),
        specialist_count: 0,
    };
    let (frame, tip) = encode(tip, &[record::encode(&record, &salt_of(record.revision)?)])?;
    Ok((frame, tip, recorded_at))
}

/// Encodes records in a frame of their own that follows a tip.
fn encode(after: &Tip, records: &[Vec<u8>]) -> Result<(Vec<u8>, Tip), BackupError> {
    let undecodable = |what| record::Undecodable { revision: after.revision.next(), what };
    let encoded = frame::encode(after, records).map_err(|error| match error {
        AppendError::NotARecord(what) => undecodable(what),
        _ => undecodable("it is larger than a frame of the log can be"),
    });
    let (frame, tips) = encoded?;
    Ok((frame, tips.last().copied().unwrap_or(*after)))
}

fn salt_of(revision: Revision) -> Result<Salt, BackupError> {
    Salts::Random.salt(revision).map_err(BackupError::NoRandomness)
}
