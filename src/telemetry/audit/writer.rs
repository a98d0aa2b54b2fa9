//! The writer thread of the audit.

use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::oneshot;

use super::file::Sink;
use super::last_line::NotWritten;
use super::share::Ledger;
use super::{Queue, Shared, line};

/// The maximum time that the thread sleeps. It then syncs what is due, and checks the file.
const NAP: Duration = Duration::from_millis(250);

/// The delay before writing is retried after an error.
const RETRY: Duration = Duration::from_millis(100);

/// How long the end of each thread is awaited.
const CLOSE_DEADLINE: Duration = Duration::from_secs(1);

/// The running threads.
pub struct AuditThread {
    shared: Arc<Shared>,
    /// Receive nothing. Each disconnects when its thread ends.
    running: Vec<Receiver<Infallible>>,
}

impl AuditThread {
    /// Adds another thread to wait for.
    pub(super) fn with(mut self, running: Receiver<Infallible>) -> AuditThread {
        self.running.push(running);
        self
    }

    /// Writes and syncs the remaining lines, and ends the threads. A file that cannot be written is tried once more. A
    /// blocked file is not waited for.
    pub fn close(self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.shared.wake();
        let is_over =
            |running: &Receiver<Infallible>| running.recv_timeout(CLOSE_DEADLINE) != Err(RecvTimeoutError::Timeout);
        if !self.running.iter().all(is_over) {
            tracing::error!(
                event = "audit_close_timeout",
                "the audit did not close in time: its last lines may not be on disk"
            );
        }
    }
}

struct Writer<S, N> {
    sink: S,
    shared: Arc<Shared>,
    now: N,
    /// Lines that are not in the file yet, and the time when they were formatted.
    lines: String,
    at: Timestamp,
    taken: Queue,
    ledger: Ledger,
}

pub(super) fn start(
    sink: impl Sink + 'static,
    shared: Arc<Shared>,
    ledger: Ledger,
    now: impl Fn() -> Timestamp + Send + 'static,
    alive: impl Send + 'static,
) -> io::Result<AuditThread> {
    let (ended, running) = channel();
    let writer = Writer {
        sink,
        shared: Arc::clone(&shared),
        now,
        lines: String::new(),
        at: Timestamp::UNIX_EPOCH,
        taken: Queue::default(),
        ledger,
    };
    let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || {
        let _alive = (RefuseOnDrop(Arc::clone(&writer.shared)), ended, alive);
        if let Err(error) = writer.run() {
            tracing::error!(
                event = "audit_ended",
                error = &error as &dyn std::error::Error,
                "the audit of reads ended"
            );
        }
    })?;
    // Set once, here.
    shared.thread.set(thread.thread().clone()).ok();
    Ok(AuditThread { shared, running: vec![running] })
}

/// Refuses all questions once the thread has ended, also after a panic.
struct RefuseOnDrop(Arc<Shared>);

impl Drop for RefuseOnDrop {
    fn drop(&mut self) {
        self.0.set_writable(false);
        answer_all(self.0.queue().waiting.drain(..), false);
    }
}

fn answer_all(waiting: impl Iterator<Item = oneshot::Sender<bool>>, is_written: bool) {
    for waiting in waiting {
        // A call that was abandoned does not need the result.
        waiting.send(is_written).ok();
    }
}

impl<S: Sink, N: Fn() -> Timestamp> Writer<S, N> {
    fn run(mut self) -> io::Result<()> {
        let mut checked_at = Instant::now();
        loop {
            let is_closing = self.shared.is_closing.load(Ordering::Acquire);
            let has_more = self.take();
            let now = Instant::now();
            let is_written = if has_more || !self.shared.is_writable() || now.duration_since(checked_at) >= NAP {
                checked_at = now;
                self.write_lines()
            } else {
                true
            };
            self.shared.set_refused(self.ledger.update());
            self.sink.sync_if_due(now)?;
            if is_closing && (!has_more || !is_written) {
                self.sink.finish();
                return Ok(());
            }
            match (is_written, has_more) {
                (true, true) => {}
                (true, false) => std::thread::park_timeout(NAP),
                (false, _) => std::thread::park_timeout(RETRY),
            }
        }
    }

    /// Formats the queued messages as lines. While earlier lines could not be written, takes no more messages. Returns
    /// true if there are lines to write or calls to complete.
    fn take(&mut self) -> bool {
        if self.lines.is_empty() {
            self.shared.queue().take_all(&mut self.taken);
            if !self.taken.entries.is_empty() {
                self.at = (self.now)();
                let at = line::instant(self.at);
                for entry in self.taken.entries.drain(..) {
                    let before = self.lines.len();
                    line::write(&mut self.lines, &at, &entry);
                    self.ledger.spend(entry.client(), self.lines.len() - before);
                }
            }
            self.take_refusals();
        }
        !self.lines.is_empty() || !self.taken.waiting.is_empty()
    }

    /// Formats the refusals that are due.
    fn take_refusals(&mut self) {
        let refusals = self.ledger.refusals(Instant::now());
        if !refusals.is_empty() {
            self.at = (self.now)();
            for (client, count) in refusals {
                line::refusals(&mut self.lines, self.at, &client, count);
            }
        }
    }

    /// Writes the lines, and completes the waiting calls. Questions are accepted again as soon as the lines are in the
    /// file and the queue has room.
    fn write_lines(&mut self) -> bool {
        let written = if self.lines.is_empty() {
            self.sink.ensure().map_err(NotWritten::from)
        } else {
            self.sink.append(self.at, self.lines.as_bytes())
        };
        let is_written = written.is_ok();
        match written {
            Ok(()) => {
                self.ledger.written(&self.lines);
                self.lines.clear();
                if !self.shared.queue().is_full_after_write() && self.shared.set_writable(true) {
                    tracing::info!(event = "audit_recovered", "the audit of reads is written again");
                }
            }
            Err(NotWritten { whole, source: error }) => {
                let written: String = self.lines.drain(..whole).collect();
                self.ledger.written(&written);
                if self.shared.set_writable(false) {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(
                        event = "audit_failed",
                        error,
                        "the audit of reads cannot be written: questions about people are refused"
                    );
                }
                answer_all(self.shared.queue().waiting.drain(..), false);
            }
        }
        answer_all(self.taken.waiting.drain(..), is_written);
        is_written
    }
}
