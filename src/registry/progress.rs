//! What the writer notes about its own progress.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the writer notes.
#[derive(Debug, Default)]
pub(super) struct Progress {
    steps: AtomicU64,
    is_busy: AtomicBool,
    is_in_log: AtomicBool,
}

impl Progress {
    /// A number that changes whenever the writer moves.
    pub(super) fn steps(&self) -> u64 {
        self.steps.load(Ordering::Relaxed)
    }

    /// True while the writer processes messages.
    pub(super) fn is_busy(&self) -> bool {
        self.is_busy.load(Ordering::Relaxed)
    }

    /// True while a call of the log is under way.
    pub(super) fn is_in_log(&self) -> bool {
        self.is_in_log.load(Ordering::Relaxed)
    }

    /// Notes that the writer begins to process messages, or has processed them.
    pub(super) fn set_busy(&self, is_busy: bool) {
        self.is_busy.store(is_busy, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
    }

    /// Runs a call of the log, which may wait for a disk or a database for as long as that takes.
    pub(super) fn in_log<T>(&self, call: impl FnOnce() -> T) -> T {
        self.is_in_log.store(true, Ordering::Relaxed);
        let result = call();
        self.is_in_log.store(false, Ordering::Relaxed);
        self.steps.fetch_add(1, Ordering::Relaxed);
        result
    }
}
