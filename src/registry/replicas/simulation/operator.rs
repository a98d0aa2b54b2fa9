//! The operator, after a restore: pushes from a copy what the database lost, or accepts the loss. What is shown and
//! what is done then are two steps, and anything may happen between them.

use super::checks::Violation;
use super::client::{Question, Seen};
use super::history::History;
use super::world::World;
use crate::domain::id::Revision;
use crate::store::backup::SharedLoss;
use crate::store::log::replicated::pushing::{self, Plan};
use crate::store::log::replicated::simulated::node::{Entry, Frame, State};
use crate::store::log::replicated::statements::{Append, Head, OperatorSession, Replicas, Session, StatementError};
use crate::store::log::{Extent, LogEngine as _, OfflineLog};
use crate::store::record::Tip;

/// What an operator was shown.
pub enum Shown {
    /// What a push from the copy of a replica would do.
    Push(usize, Plan),
    /// What the database lost.
    Loss(SharedLoss),
}

/// The operator's session with the leader. What it writes is durable at once.
struct Direct<'a>(&'a mut World);

impl Direct<'_> {
    fn state(&self) -> State {
        self.0.nodes[self.0.leader].state()
    }

    fn incarnation(&self) -> u64 {
        self.0.nodes[self.0.leader].incarnation
    }

    fn write(&mut self, entries: impl IntoIterator<Item = Entry>) {
        let leader = self.0.leader;
        self.0.nodes[leader].wal.extend(entries);
        if let Some(standby) = self.0.nodes[leader].standby {
            while self.0.nodes[standby].wal.len() < self.0.nodes[leader].wal.len() {
                self.0.ship(standby);
            }
        }
    }

    fn append_all(&mut self, frames: &[Append<'_>]) {
        self.write(frames.iter().map(|append| Entry::Append(Frame::of(append))));
    }
}

impl Session for Direct<'_> {
    fn end_before(&mut self, revision: Revision) -> Result<Tip, StatementError> {
        Ok(self.state().end_before(revision))
    }

    fn turn(&mut self) -> Result<Head, StatementError> {
        self.write([Entry::Turn]);
        Ok(self.state().head())
    }

    fn frames(&mut self, after: Revision, _: usize) -> Result<Vec<Vec<u8>>, StatementError> {
        let later = self.state().frames.into_iter().filter(|frame| frame.after.revision >= after);
        Ok(later.map(|frame| frame.bytes).collect())
    }
}

impl OperatorSession for Direct<'_> {
    fn push(&mut self, frames: &[Append<'_>]) -> Result<bool, StatementError> {
        let done = self.state().takes(&frames[0], self.incarnation());
        if done {
            self.append_all(frames);
        }
        Ok(done)
    }

    fn begin_epoch(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        let done = self.state().begins(append, self.0.now, self.incarnation());
        if done {
            self.append_all(&[*append]);
        }
        Ok(done)
    }

    fn replicas(&mut self) -> Result<Replicas, StatementError> {
        Ok(self.state().replicas(self.incarnation()))
    }
}

impl World {
    /// True if a client learned that something is recorded that the log lacks, after a record at which it forked.
    pub fn gave_up(&self, question: Question, seen: Seen) -> bool {
        let Seen::Recorded(revision) = seen else { return false };
        let mut records = self.nodes[self.leader].frames().flat_map(|frame| &frame.records);
        let is_there = records.any(|(at, request, _)| *at == revision && *request == question.request_id());
        !is_there && self.forked.iter().any(|fork| revision > *fork)
    }
}

impl History {
    /// True if an operator can do something now.
    pub fn can_operate(&self) -> bool {
        let leader = &self.world.nodes[self.world.leader];
        self.budget.operates && self.world.is_restored && leader.is_up && leader.waiting.is_empty()
    }

    fn copy(&self, seat: usize) -> Box<dyn OfflineLog> {
        self.seats[seat].copy.offline(Extent::Whole).unwrap()
    }

    /// Shows the operator something, or does what was shown.
    pub fn operate(&mut self, seat: usize) -> Result<(), Violation> {
        let copy = self.copy(seat);
        match self.shown.take() {
            None if self.world.rng.bool() => {
                let plan = pushing::plan(&mut Direct(&mut self.world), &*copy);
                self.shown = plan.ok().map(|plan| Shown::Push(seat, plan));
            }
            None => {
                let loss = SharedLoss::find(&mut Direct(&mut self.world), &*copy, Revision::ZERO);
                self.shown = loss.ok().map(Shown::Loss);
            }
            Some(Shown::Push(seat, plan)) => drop(self.push(seat, &plan)),
            Some(Shown::Loss(loss)) => drop(self.accept(&loss)),
        }
        Ok(())
    }

    /// Pushes from a copy. Returns false if nothing, or not everything, was taken.
    fn push(&mut self, seat: usize, plan: &Plan) -> bool {
        let copy = self.copy(seat);
        // The copy may have been folded again since.
        copy.head() >= plan.until && pushing::push(&mut Direct(&mut self.world), &*copy, plan, &mut |_| {}).is_ok()
    }

    /// Accepts a loss. Returns false if that is refused.
    fn accept(&mut self, loss: &SharedLoss) -> bool {
        let (after, now) = (loss.last_shared, self.world.now);
        let accepted = loss.accept(&mut Direct(&mut self.world), after, now).is_ok();
        if accepted {
            self.world.forked.push(after);
            self.knowledge.give_up(after, &self.world);
            for seat in &mut self.seats {
                seat.known.give_up(after, &self.world);
            }
        }
        accepted
    }

    /// Brings back what some replicas have and the database lacks, or else gives it up.
    pub fn remedy(&mut self, lost: &[usize]) -> Result<(), Violation> {
        let longest = lost.iter().copied().max_by_key(|seat| self.copy(*seat).head()).unwrap();
        let copy = self.copy(longest);
        if let Ok(plan) = pushing::plan(&mut Direct(&mut self.world), &*copy)
            && plan.until >= plan.head.revision
            && self.push(longest, &plan)
        {
            // Everything is back, unless something was given up before.
            self.world.is_restored = !self.world.forked.is_empty();
            return Ok(());
        }
        let mut losses = Vec::new();
        for seat in lost {
            let copy = self.copy(*seat);
            losses.extend(SharedLoss::find(&mut Direct(&mut self.world), &*copy, Revision::ZERO).ok());
        }
        // The turn of the last one is that of the head.
        let turn = losses.last().map(|loss| loss.head.turn);
        let least = losses.into_iter().min_by_key(|loss| loss.last_shared).zip(turn);
        let least = least.map(|(loss, turn)| SharedLoss { head: Head { turn, ..loss.head }, ..loss });
        match least {
            Some(loss) if self.accept(&loss) => Ok(()),
            _ => Err(Violation::Stuck("what is lost is neither pushed nor given up".to_owned())),
        }
    }

    /// True if an operator gave up records that a replica still has.
    pub fn is_apart(&self, replica: usize) -> bool {
        let world = &self.world;
        let log = || world.nodes[world.leader].frames().map(|frame| frame.bytes.clone()).collect::<Vec<_>>();
        !world.forked.is_empty() && self.has_more(replica, &log())
    }

    /// True if the copy of a replica has what the log lacks.
    pub fn has_more(&self, seat: usize, log: &[Vec<u8>]) -> bool {
        !log.starts_with(&self.seats[seat].copy.state().frames)
    }
}
