//! The line from a replica to the simulated database. A replica runs on a thread of its own, but only while the
//! scheduler waits for it: until its work is done, or until it sends a statement.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use jiff::Timestamp;

use super::super::replica::Replica;
use crate::domain::id::Revision;
use crate::registry::OpenError;
use crate::store::log::memory::MemoryEngine;
use crate::store::log::replicated::statements::{
    Append, Barrier, Database, Head, Known, ReplicaSession, RollCall, Session, StatementError,
};
use crate::store::log::replicated::{Hearing, ReplicatedEngine};
use crate::store::record::Tip;

/// A statement, as it is sent.
#[derive(Clone, Debug)]
pub enum Request {
    Connect,
    Append { after: Tip, tip: Tip, turn: u64, first_at: Timestamp, last_at: Timestamp, frame: Vec<u8> },
    Barrier(Known),
    Open,
    Settle(Timestamp),
    SettleAgain(Timestamp),
    Turn,
    Frames(Revision),
    EndBefore(Revision),
    Lock(Revision),
    Unlock,
    Notify(String),
}

/// What a statement returned.
#[derive(Clone, Debug)]
pub enum Response {
    Connected(u64),
    Appended(bool),
    Barrier(Barrier),
    Opened(RollCall),
    Settled(Option<Head>),
    SettledAgain(bool),
    Turned(Head),
    Frames(Vec<Vec<u8>>),
    Ended(Tip),
    Locked(Head, Vec<Vec<u8>>),
    Unlocked,
    Notified,
    /// Surely nothing was done.
    NotDone,
    /// The connection is lost, or a warning came.
    Unknown,
    /// The replica is killed.
    Killed,
}

/// Why a replica lets the scheduler go on.
pub enum Paused<T> {
    /// It waits for the response to a statement of a session.
    Sent(u64, Request),
    /// Its work is done.
    Done(T),
    /// It cannot be opened, because the log continues in another epoch.
    Ended,
    /// It was killed.
    Killed,
    /// It panicked, with this message.
    Panicked(String),
}

/// Work for a replica.
pub type Job<T> = Box<dyn FnOnce(&mut Replica) -> T + Send>;

/// A running replica.
pub struct Process<T> {
    jobs: Option<Sender<Job<T>>>,
    responses: Sender<Response>,
    paused: Receiver<Paused<T>>,
    thread: Option<JoinHandle<()>>,
}

/// Ends the work of a replica that is killed.
struct Killed;

/// What a replica is started with.
pub struct Start {
    pub directory: PathBuf,
    pub copy: MemoryEngine,
    pub hearing: Arc<Hearing>,
    pub answered_through: Timestamp,
    /// The clock for how long something takes.
    pub clock: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl<T: Send + 'static> Process<T> {
    /// Starts a replica. It opens, and then does its first work.
    pub fn start(start: Start, first: Job<T>) -> Process<T> {
        let Start { directory, copy, hearing, answered_through, clock } = start;
        let (paused, when_paused) = mpsc::channel();
        let (responses, response) = mpsc::channel();
        let (jobs, next_job) = mpsc::channel::<Job<T>>();
        let line = Line { paused: paused.clone(), responses: Arc::new(Mutex::new(response)) };
        let (ended, ended_early) = (paused.clone(), paused.clone());
        let work = move || {
            let databases = Box::new(move || Box::new(line.clone()) as Box<dyn Database>);
            let engine = ReplicatedEngine::new(Box::new(copy), databases, hearing, answered_through).timed_by(clock);
            let mut replica = match Replica::try_open_at(&directory, &engine, true) {
                Err(OpenError::Failed(failed)) if failed.must_reopen() => {
                    drop(ended_early.send(Paused::Ended));
                    return;
                }
                opened => opened.unwrap(),
            };
            let mut job = Some(first);
            while let Some(work) = job {
                drop(paused.send(Paused::Done(work(&mut replica))));
                job = next_job.recv().ok();
            }
        };
        let thread = thread::spawn(move || {
            if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(work)) {
                let is_killed = panic.is::<Killed>();
                drop(ended.send(if is_killed { Paused::Killed } else { Paused::Panicked(text(&*panic)) }));
            }
        });
        Process { jobs: Some(jobs), responses, paused: when_paused, thread: Some(thread) }
    }

    /// Has it do some work.
    pub fn give(&self, job: Job<T>) {
        self.jobs.as_ref().unwrap().send(job).unwrap();
    }

    /// Responds to its statement.
    pub fn respond(&self, response: Response) {
        self.responses.send(response).unwrap();
    }

    /// Waits until it pauses.
    pub fn wait(&self) -> Paused<T> {
        self.paused.recv().unwrap()
    }
}

impl<T> Drop for Process<T> {
    /// Kills it, if it waits for a response, and waits until it has ended.
    fn drop(&mut self) {
        drop(self.jobs.take());
        drop(self.responses.send(Response::Killed));
        drop(self.thread.take().unwrap().join());
    }
}

fn text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

/// A replica's handle of the database.
struct Line<T> {
    paused: Sender<Paused<T>>,
    responses: Arc<Mutex<Receiver<Response>>>,
}

impl<T> Clone for Line<T> {
    fn clone(&self) -> Line<T> {
        Line { paused: self.paused.clone(), responses: Arc::clone(&self.responses) }
    }
}

impl<T> Line<T> {
    /// Sends a statement, and pauses until the scheduler responds.
    fn ask(&self, session: u64, request: Request) -> Result<Response, StatementError> {
        let response = match self.paused.send(Paused::Sent(session, request)) {
            Ok(()) => self.responses.lock().unwrap().recv().unwrap_or(Response::Killed),
            Err(_) => Response::Killed,
        };
        match response {
            Response::Killed => panic::resume_unwind(Box::new(Killed)),
            Response::NotDone => Err(StatementError::NotDone("as simulated".into())),
            Response::Unknown => Err(StatementError::Unknown("as simulated".into())),
            other => Ok(other),
        }
    }
}

impl<T: Send + 'static> Database for Line<T> {
    fn connect(&mut self) -> Result<Box<dyn ReplicaSession>, StatementError> {
        match self.ask(0, Request::Connect)? {
            Response::Connected(session) => Ok(Box::new(Connected { line: self.clone(), session })),
            other => unreachable!("{other:?}"),
        }
    }
}

/// A session.
struct Connected<T> {
    line: Line<T>,
    session: u64,
}

/// Sends a statement and takes the value out of its response.
macro_rules! ask {
    ($connected:ident, $request:expr, $response:pat => $value:expr) => {
        match $connected.line.ask($connected.session, $request)? {
            $response => Ok($value),
            other => unreachable!("{other:?}"),
        }
    };
}

impl<T: Send + 'static> Session for Connected<T> {
    fn end_before(&mut self, revision: Revision) -> Result<Tip, StatementError> {
        ask!(self, Request::EndBefore(revision), Response::Ended(tip) => tip)
    }

    fn turn(&mut self) -> Result<Head, StatementError> {
        ask!(self, Request::Turn, Response::Turned(head) => head)
    }

    fn frames(&mut self, after: Revision, _: usize) -> Result<Vec<Vec<u8>>, StatementError> {
        ask!(self, Request::Frames(after), Response::Frames(frames) => frames)
    }
}

impl<T: Send + 'static> ReplicaSession for Connected<T> {
    fn append(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        let Append { after, tip, turn, first_at, last_at, frame } = *append;
        let frame = frame.to_vec();
        ask!(self, Request::Append { after, tip, turn, first_at, last_at, frame }, Response::Appended(done) => done)
    }

    fn barrier(&mut self, known: &Known) -> Result<Option<Barrier>, StatementError> {
        ask!(self, Request::Barrier(*known), Response::Barrier(barrier) => Some(barrier))
    }

    fn open(&mut self) -> Result<RollCall, StatementError> {
        ask!(self, Request::Open, Response::Opened(roll_call) => roll_call)
    }

    fn settle(&mut self, through: Timestamp) -> Result<Option<Head>, StatementError> {
        ask!(self, Request::Settle(through), Response::Settled(head) => head)
    }

    fn settle_again(&mut self, through: Timestamp) -> Result<bool, StatementError> {
        ask!(self, Request::SettleAgain(through), Response::SettledAgain(done) => done)
    }

    fn lock(&mut self, after: Revision, _: usize) -> Result<(Head, Vec<Vec<u8>>), StatementError> {
        ask!(self, Request::Lock(after), Response::Locked(head, frames) => (head, frames))
    }

    fn unlock(&mut self) -> Result<(), StatementError> {
        ask!(self, Request::Unlock, Response::Unlocked => ())
    }

    fn notify(&mut self, text: &str) -> Result<(), StatementError> {
        ask!(self, Request::Notify(text.to_owned()), Response::Notified => ())
    }
}
