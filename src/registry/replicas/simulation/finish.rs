//! The end of a history: everything runs out.

use super::super::replica::Replica;
use super::checks::Violation;
use super::client::Question;
use super::history::{Done, History, State};
use super::line::Paused;
use crate::store::log::memory::MemoryEngine;
use crate::store::log::replicated::simulated::rules::Rule;

impl History {
    /// Lets everything run out, without a notification and without a tick of the clock: then all replicas answer
    /// alike, and a new report is accepted.
    pub fn finish(&mut self) -> Result<(), Violation> {
        self.world.notes.clear();
        for node in 0..self.world.nodes.len() {
            if node != self.world.leader {
                let answers = self.world.rejoin(node);
                self.respond(answers)?;
            }
        }
        for _ in 0..6 {
            self.run_out()?;
            for replica in 0..self.seats.len() {
                match self.seats[replica].state {
                    State::Down => self.start(replica)?,
                    State::Idle if self.world.broken != Some(Rule::Heartbeat) => {
                        self.ask(replica, vec![Question::Head])?;
                    }
                    State::Idle | State::Waiting => {}
                }
                self.run_out()?;
            }
        }
        self.check()?;
        self.compare()?;
        for replica in 0..self.seats.len() {
            self.calls += 1;
            let question = Question::Meet(self.calls);
            self.ask(replica, vec![question])?;
            self.run_out()?;
            if !self.knowledge.has(question) {
                return Err(Violation::Stuck("a new report is not accepted".to_owned()));
            }
        }
        self.check()
    }

    /// Executes, ships and releases everything that is under way.
    fn run_out(&mut self) -> Result<(), Violation> {
        for _ in 0..1000 {
            if let Some(id) = self.world.sent().first().copied() {
                let answers = self.world.execute(id);
                self.respond(answers)?;
            } else if let Some(standby) = self.world.behind().first().copied() {
                self.world.ship(standby);
            } else if let Some((id, _)) = self.world.waiting().into_iter().find(|(_, is_shipped)| *is_shipped) {
                let answers = self.world.release(id);
                self.respond(answers)?;
            } else {
                return Ok(());
            }
        }
        Err(Violation::Stuck("statements go on for ever".to_owned()))
    }

    /// Compares what the replicas answer with each other, and with a registry that has only read the log.
    fn compare(&mut self) -> Result<(), Violation> {
        let engine = MemoryEngine::default();
        engine.state().frames = self.world.shown();
        let expected = Replica::open(&engine).answers();
        for replica in 0..self.seats.len() {
            let process = self.seats[replica].process.as_ref().unwrap();
            process.give(Box::new(|replica| Done::Answers(replica.answers())));
            match process.wait() {
                Paused::Done(Done::Answers(answers)) if answers == expected => {}
                _ => return Err(Violation::Stuck(format!("replica {replica} answers otherwise"))),
            }
        }
        Ok(())
    }
}
