//! A node of the simulated database: what it wrote, and what of it is visible.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::rules::Rule;
use crate::domain::id::Revision;
use crate::store::log::memory::records_of;
use crate::store::log::replicated::statements::{AHEAD, Append, Barrier, Head, IN_PART, Known, Replicas};
use crate::store::record::{self, Hash, Tip};

/// A frame that was appended.
#[derive(Clone, Debug, PartialEq)]
pub struct Frame {
    pub after: Tip,
    pub tip: Tip,
    pub last_at: Timestamp,
    pub bytes: Vec<u8>,
    /// The records: each with its revision, its request and its time.
    pub records: Vec<(Revision, Option<Uuid>, Timestamp)>,
}

impl Frame {
    /// The frame that an append writes.
    pub fn of(append: &Append<'_>) -> Frame {
        Frame::new(append.after, append.tip, append.frame.to_vec(), &records_of(append.frame))
    }

    /// Takes in a frame, with the records that were read from it.
    pub fn new(after: Tip, tip: Tip, bytes: Vec<u8>, records: &[Vec<u8>]) -> Frame {
        let revisions = (after.revision.0 + 1..).map(Revision);
        // The records of some tests of the log have no contents.
        let request = |at, bytes: &[u8]| record::decode(at, bytes).ok()?.request;
        let summary = |(at, bytes): (Revision, &Vec<u8>)| {
            (at, request(at, bytes).map(|request| request.request_id), record::recorded_at(bytes).unwrap())
        };
        let records: Vec<_> = revisions.zip(records).map(summary).collect();
        Frame { after, tip, last_at: records.last().unwrap().2, bytes, records }
    }
}

/// What is written by a statement.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    Append(Frame),
    Turn,
    Fence(Timestamp),
    /// A replica's beat.
    Beat(usize, Noted),
    Open(u64),
}

/// What a beat notes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// The incarnation in which the replica was heard from.
    pub heard: Option<u64>,
    /// The incarnation that it has checked.
    pub checked: Option<u64>,
    /// The greatest time that it knew as answered through.
    pub answered_through: Timestamp,
}

impl Entry {
    /// True if it changes the row of the head, which only one statement at a time can.
    pub fn touches_head(&self) -> bool {
        !matches!(self, Entry::Beat(..))
    }
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    pub is_up: bool,
    pub says_primary: bool,
    /// The node whose entries it takes.
    pub follows: Option<usize>,
    /// The standby that each commit waits for.
    pub standby: Option<usize>,
    pub incarnation: u64,
    pub wal: Vec<Entry>,
    /// The entries that wait for the standby. They are not visible.
    pub waiting: BTreeSet<usize>,
    /// How far its clock is ahead.
    pub ahead: SignedDuration,
}

/// What is visible on a node.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub frames: Vec<Frame>,
    pub turn: u64,
    pub answered_through: Option<Timestamp>,
    pub opened: Option<u64>,
    /// For each replica: its beats, and what the last one noted.
    pub replicas: BTreeMap<usize, (u64, Noted)>,
}

impl Node {
    pub fn state(&self) -> State {
        let mut state = State::default();
        for (at, entry) in self.wal.iter().enumerate() {
            if !self.waiting.contains(&at) {
                state.take(entry);
            }
        }
        state
    }

    /// Every frame in the order of the WAL, visible or not.
    pub fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.wal.iter().filter_map(|entry| match entry {
            Entry::Append(frame) => Some(frame),
            _ => None,
        })
    }

    /// True if a statement that touches the head waits on this node.
    pub fn is_locked(&self) -> bool {
        self.waiting.iter().any(|at| self.wal[*at].touches_head())
    }

    pub fn clock(&self, now: Timestamp) -> Timestamp {
        now + self.ahead
    }
}

impl State {
    fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Append(frame) => self.frames.push(frame.clone()),
            Entry::Turn => self.turn += 1,
            Entry::Fence(through) => self.answered_through = self.answered_through.max(Some(*through)),
            Entry::Beat(replica, noted) => {
                let row = self.replicas.entry(*replica).or_default();
                *row = (row.0 + 1, *noted);
            }
            Entry::Open(incarnation) => self.opened = Some(*incarnation),
        }
    }

    pub fn tip(&self) -> Tip {
        self.frames.last().map_or(Tip::ORIGIN, |frame| frame.tip)
    }

    pub fn head(&self) -> Head {
        let recorded_at = self.frames.last().map_or(Timestamp::UNIX_EPOCH, |frame| frame.last_at);
        let answered_through = self.answered_through.unwrap_or(Timestamp::UNIX_EPOCH);
        Head { tip: self.tip(), turn: self.turn, recorded_at, answered_through }
    }

    fn chain_at(&self, revision: Revision) -> Option<Hash> {
        let tips = [Tip::ORIGIN].into_iter().chain(self.frames.iter().map(|frame| frame.tip));
        tips.into_iter().find(|tip| tip.revision == revision).map(|tip| tip.chain)
    }

    /// True if a frame may be appended.
    pub fn accepts(&self, append: &Append<'_>, clock: Timestamp, incarnation: u64, broken: Option<Rule>) -> bool {
        let Head { tip, turn, recorded_at, answered_through } = self.head();
        let count = i64::try_from(append.tip.revision.0 - append.after.revision.0).unwrap();
        let needed = recorded_at.max(answered_through) + SignedDuration::from_micros(count);
        let latest = clock + AHEAD;
        let latest = if broken == Some(Rule::DatedByTheHead) { latest } else { latest.max(needed) };
        append.after == tip
            && (append.turn == turn || broken == Some(Rule::Turn))
            && (self.opened == Some(incarnation) || broken == Some(Rule::RollCall))
            && (answered_through < append.first_at || broken == Some(Rule::Fence))
            && recorded_at < append.first_at
            && append.last_at <= latest
    }

    /// True if frames may be pushed that follow each other.
    pub fn takes(&self, first: &Append<'_>, incarnation: u64) -> bool {
        let Head { tip, turn, recorded_at, answered_through } = self.head();
        first.after == tip
            && first.turn == turn
            && self.opened != Some(incarnation)
            && answered_through < first.first_at
            && recorded_at < first.first_at
    }

    /// What the replicas noted.
    pub fn replicas(&self, incarnation: u64) -> Replicas {
        let unheard = self.replicas.iter().filter(|(_, (_, noted))| noted.heard != Some(incarnation));
        let answered_through = self.replicas.values().map(|(_, noted)| noted.answered_through).max();
        Replicas {
            unheard: unheard.map(|(replica, _)| replica.to_string()).collect(),
            answered_through: answered_through.unwrap_or_default(),
        }
    }

    /// True if a frame may begin an epoch.
    pub fn begins(&self, append: &Append<'_>, clock: Timestamp, incarnation: u64) -> bool {
        let Replicas { unheard, answered_through } = self.replicas(incarnation);
        let fits = match self.opened == Some(incarnation) {
            true => self.accepts(append, clock, incarnation, None),
            false => self.takes(append, incarnation),
        };
        unheard.is_empty() && answered_through < append.first_at && fits
    }

    /// The end of the last frame that ends at or before a revision.
    pub fn end_before(&self, revision: Revision) -> Tip {
        let ends = self.frames.iter().rev().map(|frame| frame.tip);
        ends.into_iter().find(|tip| tip.revision <= revision).unwrap_or(Tip::ORIGIN)
    }

    /// What a barrier returns, and what it notes.
    pub fn barrier(&self, replica: usize, known: &Known, clock: Timestamp, incarnation: u64) -> (Barrier, Noted) {
        let (beat_before, before) = self.replicas.get(&replica).copied().unwrap_or_default();
        let chain_at_tip = self.chain_at(known.tip.revision);
        let head = self.head();
        let holds = beat_before >= known.beat
            && chain_at_tip == Some(known.tip.chain)
            && head.answered_through >= known.answered_through;
        let noted = match known.beat {
            IN_PART => before,
            _ => Noted { heard: Some(incarnation), checked: holds.then_some(incarnation), ..before },
        };
        let noted = Noted { answered_through: before.answered_through.max(known.answered_through), ..noted };
        let is_open = self.opened == Some(incarnation);
        (Barrier { head, beat_before, chain_at_tip, is_open, clock }, noted)
    }
}
