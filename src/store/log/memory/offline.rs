//! Reads a snapshot of a log in memory in place.

use super::NAME;
use crate::domain::id::Revision;
use crate::store::log::frame::{self, Expected, Form, Frame};
use crate::store::log::{Batches, Damage, OfflineLog, Part, ReadError, ReadLog, Records, WholeFrame};
use crate::store::record::{Hash, Tip};

/// The number of frames in a part.
const PART_FRAMES: usize = 3;

/// A snapshot of the frames.
pub struct OfflineMemory {
    /// The frames.
    pub frames: Vec<Vec<u8>>,
    /// The parts of the log.
    pub parts: Vec<Part>,
    /// The last record that can be read.
    pub head: Revision,
}

/// Damage at an offset.
pub fn damage_at(offset: u64, reason: &'static str) -> Damage {
    Damage { segment: NAME.to_owned(), offset, reason }
}

impl OfflineMemory {
    /// Creates a snapshot. The caller must set its head.
    pub fn of(frames: Vec<Vec<u8>>) -> OfflineMemory {
        let parts = frames.chunks(PART_FRAMES).map(|chunk| Part {
            first: chunk
                .first()
                .and_then(|frame| frame::Header::read(frame))
                .map_or(Revision::ZERO, |header| header.first),
            bytes: chunk.iter().map(|frame| frame.len() as u64).sum(),
        });
        OfflineMemory { parts: parts.collect(), frames, head: Revision::ZERO }
    }

    fn all(&self) -> MemoryBatches {
        let expected = Expected::at(Revision(1), Form::Current);
        MemoryBatches { frames: self.frames.clone(), at: 0, offset: 0, expected }
    }

    /// The tip after the intact frames, and the damage after them, if any.
    pub fn scan(&self) -> (Tip, Option<Damage>) {
        let (mut batches, mut tip) = (self.all(), Tip::ORIGIN);
        loop {
            match batches.read() {
                Ok(Some(whole)) => tip = whole.frame.tip().unwrap_or(tip),
                Ok(None) => return (tip, None),
                Err(ReadError::Damaged(damage)) => return (tip, Some(damage)),
                Err(ReadError::Disk { source, .. }) => unreachable!("{source}"),
            }
        }
    }

    /// The log up to a revision.
    pub fn up_to(mut self, revision: Revision) -> OfflineMemory {
        self.frames.truncate(self.batches_up_to(revision));
        OfflineMemory::of(self.frames)
    }

    /// The number of frames up to a revision.
    pub fn batches_up_to(&self, revision: Revision) -> usize {
        let mut batches = self.all();
        while batches.next() <= revision && matches!(batches.read(), Ok(Some(_))) {}
        batches.at
    }
}

impl ReadLog for OfflineMemory {
    fn head(&self) -> Revision {
        self.head
    }

    fn read(&self, from: Revision, to: Revision) -> Records {
        let wanted = from.max(Revision(1))..=to.min(self.head);
        let (mut batches, mut read) = (self.all(), Vec::new());
        while batches.next() <= *wanted.end() {
            match batches.read() {
                Ok(Some(whole)) => {
                    let records = whole.frame.records.iter().filter(|(revision, _)| wanted.contains(revision));
                    read.extend(records.map(|(revision, bytes)| Ok((*revision, bytes.to_vec()))));
                }
                Ok(None) => break,
                Err(error) => {
                    read.push(Err(error));
                    break;
                }
            }
        }
        Box::new(read.into_iter())
    }

    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError> {
        let mut batches = self.all();
        while let Some(whole) = batches.read()? {
            if whole.frame.header.next() > revision {
                return whole.frame.chain_at(revision).map_err(|reason| damage_at(0, reason).into());
            }
        }
        Err(damage_at(batches.offset, "the log ends before its head").into())
    }
}

impl OfflineLog for OfflineMemory {
    fn parts(&self) -> &[Part] {
        &self.parts
    }

    fn batches(&self, part: &Part, chain: Option<Hash>) -> Result<Box<dyn Batches>, ReadError> {
        let at = self.parts.iter().position(|known| known == part).unwrap_or_default();
        let frames = self.frames.chunks(PART_FRAMES).nth(at).unwrap_or_default().to_vec();
        let expected = Expected::building_on(chain, part.first, Form::Current);
        Ok(Box::new(MemoryBatches { frames, at: 0, offset: 0, expected }))
    }
}

struct MemoryBatches {
    frames: Vec<Vec<u8>>,
    at: usize,
    offset: u64,
    expected: Expected,
}

impl Batches for MemoryBatches {
    fn read(&mut self) -> Result<Option<WholeFrame<'_>>, ReadError> {
        let Some(bytes) = self.frames.get(self.at) else { return Ok(None) };
        let frame = Frame::check(bytes, self.expected).map_err(|reason| damage_at(self.offset, reason))?;
        self.at += 1;
        self.offset += bytes.len() as u64;
        self.expected = frame.expects(Form::Current);
        Ok(Some(WholeFrame { bytes, frame }))
    }

    fn next(&self) -> Revision {
        self.expected.first
    }

    fn chain(&self) -> Option<Hash> {
        self.expected.chain
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn damaged(&self, reason: &'static str) -> Damage {
        damage_at(self.offset, reason)
    }

    fn ends_torn(&self) -> Result<bool, ReadError> {
        Ok(false)
    }
}
