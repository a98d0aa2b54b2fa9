//! The thread that writes.

use std::io;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;

use super::file::{LineFile, Place};
use super::{Entry, Shared, line};

/// How long the thread sleeps when there was little to do. Whoever asks never wakes it: that would cost a call more than
/// its line does.
const NAP: Duration = Duration::from_millis(3);

/// How long it waits before a file that could not be written is tried again.
const RETRY: Duration = Duration::from_millis(100);

/// How many messages are written at once.
const BATCH: usize = 4096;

/// How many naps the file may go unlooked at.
const UNSEEN: u32 = 300;

/// The running thread.
pub struct AuditThread {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl AuditThread {
    /// Writes what is left, and ends. A file that cannot be written is tried once more.
    pub fn close(self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!("the audit of reads broke off");
        }
    }
}

struct Writer<N> {
    file: LineFile,
    messages: Receiver<Entry>,
    shared: Arc<Shared>,
    now: N,
    /// Lines that are not in the file yet.
    lines: String,
}

pub(super) fn start(
    place: Place,
    messages: Receiver<Entry>,
    shared: Arc<Shared>,
    now: impl Fn() -> Timestamp + Send + 'static,
) -> io::Result<AuditThread> {
    let mut writer =
        Writer { file: LineFile::new(place), messages, shared: Arc::clone(&shared), now, lines: String::new() };
    // Known before the first question.
    writer.settle();
    let thread = std::thread::Builder::new().name("audit".to_owned()).spawn(move || writer.run())?;
    Ok(AuditThread { shared, thread })
}

impl<N: Fn() -> Timestamp> Writer<N> {
    fn run(mut self) {
        let mut unseen = 0;
        loop {
            let is_closing = self.shared.is_closing.load(Ordering::Acquire);
            let taken = self.take();
            let is_written = if taken > 0 || !self.lines.is_empty() || !self.is_writable() || unseen >= UNSEEN {
                unseen = 0;
                self.settle()
            } else {
                unseen += 1;
                true
            };
            if is_closing && (taken == 0 || !is_written) {
                drop(self.file.sync());
                return;
            }
            match (is_written, taken >= BATCH) {
                (true, true) => {}
                (true, false) => std::thread::park_timeout(NAP),
                (false, _) => std::thread::park_timeout(RETRY),
            }
        }
    }

    fn is_writable(&self) -> bool {
        self.shared.is_writable.load(Ordering::Acquire)
    }

    /// Makes lines of what waits; while there are lines that cannot be written, of nothing more.
    fn take(&mut self) -> usize {
        if !self.lines.is_empty() {
            return 0;
        }
        let at = line::instant((self.now)());
        let late = std::mem::take(&mut *self.shared.late.lock().unwrap_or_else(PoisonError::into_inner));
        let mut taken = 0;
        for entry in self.messages.try_iter().take(BATCH).chain(late) {
            line::write(&mut self.lines, &at, &entry);
            taken += 1;
        }
        taken
    }

    /// Writes the lines. Questions are let through again as soon as all of them are in the file.
    fn settle(&mut self) -> bool {
        let written = if self.lines.is_empty() { self.file.ensure() } else { self.file.append(self.lines.as_bytes()) };
        match written {
            Ok(()) => {
                self.lines.clear();
                if !self.is_writable() {
                    tracing::info!("reads are written down again");
                    self.shared.set_writable(true);
                }
                true
            }
            Err(error) => {
                if self.is_writable() {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(error, "reads cannot be written down: questions about people are refused");
                    self.shared.set_writable(false);
                }
                false
            }
        }
    }
}
