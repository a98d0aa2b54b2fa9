//! A database of one node, where every statement succeeds at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use super::node::{Entry, Frame, Node, Noted};
use crate::domain::id::Revision;
use crate::store::log::replicated::statements::{
    Append, Barrier, Database, Head, Known, OperatorSession, ReplicaSession, Replicas, RollCall, Session,
    StatementError,
};
use crate::store::record::Tip;

/// The database, as one replica uses it.
#[derive(Clone)]
pub struct PlainDatabase {
    node: Arc<Mutex<Node>>,
    replica: usize,
    lock: Arc<Mutex<Lock>>,
}

/// The lock of the head. A session that finds it locked goes on as if it had it.
#[derive(Default)]
struct Lock {
    is_held: bool,
    was_given_up: bool,
}

impl PlainDatabase {
    /// An empty database, with the row of its first replica.
    pub fn new() -> PlainDatabase {
        let node = Node {
            is_up: true,
            says_primary: true,
            follows: None,
            standby: None,
            incarnation: 1,
            wal: vec![Entry::Beat(0, Noted::default())],
            waiting: BTreeSet::new(),
            ahead: SignedDuration::ZERO,
        };
        PlainDatabase { node: Arc::new(Mutex::new(node)), replica: 0, lock: Arc::default() }
    }

    /// The same database, as another replica uses it that joins now.
    pub fn join(&self, replica: usize) -> PlainDatabase {
        self.node().wal.push(Entry::Beat(replica, Noted::default()));
        PlainDatabase { replica, ..self.clone() }
    }

    /// Loses the last entry, as by a restore.
    pub fn lose_last(&self) {
        self.node().wal.pop();
    }

    /// Restores the database to what it was after some frames.
    pub fn restore(&self, frames: usize) {
        let mut node = self.node();
        let is_frame = |(_, entry): &(usize, &Entry)| matches!(entry, Entry::Append(_));
        let lost = node.wal.iter().enumerate().filter(is_frame).nth(frames).map(|(at, _)| at);
        node.wal.truncate(lost.unwrap());
        node.incarnation += 1;
    }

    /// Flips a bit in the last byte of a frame.
    pub fn damage(&self, frame: usize) {
        let mut node = self.node();
        let mut frames = node.wal.iter_mut().filter_map(|entry| match entry {
            Entry::Append(frame) => Some(frame),
            _ => None,
        });
        *frames.nth(frame).unwrap().bytes.last_mut().unwrap() ^= 1;
    }

    /// True if a session has locked the head.
    pub fn is_locked(&self) -> bool {
        self.lock_row().is_held
    }

    /// True if the head was unlocked by itself, and not by what the session did next.
    pub fn was_given_up(&self) -> bool {
        self.lock_row().was_given_up
    }

    fn lock_row(&self) -> MutexGuard<'_, Lock> {
        self.lock.lock().unwrap()
    }

    fn node(&self) -> MutexGuard<'_, Node> {
        self.node.lock().unwrap()
    }
}

/// The clock of the database, after every time in a test.
const CLOCK: Timestamp = Timestamp::MAX;

/// The clock by which a record is not dated too late. The time that it may be ahead must be an instant, too.
fn latest() -> Timestamp {
    CLOCK - SignedDuration::from_hours(1)
}

impl Database for PlainDatabase {
    fn connect(&mut self) -> Result<Box<dyn ReplicaSession>, StatementError> {
        Ok(Box::new(self.clone()))
    }
}

impl Session for PlainDatabase {
    fn end_before(&mut self, revision: Revision) -> Result<Tip, StatementError> {
        Ok(self.node().state().end_before(revision))
    }

    fn turn(&mut self) -> Result<Head, StatementError> {
        let mut node = self.node();
        node.wal.push(Entry::Turn);
        Ok(node.state().head())
    }

    fn frames(&mut self, after: Revision, bytes: usize) -> Result<Vec<Vec<u8>>, StatementError> {
        let mut frames = self.node().state().frames;
        frames.retain(|frame| frame.after.revision >= after);
        let mut before = 0;
        frames.retain(|frame| {
            let is_next = before < bytes;
            before += frame.bytes.len();
            is_next
        });
        Ok(frames.into_iter().map(|frame| frame.bytes).collect())
    }
}

impl ReplicaSession for PlainDatabase {
    fn append(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        self.lock_row().is_held = false;
        let mut node = self.node();
        let done = node.state().accepts(append, latest(), node.incarnation, None);
        if done {
            node.wal.push(Entry::Append(Frame::of(append)));
        }
        Ok(done)
    }

    fn barrier(&mut self, known: &Known) -> Result<Option<Barrier>, StatementError> {
        self.lock_row().is_held = false;
        let mut node = self.node();
        let incarnation = node.incarnation;
        let (barrier, noted) = node.state().barrier(self.replica, known, CLOCK, incarnation);
        node.wal.push(Entry::Beat(self.replica, noted));
        Ok(Some(barrier))
    }

    fn open(&mut self) -> Result<RollCall, StatementError> {
        let mut node = self.node();
        let (state, incarnation) = (node.state(), node.incarnation);
        let unchecked = state.replicas.iter().filter(|(_, (_, noted))| noted.checked != Some(incarnation));
        let waiting_for: Vec<_> = unchecked.map(|(replica, _)| replica.to_string()).collect();
        if waiting_for.is_empty() {
            node.wal.push(Entry::Open(incarnation));
        }
        Ok(RollCall { waiting_for, passed_over: Vec::new() })
    }

    fn settle(&mut self, through: Timestamp) -> Result<Option<Head>, StatementError> {
        let mut node = self.node();
        node.wal.push(Entry::Fence(through));
        Ok(Some(node.state().head()))
    }

    fn settle_again(&mut self, through: Timestamp) -> Result<bool, StatementError> {
        Ok(self.settle(through)?.is_some())
    }

    fn lock(&mut self, after: Revision, bytes: usize) -> Result<(Head, Vec<Vec<u8>>), StatementError> {
        *self.lock_row() = Lock { is_held: true, was_given_up: false };
        let head = self.node().state().head();
        Ok((head, self.frames(after, bytes)?))
    }

    fn unlock(&mut self) -> Result<(), StatementError> {
        *self.lock_row() = Lock { is_held: false, was_given_up: true };
        Ok(())
    }

    fn notify(&mut self, _: &str) -> Result<(), StatementError> {
        Ok(())
    }
}

impl OperatorSession for PlainDatabase {
    fn push(&mut self, frames: &[Append<'_>]) -> Result<bool, StatementError> {
        let mut node = self.node();
        let Some(first) = frames.first() else { return Ok(true) };
        let done = node.state().takes(first, node.incarnation);
        if done {
            node.wal.extend(frames.iter().map(|append| Entry::Append(Frame::of(append))));
        }
        Ok(done)
    }

    fn begin_epoch(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        let mut node = self.node();
        let done = node.state().begins(append, latest(), node.incarnation);
        if done {
            node.wal.push(Entry::Append(Frame::of(append)));
        }
        Ok(done)
    }

    fn replicas(&mut self) -> Result<Replicas, StatementError> {
        let node = self.node();
        Ok(node.state().replicas(node.incarnation))
    }
}
