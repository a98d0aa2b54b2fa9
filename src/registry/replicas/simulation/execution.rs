//! How statements are executed.

use jiff::Timestamp;

use super::history::KEY;
use super::line::{Request, Response};
use super::world::{Answer, Statement, World};
use crate::store::log::replicated::Hearing;
use crate::store::log::replicated::simulated::node::{Entry, Frame, State};
use crate::store::log::replicated::simulated::rules::Rule;
use crate::store::log::replicated::statements::{Append, Known, RollCall};
use crate::store::record::Tip;

impl World {
    /// Executes a statement: it sees what is visible now, and its entry waits for the standby.
    pub fn execute(&mut self, id: u64) -> Vec<Answer> {
        let mut statement = self.take(id);
        let node = &self.nodes[statement.node];
        let (state, incarnation, clock) = (node.state(), node.incarnation, node.clock(self.now));
        let is_open = state.opened == Some(incarnation) || self.is_broken(Rule::RollCall);
        let (entry, response) = match &statement.request {
            Request::Append { after, tip, turn, first_at, last_at, frame } => {
                let append =
                    Append { after: *after, tip: *tip, turn: *turn, first_at: *first_at, last_at: *last_at, frame };
                let done = state.accepts(&append, clock, incarnation, self.broken);
                let appended = || Entry::Append(Frame::of(&append));
                (done.then(appended), Response::Appended(done))
            }
            Request::Barrier(known) => {
                self.barrier(&state, statement.sender, known, clock, incarnation, statement.seen)
            }
            Request::Open => self.open(&state, statement.sender, incarnation),
            Request::SettleAgain(through) => {
                let is_kept = !self.is_broken(Rule::RaisedAgain);
                (is_kept.then_some(Entry::Fence(*through)), Response::SettledAgain(true))
            }
            Request::Settle(through) if is_open && *through <= clock.max(state.head().recorded_at) => {
                let mut head = state.head();
                head.answered_through = head.answered_through.max(*through);
                (Some(Entry::Fence(*through)), Response::Settled(Some(head)))
            }
            Request::Settle(_) => (None, Response::Settled(None)),
            Request::Turn => {
                let mut head = state.head();
                head.turn += 1;
                (Some(Entry::Turn), Response::Turned(head))
            }
            Request::Frames(after) => {
                let turned = self.sessions.get_mut(&statement.session).and_then(|session| session.turned.take());
                (None, Response::Frames(self.frames(state, turned, after.0)))
            }
            Request::EndBefore(revision) => (None, Response::Ended(state.end_before(*revision))),
            Request::Notify(text) => {
                let others = (0..self.replicas).filter(|to| *to != statement.sender);
                self.notes.extend(others.map(|to| (to, text.clone())));
                (None, Response::Notified)
            }
            Request::Lock(after) => {
                let frames = later(state.frames.clone(), after.0);
                self.lock_head(&statement, &state, &frames);
                (None, Response::Locked(state.head(), frames))
            }
            Request::Connect | Request::Unlock => unreachable!(),
        };
        let Some(entry) = entry else { return self.answer(&statement, response) };
        let waits = !self.is_plain_read(&statement, &response);
        let node = &mut self.nodes[statement.node];
        if !waits {
            node.wal.push(entry);
            return self.answer(&statement, response);
        }
        node.waiting.insert(node.wal.len());
        statement.executed = Some((node.wal.len(), response));
        node.wal.push(entry);
        self.statements.push(statement);
        Vec::new()
    }

    /// Opens the registry if every replica that counts has checked in.
    fn open(&self, state: &State, sender: usize, incarnation: u64) -> (Option<Entry>, Response) {
        let checked =
            |replica: &usize| state.replicas.get(replica).is_some_and(|(_, noted)| noted.checked == Some(incarnation));
        let is_awaited = |at: &usize| {
            let counts = *at == sender || !self.is_broken(Rule::EveryReplica);
            counts && !self.forgotten.contains(at)
        };
        let waiting_for: Vec<_> = (0..self.replicas).filter(|at| is_awaited(at) && !checked(at)).collect();
        let opened = waiting_for.is_empty().then_some(Entry::Open(incarnation));
        let waiting_for = waiting_for.iter().map(usize::to_string).collect();
        (opened, Response::Opened(RollCall { waiting_for, passed_over: Vec::new() }))
    }

    fn barrier(
        &self,
        state: &State,
        replica: usize,
        known: &Known,
        clock: Timestamp,
        incarnation: u64,
        seen: Tip,
    ) -> (Option<Entry>, Response) {
        let answered_through = known.answered_through;
        let mut known = *known;
        if self.is_broken(Rule::AnsweredTime) {
            known.answered_through = Timestamp::MIN;
        }
        let (mut barrier, mut noted) = state.barrier(replica, &known, clock, incarnation);
        if self.is_broken(Rule::NotedTime) {
            noted.answered_through = Timestamp::MIN;
        }
        barrier.is_open |= self.is_broken(Rule::OpenedHead) || self.is_broken(Rule::RollCall);
        if self.is_broken(Rule::AnsweredTime) {
            barrier.head.answered_through = barrier.head.answered_through.max(answered_through);
        }
        if self.is_broken(Rule::OwnSnapshot) && seen.revision > barrier.head.tip.revision {
            barrier.head.tip = seen;
        }
        if self.is_broken(Rule::DurableHead) || self.is_broken(Rule::DurableLoss) {
            // A plain read knows of no beats.
            barrier.beat_before = known.beat;
        }
        (Some(Entry::Beat(replica, noted)), Response::Barrier(barrier))
    }

    /// True if a barrier is answered at once, as a plain read is: that the replica has the head, or that the database
    /// lacks what the replica has.
    fn is_plain_read(&self, statement: &Statement, response: &Response) -> bool {
        let (Request::Barrier(known), Response::Barrier(barrier)) = (&statement.request, response) else {
            return false;
        };
        (self.is_broken(Rule::StagedReceipt) && self.ends_transaction(statement))
            || (self.is_broken(Rule::DurableHead) && barrier.head.tip == known.tip)
            || (self.is_broken(Rule::DurableLoss) && barrier.chain_at_tip.is_none())
    }

    /// The frames after a revision that a session reads. The node showed `turned` when the session raised the turn, if
    /// it did that in the statement before.
    fn frames(&self, state: State, turned: Option<Vec<Frame>>, after: u64) -> Vec<Vec<u8>> {
        let frames = match turned {
            Some(turned) if self.is_broken(Rule::LaterStatement) => turned,
            _ if self.is_broken(Rule::SameSession) || self.is_broken(Rule::OwnSnapshot) => {
                let node = self.rng.clone().choice(self.primaries()).unwrap();
                self.nodes[node].state().frames
            }
            _ => state.frames,
        };
        later(frames, after)
    }

    /// A session locks the head, unless its replica has given up.
    fn lock_head(&mut self, statement: &Statement, state: &State, frames: &[Vec<u8>]) {
        if statement.replica.is_none() {
            return;
        }
        self.locks.insert(statement.node, statement.session);
        if self.is_broken(Rule::StagedFrames) && !frames.is_empty() {
            // The replica takes what it read for confirmed.
            self.notes.push((statement.sender, Hearing::new(KEY).tell(&state.tip())));
        }
    }
}

/// The frames after a revision.
fn later(frames: Vec<Frame>, after: u64) -> Vec<Vec<u8>> {
    let later = frames.into_iter().filter(|frame| frame.after.revision.0 >= after);
    later.map(|frame| frame.bytes).collect()
}
