//! The audit of reads: who asked about whom, in a separate file, written before the answer is sent.
//!
//! A question puts a small message into a bounded queue. The writer thread formats the messages as lines and writes
//! them. The call waits until its line is written. All calls of one worker thread wait together, so that the worker is
//! woken once for all of them. While the file cannot be written, or a write does not return in time, calls are refused
//! ([`Unwritable`]) until all queued lines are in the file. Messages cannot contain names or birth dates.
//!
//! A line is in the file before its answer is sent, so killing the process loses no line of an answer. While the file
//! grows it is synced about once a second, so a power failure loses at most the lines of the last second or two.

mod batch_summary;
mod file;
mod forecast;
mod group;
mod keeper;
mod last_line;
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
use std::time::{Duration, Instant};

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

/// The maximum number of queued messages.
const QUEUE: usize = 32_768;

/// The deadline of a write. After it, the file counts as not writable.
const WRITE_DEADLINE: Duration = Duration::from_millis(700);

/// A credential number in its written form: `CPS-7K3M-9QRT-X`.
pub type Number = [u8; 15];

/// The client that asks, identified by its name in the list of clients. It is shared, so that messages need no copy.
pub trait Client: Send + Sync {
    /// The client's name.
    fn name(&self) -> &str;
}

/// The fields that all reads of a call have in common.
#[derive(Clone)]
pub struct Call {
    /// The caller.
    pub client: Arc<dyn Client>,
    /// The method: `Service/Method`.
    pub method: &'static str,
    /// The request id: the caller's own, or a generated one.
    pub request_id: Uuid,
    /// The latest record that the answer takes into account.
    pub known_at: u64,
    /// The head revision when the call was answered.
    pub revision: u64,
}

/// An answered question.
#[derive(Clone)]
pub struct Question {
    /// The call.
    pub call: Call,
    /// The credential: the one found, or else the one asked about. None if there is neither.
    pub number: Option<Number>,
    /// What identifies the person in the question, if not a number.
    pub named: Option<Box<Named>>,
    /// The day that the question was answered for.
    pub as_of: Option<Date>,
    /// The verdict, or the outcome of a command that recorded nothing. None if the answer has neither.
    pub verdict: Option<&'static str>,
}

/// An id that identifies a person.
#[derive(Clone, Debug)]
pub struct Named {
    /// The kind of id: the name of the field in the contract.
    pub field: &'static str,
    /// The id.
    pub id: String,
}

/// A question or command that was answered with a miss: the person is not on file.
#[derive(Clone)]
pub struct Missed {
    /// The call.
    pub call: Call,
    /// The number that was asked about, if one was given.
    pub number: Option<Number>,
    /// Other identification of the person. None for a name.
    pub named: Option<Box<Named>>,
    /// The kind of miss.
    pub kind: &'static str,
}

/// Searches the audit files at a path. They may be written at the same time.
pub fn search(path: &Path, query: &Query, after: Option<ReadPlace>, bounds: Bounds) -> io::Result<Found> {
    Trail::of(path).search(query, after, bounds, &AtomicBool::new(false))
}

/// A message to the writer thread.
enum Entry {
    Question(Question),
    Missed(Missed),
    /// Numbers of a batch or a stream, at most [`batch_summary::PART`].
    Numbers {
        call: Call,
        part: u32,
        numbers: Vec<Option<Number>>,
        outcomes: batch_summary::Outcomes,
    },
    /// The summary of a batch or a stream.
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

/// The audit cannot record who asks, so the question is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the audit of reads cannot be written")]
pub struct Unwritable;

/// A handle to the audit. Clones share it, and their calls wait together.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
    group: Group,
    usage: Arc<Usage>,
    searching: Searching,
}

struct Shared {
    queue: Mutex<Queue>,
    /// The writer thread, to wake it.
    thread: OnceLock<Thread>,
    /// True if lines can be written. Every question reads this. `watched` reports whether questions are answered.
    is_writable: AtomicBool,
    watched: watch::Sender<bool>,
    is_closing: AtomicBool,
    /// True if some clients, or all clients, are refused because the share of the disk is nearly used up.
    refuses_some: AtomicBool,
    refuses_all: AtomicBool,
    gates: Gates,
}

/// The queue of the writer thread, which takes everything at once.
#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    /// Completed when all messages queued so far are written (true), or cannot be (false).
    waiting: Vec<oneshot::Sender<bool>>,
    /// Since when the first of the entries waits, and since when the first of those that are being written did.
    first_at: Option<Instant>,
    writing_since: Option<Instant>,
    /// The number of entries that are being written.
    writing: usize,
}

/// What waits to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The number of entries.
    pub entries: usize,
    /// The age of the oldest. Zero if there is none.
    pub oldest: Duration,
}

impl Queue {
    fn is_full(&self) -> bool {
        self.entries.len() >= QUEUE
    }

    fn push(&mut self, entry: Entry) {
        self.first_at.get_or_insert_with(Instant::now);
        self.entries.push(entry);
    }

    /// Moves everything to the writer's queue, which is empty.
    fn take_all(&mut self, taken: &mut Queue) {
        std::mem::swap(&mut self.entries, &mut taken.entries);
        std::mem::swap(&mut self.waiting, &mut taken.waiting);
        self.writing_since = self.first_at.take();
        self.writing = taken.entries.len();
    }

    /// True if the queue is full after what was taken from it has been written.
    fn is_full_after_write(&mut self) -> bool {
        (self.writing, self.writing_since) = (0, None);
        self.is_full()
    }
}

impl Audit {
    /// Opens the file, checks that it can be written, and starts the writer thread. `now` gives the time of a line. The
    /// thread drops `alive` when it ends, for whatever reason. `lower_priority` is called on the threads that pack and
    /// search files.
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

    /// Returns a handle for another worker thread, whose calls wait together.
    #[must_use]
    pub fn for_worker(&self) -> Audit {
        Audit { group: Group::default(), ..self.clone() }
    }

    /// Searches the audit on a separate thread.
    pub async fn search(&self, query: Query, after: Option<ReadPlace>, bounds: Bounds) -> io::Result<Found> {
        self.searching.search(query, after, bounds).await
    }

    /// The audit's disk usage.
    pub fn usage(&self) -> Arc<Usage> {
        Arc::clone(&self.usage)
    }

    /// What waits to be written.
    pub fn backlog(&self) -> Backlog {
        let queue = self.shared.queue();
        let since = queue.writing_since.or(queue.first_at);
        let oldest = since.map_or(Duration::ZERO, |since| since.elapsed());
        Backlog { entries: queue.entries.len() + queue.writing, oldest }
    }

    /// Reports a question. It may be answered when the returned future completes.
    pub fn report(&self, question: Question) -> Result<Written, Unwritable> {
        self.take(Entry::Question(question))
    }

    /// Reports a miss. It may be answered when the returned future completes.
    pub fn report_miss(&self, missed: Missed) -> Result<Written, Unwritable> {
        self.take(Entry::Missed(missed))
    }

    fn take(&self, entry: Entry) -> Result<Written, Unwritable> {
        self.shared.take(entry)?;
        Ok(self.group.wait(&self.shared))
    }

    /// Watches whether reads can be recorded.
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

    /// Queues a message about a question that is not answered yet.
    fn take(&self, entry: Entry) -> Result<(), Unwritable> {
        if !self.is_writable() {
            return Err(Unwritable);
        }
        self.admit(entry.client())?;
        let mut queue = self.queue();
        if !queue.is_full() {
            queue.push(entry);
            return Ok(());
        }
        drop(queue);
        self.set_writable(false);
        self.wake();
        Err(Unwritable)
    }

    /// Refuses a client that has used its part of the audit's share of the disk.
    fn admit(&self, client: &dyn Client) -> Result<(), Unwritable> {
        let refuses = self.refuses_some.load(Ordering::Acquire) && self.gates.refuses(client);
        if refuses { Err(Unwritable) } else { Ok(()) }
    }

    /// Queues a message about a question that has been answered. It is never refused.
    fn take_answered(&self, entry: Entry) {
        self.queue().push(entry);
    }

    /// Waits until everything queued so far is written. Returns false if it is not, and may never be.
    async fn is_written(&self) -> bool {
        let (done, is_done) = oneshot::channel();
        self.queue().waiting.push(done);
        self.wake();
        if !self.is_writable() {
            return false;
        }
        if let Ok(written) = tokio::time::timeout(WRITE_DEADLINE, is_done).await {
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

    /// Sets whether lines can be written. Returns true if that is a change.
    fn set_writable(&self, is_writable: bool) -> bool {
        let is_news = self.is_writable.swap(is_writable, Ordering::AcqRel) != is_writable;
        self.publish();
        is_news
    }

    /// Sets which clients are refused because of the share of the disk.
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
