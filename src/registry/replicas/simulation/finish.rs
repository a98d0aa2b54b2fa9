//! The end of a history: everything runs out.

use super::super::replica::Replica;
use super::checks::{Knowledge, Violation};
use super::client::{Question, Seen};
use super::history::{Done, History, State};
use super::line::Paused;
use crate::store::log::memory::MemoryEngine;
use crate::store::log::replicated::simulated::rules::Rule;

impl History {
    /// Lets everything run out, without a notification and without a tick of the clock: then all replicas have the
    /// whole log, a new report is accepted, and all answer alike.
    ///
    /// After a restore, a replica that has records which the log lacks must not go on. The others must, once they do
    /// not wait for it any more.
    pub fn finish(&mut self) -> Result<(), Violation> {
        self.world.notes.clear();
        for node in 0..self.world.nodes.len() {
            if node != self.world.leader {
                let answers = self.world.rejoin(node);
                self.respond(answers)?;
            }
        }
        self.follow_all()?;
        let mut lost = self.lost()?;
        self.check()?;
        for _ in 0..=self.seats.len() {
            if lost.is_empty() || !self.budget.operates {
                break;
            }
            self.remedy(&lost)?;
            self.follow_all()?;
            lost = self.lost()?;
            self.check()?;
        }
        if !lost.is_empty() {
            if self.budget.operates {
                return Err(Violation::Stuck(format!("the replicas {lost:?} stay apart")));
            }
            // The operator accepts what is lost.
            self.world.forgotten.extend(&lost);
            self.knowledge = Knowledge::default();
            self.follow_all()?;
        }
        let others: Vec<_> = (0..self.seats.len()).filter(|at| !lost.contains(at)).collect();
        for replica in &others {
            if self.seats[*replica].copy.state().frames != self.world.shown() {
                return Err(Violation::Stuck(format!("replica {replica} does not have the whole log")));
            }
        }
        for replica in &others {
            self.calls += 1;
            let question = Question::Meet(self.calls);
            self.ask(*replica, vec![question])?;
            self.run_out()?;
            if !self.knowledge.has(question) {
                return Err(Violation::Stuck("a new report is not accepted".to_owned()));
            }
        }
        for replica in &others {
            self.ask(*replica, vec![Question::Head])?;
            self.run_out()?;
        }
        self.compare(&others)?;
        self.check()
    }

    /// Starts the replicas that are down, and has each follow the log a few times.
    fn follow_all(&mut self) -> Result<(), Violation> {
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
        Ok(())
    }

    /// The replicas that have records which the restored database lost. They must notice. A replica that only knows
    /// of a statement which the database lost goes on after it is started again.
    fn lost(&mut self) -> Result<Vec<usize>, Violation> {
        if !self.world.is_restored {
            return Ok(Vec::new());
        }
        for replica in 0..self.seats.len() {
            if self.seats[replica].answered == [Seen::Lost] {
                self.stop(replica);
            }
        }
        self.follow_all()?;
        let log = self.world.shown();
        let mut lost = Vec::new();
        for (at, seat) in self.seats.iter().enumerate() {
            let (says_so, has_more) = (seat.answered == [Seen::Lost], self.has_more(at, &log));
            if says_so != has_more {
                let answered = &seat.answered;
                return Err(Violation::Stuck(format!(
                    "replica {at} has more than the log: {has_more}, and says {answered:?}"
                )));
            }
            lost.extend(says_so.then_some(at));
        }
        Ok(lost)
    }

    /// Executes, ships and releases everything that is under way.
    fn run_out(&mut self) -> Result<(), Violation> {
        for _ in 0..1000 {
            let answers = if let Some(id) = self.world.sent().first().copied() {
                self.world.execute(id)
            } else if let Some(standby) = self.world.behind().first().copied() {
                self.world.ship(standby)
            } else if let Some((id, _)) = self.world.waiting().into_iter().find(|(_, is_shipped)| *is_shipped) {
                self.world.release(id)
            } else {
                return Ok(());
            };
            self.respond(answers)?;
        }
        Err(Violation::Stuck("statements go on for ever".to_owned()))
    }

    /// Compares what some replicas answer with what a registry answers that has only read the log.
    fn compare(&mut self, replicas: &[usize]) -> Result<(), Violation> {
        let engine = MemoryEngine::default();
        engine.state().frames = self.world.shown();
        let expected = Replica::open(&engine).answers();
        for replica in replicas {
            let process = self.seats[*replica].process.as_ref().unwrap();
            process.give(Box::new(|replica| Done::Answers(replica.answers())));
            match process.wait() {
                Paused::Done(Done::Answers(answers)) if answers == expected => {}
                _ => return Err(Violation::Stuck(format!("replica {replica} answers otherwise"))),
            }
        }
        Ok(())
    }
}
