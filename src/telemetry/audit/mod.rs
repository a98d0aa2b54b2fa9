//! The audit of reads: who asked about whom, in a file of its own, before the answer is given.
//!
//! A question leaves a small message in a bounded queue; a thread of its own makes lines of them and writes those. When
//! the queue is full or the file cannot be written, nothing more is let through ([`Audit::record`] refuses, and whoever
//! asked is refused with it) until all that was taken is written and the file takes lines again. No name and no birth
//! date has a place in a message. What the process had taken and not written when it was killed is lost: some
//! milliseconds of lines.

mod file;
mod line;
mod tally;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use tokio::sync::watch;
use uuid::Uuid;

pub use self::file::Place;
pub use self::tally::Tally;
pub use self::writer::AuditThread;

/// How many messages may wait. The thread looks every few milliseconds.
const QUEUE: usize = 32_768;

/// A credential's number as it is written: `CPS-7K3M-9QRT-X`.
pub type Number = [u8; 15];

/// Whoever asks, by the name it has in the list of clients. Shared, so that a message costs no copy of it.
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
    /// The day it was answered for.
    pub as_of: Option<Date>,
    /// The verdict; none where the answer has none.
    pub verdict: Option<&'static str>,
}

/// A message to the thread.
enum Entry {
    Question(Question),
    /// Numbers of a batch or a stream, no more than [`tally::PART`].
    Numbers {
        call: Call,
        part: u32,
        numbers: Vec<Option<Number>>,
    },
    /// A batch or a stream, whole.
    Summary(Box<tally::Summary>),
}

/// Nobody can write down who asks: nobody is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("reads cannot be written down")]
pub struct Unwritable;

/// Where reads are reported. Clones share it.
#[derive(Clone)]
pub struct Audit {
    shared: Arc<Shared>,
}

struct Shared {
    queue: SyncSender<Entry>,
    /// What was answered already when the queue was full: written first, and never refused.
    late: Mutex<Vec<Entry>>,
    /// Asked for by every question; `told` says the same to whoever waits for it.
    is_writable: AtomicBool,
    told: watch::Sender<bool>,
    is_closing: AtomicBool,
}

impl Audit {
    /// Starts the thread that writes to a place. `now` tells the time of a line.
    pub fn start(
        place: Place,
        now: impl Fn() -> Timestamp + Send + 'static,
    ) -> Result<(Audit, AuditThread), std::io::Error> {
        let (queue, messages) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            queue,
            late: Mutex::default(),
            is_writable: AtomicBool::new(true),
            told: watch::Sender::new(true),
            is_closing: AtomicBool::new(false),
        });
        let thread = writer::start(place, messages, Arc::clone(&shared), now)?;
        Ok((Audit { shared }, thread))
    }

    /// Takes down a question before it is answered.
    pub fn record(&self, question: Question) -> Result<(), Unwritable> {
        self.shared.take(Entry::Question(question)).map_err(|_| Unwritable)
    }

    /// Whether reads can be written down, now and from now on.
    pub fn watch(&self) -> watch::Receiver<bool> {
        self.shared.told.subscribe()
    }
}

impl Shared {
    /// Takes a message, or gives it back.
    fn take(&self, entry: Entry) -> Result<(), Entry> {
        if !self.is_writable.load(Ordering::Acquire) {
            return Err(entry);
        }
        self.queue.try_send(entry).map_err(|refused| match refused {
            TrySendError::Full(entry) | TrySendError::Disconnected(entry) => {
                self.set_writable(false);
                entry
            }
        })
    }

    /// Takes a message about what has been answered.
    fn take_late(&self, entry: Entry) {
        if let Err(entry) = self.take(entry) {
            self.late.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
        }
    }

    fn set_writable(&self, is_writable: bool) {
        if self.is_writable.swap(is_writable, Ordering::AcqRel) != is_writable {
            self.told.send_replace(is_writable);
        }
    }
}
