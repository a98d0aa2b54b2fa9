//! The scheduler: decides what happens next.

use std::sync::Arc;

use jiff::SignedDuration;

use super::checks::Violation;
use super::client::Question;
use super::history::{History, KEY, State, begun};
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
        if self.world.is_restored { Ok(()) } else { self.finish() }
    }

    /// Does one thing at random.
    fn step(&mut self) -> Result<(), Violation> {
        let (replica, kind) = (self.world.rng.usize(..self.seats.len()), self.world.rng.u8(..100));
        match kind {
            0..=17 => self.call(replica),
            18..=37 => self.execute(),
            38..=53 => {
                let behind = self.world.behind();
                if let Some(standby) = self.world.rng.choice(behind) {
                    self.world.ship(standby);
                }
                Ok(())
            }
            54..=71 => self.release(),
            72..=75 => self.cancel(),
            76..=78 => self.give_up(),
            79..=84 => self.deliver(),
            85..=88 => self.fail_over(),
            89..=90 => self.crash(),
            91..=93 => self.rejoin(),
            94..=95 => self.kill(replica),
            96 => self.restore(),
            _ => {
                self.world.now += SignedDuration::from_millis(self.world.rng.i64(1..400));
                Ok(())
            }
        }
    }

    /// Asks a replica something, or starts it.
    fn call(&mut self, replica: usize) -> Result<(), Violation> {
        match self.seats[replica].state {
            State::Down => self.start(replica),
            State::Waiting => Ok(()),
            State::Idle => {
                let count = self.world.rng.usize(1..=2);
                let now = self.world.now;
                let mut questions = Vec::new();
                for _ in 0..count {
                    self.calls += 1;
                    questions.push(Question::any(&mut self.world.rng, self.calls, now));
                }
                self.ask(replica, questions)
            }
        }
    }

    fn execute(&mut self) -> Result<(), Violation> {
        let sent = self.world.sent();
        let Some(id) = self.world.rng.choice(sent) else { return Ok(()) };
        let answers = self.world.execute(id);
        self.respond(answers)
    }

    fn release(&mut self) -> Result<(), Violation> {
        let waiting = self.world.waiting();
        let shipped: Vec<_> = waiting.into_iter().filter(|(_, is_shipped)| *is_shipped).collect();
        let Some((id, _)) = self.world.rng.choice(shipped) else { return Ok(()) };
        let answers = self.world.release(id);
        self.respond(answers)
    }

    fn cancel(&mut self) -> Result<(), Violation> {
        let waiting = self.world.waiting();
        let Some((id, _)) = self.world.rng.choice(waiting) else { return Ok(()) };
        if !spend(&mut self.budget.cancels) {
            return Ok(());
        }
        let answers = self.world.cancel(id);
        self.respond(answers)
    }

    fn give_up(&mut self) -> Result<(), Violation> {
        let awaited = self.world.statements.iter().filter(|statement| statement.replica.is_some());
        let awaited: Vec<_> = awaited.map(|statement| statement.id).collect();
        let Some(id) = self.world.rng.choice(awaited) else { return Ok(()) };
        if !spend(&mut self.budget.give_ups) {
            return Ok(());
        }
        let answers = self.world.give_up(id);
        self.respond(answers)
    }

    /// Delivers a notification, in any order.
    fn deliver(&mut self) -> Result<(), Violation> {
        if self.world.notes.is_empty() {
            return Ok(());
        }
        let at = self.world.rng.usize(..self.world.notes.len());
        let (to, text) = self.world.notes.swap_remove(at);
        let text = self.world.garbled(&text, &self.seats[to].hearing);
        assert!(self.seats[to].hearing.hear(&text));
        match self.seats[to].state {
            // It is asked something only to make it go on. A client that waits for nothing knows nothing.
            State::Idle if self.world.rng.bool() => self.ask(to, Vec::new()),
            _ => Ok(()),
        }
    }

    fn fail_over(&mut self) -> Result<(), Violation> {
        let standby = self.world.nodes[self.world.leader].standby;
        if standby.is_none_or(|at| !self.world.nodes[at].is_up) || !spend(&mut self.budget.fail_overs) {
            return Ok(());
        }
        let old_runs_on = self.world.rng.u8(..4) > 0;
        let answers = self.world.fail_over(old_runs_on);
        self.respond(answers)
    }

    fn crash(&mut self) -> Result<(), Violation> {
        let primaries: Vec<_> = (0..self.world.nodes.len()).filter(|at| self.world.is_primary(*at)).collect();
        let Some(node) = self.world.rng.choice(primaries) else { return Ok(()) };
        if !spend(&mut self.budget.crashes) {
            return Ok(());
        }
        let answers = self.world.crash(node);
        self.respond(answers)
    }

    fn rejoin(&mut self) -> Result<(), Violation> {
        let leader = self.world.leader;
        let others: Vec<_> = (0..self.world.nodes.len())
            .filter(|at| *at != leader && self.world.nodes[*at].follows != Some(leader))
            .collect();
        let Some(node) = self.world.rng.choice(others) else { return Ok(()) };
        let answers = self.world.rejoin(node);
        self.respond(answers)
    }

    fn restore(&mut self) -> Result<(), Violation> {
        if !spend(&mut self.budget.restores) {
            return Ok(());
        }
        let least = begun().frames.len() + self.budget.replicas + 1;
        let all = self.world.nodes[self.world.leader].wal.len();
        let entries = self.world.rng.usize(least..=all);
        let answers = self.world.restore(entries);
        self.respond(answers)
    }

    /// Kills a replica. Its copy may have lost the last frame, unless the database is restored too.
    fn kill(&mut self, replica: usize) -> Result<(), Violation> {
        if matches!(self.seats[replica].state, State::Down) || !spend(&mut self.budget.kills) {
            return Ok(());
        }
        self.world.leave(replica);
        let seat = &mut self.seats[replica];
        seat.process = None;
        seat.state = State::Down;
        seat.hearing = Arc::new(Hearing::new(KEY));
        let mut copy = seat.copy.state();
        if self.world.broken == Some(Rule::ConfirmedCopy) {
            copy.frames = self.world.shown();
        } else if self.budget.restores == 0 && copy.frames.len() > begun().frames.len() && self.world.rng.bool() {
            copy.frames.pop();
            copy.forget_published();
        }
        Ok(())
    }
}

/// Takes one from a budget. Returns false if none is left.
fn spend(budget: &mut usize) -> bool {
    let is_left = *budget > 0;
    *budget -= usize::from(is_left);
    is_left
}
