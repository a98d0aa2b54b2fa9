//! A database of one node, where every statement succeeds at once.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use super::node::{Entry, Frame, Node};
use crate::domain::id::Revision;
use crate::store::log::memory::records_of;
use crate::store::log::replicated::statements::{Append, Barrier, Database, Head, Known, Session, StatementError};

/// The database, as one replica uses it.
#[derive(Clone)]
pub struct PlainDatabase {
    node: Arc<Mutex<Node>>,
    replica: usize,
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
            wal: vec![Entry::Beat(0, None)],
            waiting: BTreeSet::new(),
            ahead: SignedDuration::ZERO,
        };
        PlainDatabase { node: Arc::new(Mutex::new(node)), replica: 0 }
    }

    /// The same database, as another replica uses it that joins now.
    pub fn join(&self, replica: usize) -> PlainDatabase {
        self.node().wal.push(Entry::Beat(replica, None));
        PlainDatabase { replica, ..self.clone() }
    }

    /// Loses the last entry, as by a restore.
    pub fn lose_last(&self) {
        self.node().wal.pop();
    }

    fn node(&self) -> MutexGuard<'_, Node> {
        self.node.lock().unwrap()
    }
}

/// The clock of the database, after every time in a test.
const CLOCK: Timestamp = Timestamp::MAX;

impl Database for PlainDatabase {
    fn connect(&mut self) -> Result<Box<dyn Session>, StatementError> {
        Ok(Box::new(self.clone()))
    }
}

impl Session for PlainDatabase {
    fn append(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        let mut node = self.node();
        let done = node.state().accepts(append, CLOCK - SignedDuration::from_hours(1), node.incarnation, None);
        if done {
            let frame = Frame::new(append.after, append.tip, append.frame.to_vec(), &records_of(append.frame));
            node.wal.push(Entry::Append(frame));
        }
        Ok(done)
    }

    fn barrier(&mut self, known: &Known) -> Result<Option<Barrier>, StatementError> {
        let mut node = self.node();
        let incarnation = node.incarnation;
        let (barrier, holds) = node.state().barrier(self.replica, known, CLOCK, incarnation);
        node.wal.push(Entry::Beat(self.replica, holds.then_some(incarnation)));
        Ok(Some(barrier))
    }

    fn open(&mut self) -> Result<Vec<String>, StatementError> {
        let mut node = self.node();
        let (state, incarnation) = (node.state(), node.incarnation);
        let unchecked = state.replicas.iter().filter(|(_, (_, checked))| *checked != Some(incarnation));
        let waiting_for: Vec<_> = unchecked.map(|(replica, _)| replica.to_string()).collect();
        if waiting_for.is_empty() {
            node.wal.push(Entry::Open(incarnation));
        }
        Ok(waiting_for)
    }

    fn settle(&mut self, through: Timestamp) -> Result<Option<Head>, StatementError> {
        let mut node = self.node();
        node.wal.push(Entry::Fence(through));
        Ok(Some(node.state().head()))
    }

    fn settle_again(&mut self, through: Timestamp) -> Result<bool, StatementError> {
        Ok(self.settle(through)?.is_some())
    }

    fn turn(&mut self) -> Result<Head, StatementError> {
        let mut node = self.node();
        node.wal.push(Entry::Turn);
        Ok(node.state().head())
    }

    fn frames(&mut self, after: Revision, _: usize) -> Result<Vec<Vec<u8>>, StatementError> {
        let frames = self.node().state().frames.into_iter();
        Ok(frames.filter(|frame| frame.after.revision >= after).map(|frame| frame.bytes).collect())
    }

    fn notify(&mut self, _: &str) -> Result<(), StatementError> {
        Ok(())
    }
}
