//! A history: the replicas, what they are doing, and what clients learned.

use std::fs;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tempfile::TempDir;

use super::super::replica::{BEGIN, Replica, person};
use super::bias::{Bias, Kind, OPERATES};
use super::checks::{Knowledge, Violation};
use super::client::{Question, Seen, ask};
use super::line::{Job, Paused, Process, Start};
use super::operator::Shown;
use super::world::{Answer, World};
use crate::domain::id::SpecialistId;
use crate::registry::receipt::Resource;
use crate::store::answered_through;
use crate::store::log::memory::{MemoryEngine, records_of};
use crate::store::log::replicated::Hearing;
use crate::store::log::replicated::simulated::node::Frame;
use crate::store::log::replicated::simulated::rules::Rule;
use crate::store::record::{Tip, digest};

/// The key of every replica.
pub const KEY: [u8; 32] = [7; 32];

/// What may happen in a history, and how often.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub nodes: usize,
    pub replicas: usize,
    pub steps: usize,
    pub cancels: usize,
    pub give_ups: usize,
    /// Sessions that end between two statements.
    pub losses: usize,
    pub refusals: usize,
    pub crashes: usize,
    pub fail_overs: usize,
    pub restores: usize,
    pub kills: usize,
    /// Which kinds of questions clients ask, in the order of [`Question`].
    pub questions: [bool; 6],
    /// True if an operator pushes, or accepts a loss, after a restore.
    pub operates: bool,
    /// How far behind the clock of the second node is.
    pub slower: SignedDuration,
}

/// What a replica is doing.
pub enum State {
    Down,
    Idle,
    /// It waits for the response to a statement.
    Waiting,
}

/// A place for a replica, with what survives when it is killed.
pub struct Seat {
    pub process: Option<Process<Done>>,
    pub state: State,
    pub copy: MemoryEngine,
    pub hearing: Arc<Hearing>,
    pub directory: TempDir,
    /// What it was asked, and what was acknowledged before.
    pub asked: Vec<Question>,
    pub known: Knowledge,
    /// What it answered last.
    pub answered: Vec<Seen>,
}

/// What a replica reports.
pub enum Done {
    Opened,
    Seen(Result<Vec<Seen>, String>),
    /// Its writer ended, because the log continues in another epoch.
    Ended,
    Answers(String),
}

/// A history.
pub struct History {
    pub world: World,
    pub knowledge: Knowledge,
    pub seats: Vec<Seat>,
    pub budget: Budget,
    pub bias: Bias,
    pub calls: u64,
    /// What the operator was shown.
    pub shown: Option<Shown>,
    /// The time since the begin, in milliseconds.
    pub elapsed: Arc<AtomicU64>,
}

/// The first records of the registry: its frames, and the person in them.
pub struct Begun {
    pub frames: Vec<Frame>,
    pub who: SpecialistId,
}

pub fn begun() -> &'static Begun {
    static BEGUN: OnceLock<Begun> = OnceLock::new();
    BEGUN.get_or_init(|| {
        let engine = MemoryEngine::default();
        let mut replica = Replica::open(&engine);
        let Resource::Specialist(known) = replica.record(1, person("Mirela")).resource else { unreachable!() };
        let (mut tip, mut frames) = (Tip::ORIGIN, Vec::new());
        for bytes in &engine.state().frames {
            let (after, records) = (tip, records_of(bytes));
            tip = records.iter().fold(tip, |tip, record| tip.follow(&digest(record).unwrap()));
            frames.push(Frame::new(after, tip, bytes.clone(), &records));
        }
        Begun { frames, who: known.id }
    })
}

impl History {
    pub fn new(seed: u64, broken: Option<Rule>, budget: Budget) -> History {
        let begin: Timestamp = BEGIN.parse().unwrap();
        let now = begin + SignedDuration::from_secs(60);
        let mut world = World::new(seed, broken, now, budget.nodes, budget.replicas, &begun().frames);
        world.nodes[1].ahead = -budget.slower;
        let mut bias = Bias::any(&mut world.rng, budget.nodes, budget.replicas, budget.questions);
        if budget.operates {
            bias.kinds.push((OPERATES, Kind::Operate));
        }
        world.prefers.clone_from(&bias.nodes);
        let seat = |_| {
            let copy = MemoryEngine::default();
            copy.state().frames = begun().frames.iter().map(|frame| frame.bytes.clone()).collect();
            Seat {
                process: None,
                state: State::Down,
                copy,
                hearing: Arc::new(Hearing::new(KEY)),
                directory: tempfile::tempdir_in("/dev/shm").unwrap(),
                asked: Vec::new(),
                known: Knowledge::default(),
                answered: Vec::new(),
            }
        };
        let seats = (0..budget.replicas).map(seat).collect();
        let elapsed = Arc::default();
        History { world, knowledge: Knowledge::default(), seats, budget, bias, calls: 0, shown: None, elapsed }
    }

    pub fn check(&self) -> Result<(), Violation> {
        let counts = |(at, _): &(usize, &Seat)| !self.world.forgotten.contains(at);
        let seats = self.seats.iter().enumerate().filter(counts);
        let copies: Vec<_> = seats.map(|(_, seat)| seat.copy.state()).collect();
        let frames: Vec<_> = copies.iter().map(|copy| &copy.frames[..]).collect();
        self.knowledge.check(&self.world, &frames)
    }

    /// The clock of a replica.
    pub fn clock(&self, replica: usize) -> Timestamp {
        self.world.now + self.bias.clocks[replica]
    }

    pub fn ask(&mut self, replica: usize, questions: Vec<Question>) -> Result<(), Violation> {
        let (now, asked, who) = (self.clock(replica), questions.clone(), begun().who);
        let seat = &mut self.seats[replica];
        seat.asked = questions;
        seat.known = self.knowledge.clone();
        let job: Job<Done> = Box::new(move |replica| {
            replica.set_clock(now);
            match ask(replica, who, &asked) {
                Err(failed) if failed.must_reopen() => Done::Ended,
                seen => Done::Seen(seen.map_err(|failed| format!("{failed:?}"))),
            }
        });
        seat.process.as_ref().unwrap().give(job);
        self.go_on(replica)
    }

    pub fn start(&mut self, replica: usize) -> Result<(), Violation> {
        let now = self.clock(replica);
        let (pause, elapsed, looks) = (self.bias.pauses[replica], Arc::clone(&self.elapsed), AtomicU32::new(0));
        let clock = Arc::new(move || {
            let elapsed = Duration::from_millis(elapsed.load(Ordering::Relaxed));
            elapsed + pause * looks.fetch_add(1, Ordering::Relaxed)
        });
        let seat = &mut self.seats[replica];
        // The index is folded again from the copy.
        let index = seat.directory.path().join("index");
        if index.exists() {
            fs::remove_dir_all(index).unwrap();
        }
        let start = Start {
            directory: seat.directory.path().to_owned(),
            copy: seat.copy.clone(),
            hearing: Arc::clone(&seat.hearing),
            answered_through: answered_through(seat.directory.path()),
            clock,
        };
        let first: Job<Done> = Box::new(move |replica| {
            replica.set_clock(now);
            Done::Opened
        });
        seat.process = Some(Process::start(start, first));
        self.go_on(replica)
    }

    /// Lets a replica run until it pauses.
    pub fn go_on(&mut self, replica: usize) -> Result<(), Violation> {
        loop {
            let paused = self.seats[replica].process.as_ref().unwrap().wait();
            match paused {
                Paused::Sent(session, request) => match self.world.send(replica, session, request) {
                    Some(response) => self.seats[replica].process.as_ref().unwrap().respond(response),
                    None => {
                        self.seats[replica].state = State::Waiting;
                        return Ok(());
                    }
                },
                Paused::Done(done) => {
                    self.seats[replica].state = State::Idle;
                    return self.done(replica, done);
                }
                Paused::Ended => {
                    self.stop(replica);
                    return Ok(());
                }
                Paused::Killed => unreachable!("it is killed when it is dropped"),
                Paused::Panicked(message) => return Err(Violation::Failed(message)),
            }
        }
    }

    fn done(&mut self, replica: usize, done: Done) -> Result<(), Violation> {
        let seen = match done {
            Done::Seen(seen) => seen,
            Done::Ended => {
                self.seats[replica].answered.clear();
                self.stop(replica);
                return Ok(());
            }
            Done::Opened | Done::Answers(_) => return Ok(()),
        };
        let seen = seen.map_err(Violation::Failed)?;
        // Until it hears of an epoch, a replica still finds the receipts of records that an operator gave up.
        let is_apart = self.is_apart(replica);
        let seat = &mut self.seats[replica];
        for (question, seen) in seat.asked.iter().zip(&seen) {
            seat.known.judge(*question, *seen, self.world.is_restored)?;
            if !(is_apart && self.world.gave_up(*question, *seen)) {
                self.knowledge.learn(*question, *seen);
            }
        }
        seat.answered = seen;
        Ok(())
    }

    /// Gives replicas the responses to their statements.
    pub fn respond(&mut self, answers: Vec<Answer>) -> Result<(), Violation> {
        for (replica, response) in answers {
            if let Some(process) = &self.seats[replica].process {
                process.respond(response);
                self.go_on(replica)?;
            }
        }
        Ok(())
    }
}
