//! The audit of reads: who asked about whom, in a file of its own, written before the answer goes out.
//!
//! A question leaves a small message in a bounded queue. A thread of its own makes lines of the messages and writes
//! them. The call waits until its line is written. All calls of one worker thread wait together, so that it is woken
//! once for all of them. While the file cannot be written, or a write does not return in time, calls are refused
//! ([`Unwritable`]); that ends when all lines taken so far are in the file. No name and no birth date has a place in a
//! message.
//!
//! A line is in the file when its answer goes out, so a kill of the process takes no line of an answer. The file is put
//! on the disk about once a second while it grows, so a power cut takes at most the lines of the last second or two.

mod batch_summary;
mod file;
mod forecast;
mod group;
mod keeper;
mod line;
mod read;
mod searching;
mod share;
mod sync;
#[cfg(test)]
mod tests;
mod trail;
mod writer;

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::{oneshot, watch};
use uuid::Uuid;

pub use self::batch_summary::BatchSummary;
use self::file::LineFile;
pub use self::file::{AuditFileError, Place, check};
use self::group::Group;
pub use self::group::Written;
pub use self::keeper::Keep;
pub use self::read::Read;
use self::searching::Searching;
pub use self::share::Usage;
use self::share::{Gates, Ledger, Refused};
use self::trail::Trail;
pub use self::trail::search::{Bounds, Found, Place as ReadPlace, Query};
pub use self::writer::AuditThread;

/// How many messages may wait.
const QUEUE: usize = 32_768;

/// How long a write may take before the file counts as one that cannot be written.
const STALLED: Duration = Duration::from_millis(700);

/// A credential's number as it is written: `CPS-7K3M-9QRT-X`.
pub type Number = [u8; 15];

/// The client that asks, by its name in the list of clients. Shared, so that a message costs no copy of it.
pub trait Client: Send + Sync {
    /// The name.
    fn name(&self) -> &str;
}

/// A read of persons, as far as all of them are alike.
#[derive(Clone)]
pub struct Call {
    /// Who asks.
    pub client: Arc<dyn Client>,
    /// The method: `Service/Method`.
    pub method: &'static str,
    /// The request's id: the caller's own, or one that was made for it.
    pub request_id: Uuid,
    /// The last record that the answer knows.
    pub known_at: u64,
    /// The head's revision when it was answered.
    pub revision: u64,
}

/// One question, answered.
#[derive(Clone)]
pub struct Question {
    /// The call.
    pub call: Call,
    /// The credential: the one found, or else the one asked about; none where there is none.
    pub number: Option<Number>,
    /// What the question names a person by, where that is no number.
    pub named: Option<Box<Named>>,
    /// The day it was answered for.
    pub as_of: Option<Date>,
    /// The verdict, or what became of a command that recorded nothing; none where the answer has none.
    pub verdict: Option<&'static str>,
}

/// An id that leads to a person.
#[derive(Clone, Debug)]
pub struct Named {
    /// What it is the id of, as the contract calls the field.
    pub field: &'static str,
    /// The id.
    pub id: String,
}

/// A question or a command that said that a person is not there.
#[derive(Clone)]
pub struct Missed {
    /// The call.
    pub call: Call,
    /// The number that was asked about, if it was one.
    pub number: Option<Number>,
    /// What else the person was named by; none for a name.
    pub named: Option<Box<Named>>,
    /// What was said.
    pub kind: &'static str,
}

/// Searches the audit whose lines are written to a file. It may be written meanwhile.
pub fn search(path: &Path, query: &Query, after: Option<ReadPlace>, bounds: Bounds) -> io::Result<Found> {
    Trail::of(path).search(query, after, bounds, &AtomicBool::new(false))
}

/// A message to the thread.
enum Entry {
    Question(Question),
    Missed(Missed),
    /// Numbers of a batch or a stream, no more than [`batch_summary::PART`].
    Numbers {
        call: Call,
        part: u32,
        numbers: Vec<Option<Number>>,
    },
    /// A batch or a stream, whole.
    Summary(Box<batch_summary::Summary>),
}

impl Entry {
    fn client(&self) -> &dyn Client {
        let call = match self {
            Entry::Question(question) => &question.call,
            Entry::Missed(missed) => &missed.call,
            Entry::Numbers { call, .. } => call,
            Entry::Summary(summary) => &summary.call,
        };
        &*call.client
    }
}

/// Nobody can write down who asks: nobody is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reads cannot be written down")]
pub struct Unwritable;

/// Where reads are reported. Clones share it, and their calls wait together.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
    group: Group,
    usage: Arc<Usage>,
    searching: Searching,
}

struct Shared {
    queue: Mutex<Queue>,
    /// The thread that writes, to be woken.
    thread: OnceLock<Thread>,
    /// Whether lines can be written. Read by every question. `watched` says whether questions are answered.
    is_writable: AtomicBool,
    watched: watch::Sender<bool>,
    is_closing: AtomicBool,
    /// Whether somebody is refused because the share of the disk is nearly used up, and whether everybody is.
    refuses_some: AtomicBool,
    refuses_all: AtomicBool,
    gates: Gates,
}

/// What the thread takes: all of it at once.
#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    /// Answered once everything taken with them, and before them, is written (true), or cannot be (false).
    waiting: Vec<oneshot::Sender<bool>>,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.entries.len() >= QUEUE
    }
}

impl Audit {
    /// Opens the file, proves that it can be written, and starts the thread that writes to it. `now` gives the time of
    /// a line. The thread drops `alive` when it ends, for whatever reason. `lower_priority` is called on the thread that
    /// packs files.
    pub fn start(
        place: Place,
        now: impl Fn() -> Timestamp + Clone + Send + 'static,
        lower_priority: fn(),
        alive: impl Send + 'static,
    ) -> Result<(Audit, AuditThread), AuditFileError> {
        let syncing = sync::Syncing::start().map_err(AuditFileError::NoThread)?;
        let (trail, keep, path, configured) = (Trail::of(&place.path), place.keep, place.path.clone(), place.max_bytes);
        let (closed, woken) = channel();
        let file = LineFile::open(place, syncing, closed, now())?;
        let usage =
            Arc::new(Usage::of(&trail, configured).map_err(|source| AuditFileError::Unwritable { path, source })?);
        let searching = Searching::new(trail.clone(), lower_priority);
        let started = Audit::start_on(file, Arc::clone(&usage), searching, now.clone(), alive);
        let (audit, thread) = started.map_err(AuditFileError::NoThread)?;
        let keeping =
            keeper::start(keeper::Files { trail, keep, usage }, now, Arc::clone(&audit.shared), woken, lower_priority);
        Ok((audit, thread.with(keeping.map_err(AuditFileError::NoThread)?)))
    }

    fn start_on(
        sink: impl file::Sink + 'static,
        usage: Arc<Usage>,
        searching: Searching,
        now: impl Fn() -> Timestamp + Send + 'static,
        alive: impl Send + 'static,
    ) -> Result<(Audit, AuditThread), io::Error> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            thread: OnceLock::new(),
            is_writable: AtomicBool::new(true),
            watched: watch::Sender::new(true),
            is_closing: AtomicBool::new(false),
            refuses_some: AtomicBool::new(false),
            refuses_all: AtomicBool::new(false),
            gates: Gates::default(),
        });
        let ledger = Ledger::new(Arc::clone(&usage), shared.gates.clone());
        let thread = writer::start(sink, Arc::clone(&shared), ledger, now, alive)?;
        Ok((Audit { shared, group: Group::default(), usage, searching }, thread))
    }

    /// The same audit for another thread that answers: its calls wait together.
    #[must_use]
    pub fn for_worker(&self) -> Audit {
        Audit { group: Group::default(), ..self.clone() }
    }

    /// Searches the audit, on a thread of its own.
    pub async fn search(&self, query: Query, after: Option<ReadPlace>, bounds: Bounds) -> io::Result<Found> {
        self.searching.search(query, after, bounds).await
    }

    /// How much of the disk the audit takes.
    pub fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    /// Reports a question. It may be answered once this is written.
    pub fn report(&self, question: Question) -> Result<Written, Unwritable> {
        self.take(Entry::Question(question))
    }

    /// Reports a miss. It may be answered once this is written.
    pub fn report_miss(&self, missed: Missed) -> Result<Written, Unwritable> {
        self.take(Entry::Missed(missed))
    }

    fn take(&self, entry: Entry) -> Result<Written, Unwritable> {
        self.shared.take(entry)?;
        Ok(self.group.wait(&self.shared))
    }

    /// Whether reads can be written down, now and from now on.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.shared.watched.subscribe()
    }
}

impl Shared {
    fn queue(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_writable(&self) -> bool {
        self.is_writable.load(Ordering::Acquire)
    }

    /// Takes a message about what is to be answered.
    fn take(&self, entry: Entry) -> Result<(), Unwritable> {
        if !self.is_writable() {
            return Err(Unwritable);
        }
        self.admit(entry.client())?;
        let mut queue = self.queue();
        if !queue.is_full() {
            queue.entries.push(entry);
            return Ok(());
        }
        drop(queue);
        self.set_writable(false);
        self.wake();
        Err(Unwritable)
    }

    /// Refuses a client that may not use more of the audit's share of the disk.
    fn admit(&self, client: &dyn Client) -> Result<(), Unwritable> {
        let refuses = self.refuses_some.load(Ordering::Acquire) && self.gates.refuses(client);
        if refuses { Err(Unwritable) } else { Ok(()) }
    }

    /// Takes a message about what has been answered. It is never refused.
    fn take_late(&self, entry: Entry) {
        self.queue().entries.push(entry);
    }

    /// Waits until everything taken so far is written. False: it is not, and may never be.
    async fn is_written(&self) -> bool {
        let (done, is_done) = oneshot::channel();
        self.queue().waiting.push(done);
        self.wake();
        if !self.is_writable() {
            return false;
        }
        if let Ok(written) = tokio::time::timeout(STALLED, is_done).await {
            return written.unwrap_or(false);
        }
        if self.set_writable(false) {
            tracing::error!(
                event = "audit_stalled",
                "a write to the audit file does not return: questions about people are refused"
            );
        }
        false
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Whether that is news.
    fn set_writable(&self, is_writable: bool) -> bool {
        let is_news = self.is_writable.swap(is_writable, Ordering::AcqRel) != is_writable;
        self.publish();
        is_news
    }

    /// Says who is refused from now on because of the share of the disk.
    fn set_refused(&self, refused: Refused) {
        self.refuses_some.store(refused.some, Ordering::Release);
        self.refuses_all.store(refused.all, Ordering::Release);
        self.publish();
    }

    fn publish(&self) {
        let answers = self.is_writable() && !self.refuses_all.load(Ordering::Acquire);
        self.watched.send_if_modified(|watched| std::mem::replace(watched, answers) != answers);
    }
}
