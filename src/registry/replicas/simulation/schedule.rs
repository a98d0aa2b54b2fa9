//! The scheduler: decides what happens next, among what can happen.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::bias::{Kind, choose};
use super::checks::Violation;
use super::history::{History, KEY, State, begun};
use super::world::Answer;
use crate::store::log::replicated::Hearing;
use crate::store::log::replicated::simulated::rules::Rule;

impl History {
    /// Runs to the end.
    pub fn run(&mut self) -> Result<(), Violation> {
        for replica in 0..self.seats.len() {
            self.start(replica)?;
        }
        for _ in 0..self.budget.steps {
            self.step()?;
            self.check()?;
        }
        self.finish()
    }

    /// Does one thing at random, among those that can be done.
    fn step(&mut self) -> Result<(), Violation> {
        let mut kinds = Vec::new();
        for (weight, kind) in &self.bias.kinds {
            let options = self.options(*kind);
            if !options.is_empty() {
                kinds.push((*weight, (*kind, options)));
            }
        }
        let Some((kind, options)) = choose(&mut self.world.rng, kinds) else { return Ok(()) };
        let Some(at) = choose(&mut self.world.rng, options) else { return Ok(()) };
        self.do_one(kind, at)
    }

    /// What can be done of a kind: which replica, node, statement, session or notification it can be about, each with
    /// a weight.
    fn options(&self, kind: Kind) -> Vec<(u32, u64)> {
        let (world, budget) = (&self.world, &self.budget);
        let alike = |options: Vec<u64>| options.into_iter().map(|at| (1, at)).collect();
        let when = |is_possible: bool| if is_possible { vec![(1, 0)] } else { Vec::new() };
        let nodes = |is_one: &dyn Fn(usize) -> bool| {
            (0..world.nodes.len()).filter(|at| is_one(*at)).map(|at| (1, at as u64)).collect()
        };
        let is_stray = |at: usize| at != world.leader && world.nodes[at].follows != Some(world.leader);
        match kind {
            Kind::Call => {
                let asked = |at: &usize| !matches!(self.seats[*at].state, State::Waiting);
                let seats = (0..self.seats.len()).filter(asked);
                seats.map(|at| (self.bias.asks[at], at as u64)).collect()
            }
            Kind::Deliver => (0..world.notes.len()).map(|at| (1, at as u64)).collect(),
            Kind::Execute => alike(world.sent()),
            Kind::Ship => world.behind().into_iter().map(|at| (self.bias.ships[at], at as u64)).collect(),
            Kind::Release => {
                alike(world.waiting().into_iter().filter_map(|(id, shipped)| shipped.then_some(id)).collect())
            }
            Kind::Cancel if budget.cancels > 0 => alike(world.waiting().into_iter().map(|(id, _)| id).collect()),
            Kind::GiveUp if budget.give_ups > 0 => {
                let awaited = world.statements.iter().filter(|statement| statement.replica.is_some());
                alike(awaited.map(|statement| statement.id).collect())
            }
            Kind::Lose if budget.losses > 0 => alike(world.idle_sessions()),
            Kind::Refuse if budget.refusals > 0 => alike(world.sent()),
            Kind::FailOver => {
                let standby = world.nodes[world.leader].standby;
                when(budget.fail_overs > 0 && standby.is_some_and(|at| world.nodes[at].is_up))
            }
            Kind::Crash if budget.crashes > 0 => nodes(&|at| world.is_primary(at)),
            Kind::Rejoin => nodes(&|at| is_stray(at) && !world.is_primary(at)),
            Kind::Rewind => nodes(&|at| is_stray(at) && world.is_primary(at)),
            Kind::Kill if budget.kills > 0 => {
                let runs = |at: &usize| !matches!(self.seats[*at].state, State::Down);
                (0..self.seats.len()).filter(runs).map(|at| (1, at as u64)).collect()
            }
            Kind::Restore => when(budget.restores > 0),
            Kind::Tick => when(true),
            Kind::Operate if self.can_operate() => (0..self.seats.len()).map(|at| (1, at as u64)).collect(),
            Kind::Cancel | Kind::GiveUp | Kind::Lose | Kind::Refuse | Kind::Crash | Kind::Kill | Kind::Operate => {
                Vec::new()
            }
        }
    }

    fn do_one(&mut self, kind: Kind, id: u64) -> Result<(), Violation> {
        let at = usize::try_from(id).unwrap();
        let answers = match kind {
            Kind::Call => return self.call(at),
            Kind::Deliver => return self.deliver(at),
            Kind::Kill => return self.kill(at),
            Kind::Operate => return self.operate(at),
            Kind::Execute => self.world.execute(id),
            Kind::Ship => self.world.ship(at),
            Kind::Release => self.world.release(id),
            Kind::Cancel => {
                self.budget.cancels -= 1;
                self.world.cancel(id)
            }
            Kind::GiveUp => {
                self.budget.give_ups -= 1;
                self.world.give_up(id)
            }
            Kind::Lose => {
                self.budget.losses -= 1;
                self.world.lose(id)
            }
            Kind::Refuse => {
                self.budget.refusals -= 1;
                self.world.refuse(id)
            }
            Kind::FailOver => {
                self.budget.fail_overs -= 1;
                let old_runs_on = self.world.rng.u8(..4) > 0;
                self.world.fail_over(old_runs_on)
            }
            Kind::Crash => {
                self.budget.crashes -= 1;
                self.world.crash(at)
            }
            Kind::Rejoin | Kind::Rewind => self.world.rejoin(at),
            Kind::Restore => self.restore(),
            Kind::Tick => {
                let millis = self.world.rng.u32(1..400);
                self.world.now += SignedDuration::from_millis(millis.into());
                self.elapsed.fetch_add(millis.into(), Ordering::Relaxed);
                Vec::new()
            }
        };
        self.respond(answers)
    }

    /// Asks a replica something, or starts it.
    fn call(&mut self, replica: usize) -> Result<(), Violation> {
        if matches!(self.seats[replica].state, State::Down) {
            return self.start(replica);
        }
        let count = self.world.rng.usize(1..=2);
        let now = self.clock(replica);
        let mut questions = Vec::new();
        for _ in 0..count {
            self.calls += 1;
            questions.push(self.bias.question(&mut self.world.rng, replica, self.calls, now));
        }
        self.ask(replica, questions)
    }

    /// Delivers a notification, in any order.
    fn deliver(&mut self, note: usize) -> Result<(), Violation> {
        let (to, text) = self.world.notes.swap_remove(note);
        let text = self.world.garbled(&text, &self.seats[to].hearing);
        assert!(self.seats[to].hearing.hear(&text));
        match self.seats[to].state {
            // It is asked something only to make it go on. A client that waits for nothing knows nothing.
            State::Idle if self.world.rng.bool() => self.ask(to, Vec::new()),
            _ => Ok(()),
        }
    }

    /// Restores the database to any earlier state, but rather to a recent one.
    fn restore(&mut self) -> Vec<Answer> {
        self.budget.restores -= 1;
        let least = begun().frames.len() + self.budget.replicas + 1;
        let all = self.world.nodes[self.world.leader].wal.len();
        let most = self.world.rng.choice([3, 10, all]).unwrap_or(all);
        let entries = self.world.rng.usize(least.max(all.saturating_sub(most))..=all);
        self.world.restore(entries)
    }

    /// Kills a replica. Its copy may have lost the last frame, but not beside a restore: what only a replica knows that
    /// forgets it at the same time is lost.
    fn kill(&mut self, replica: usize) -> Result<(), Violation> {
        self.budget.kills -= 1;
        self.stop(replica);
        let has_restore = self.world.is_restored || self.budget.restores > 0;
        let mut copy = self.seats[replica].copy.state();
        if self.world.broken == Some(Rule::ConfirmedCopy) {
            copy.frames = self.world.shown();
        } else if !has_restore && copy.frames.len() > begun().frames.len() && self.world.rng.bool() {
            copy.frames.pop();
            copy.forget_published();
        }
        Ok(())
    }

    /// Ends a replica. Its statements go on.
    pub fn stop(&mut self, replica: usize) {
        self.world.leave(replica);
        let seat = &mut self.seats[replica];
        seat.process = None;
        seat.state = State::Down;
        seat.hearing = Arc::new(Hearing::new(KEY));
    }
}
