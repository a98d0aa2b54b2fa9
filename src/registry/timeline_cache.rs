//! The cache of timelines in memory.
//!
//! Questions do not wait for the warm-up: a question whose credential is missing loads it, while a low-priority thread
//! loads the rest. Three kinds of threads write to the cache. None of them leaves a stale entry behind, because:
//!
//! * The writer folds its records into the index, then replaces every provider and every timeline that they may change,
//!   then publishes the head. It also inserts timelines that were missing.
//! * A reader only inserts missing timelines, and entries are never evicted. So the writer's version always wins,
//!   whether the reader inserts before it (and is overwritten) or after it (and does nothing).
//! * A reader may see records that are folded but not yet published, and the providers from before or after them. If
//!   that affects the timeline, its `changed_at` is that of the person's newest fact or of the newest provider, which
//!   is later than the published head, so no question that has pinned a published head uses it. The writer replaces it
//!   before it publishes the head.
//!
//! After the warm-up has read the whole index, every credential issued before it started is in memory because the
//! warm-up loaded it, and every later one because the writer inserted it. From then on a missing number was never
//! issued, and the disk is not read.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::head::ResidentCredential;
use crate::domain::id::CredentialNumber;

/// The pause before a failed warm-up restarts.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// The timelines in memory.
#[derive(Default)]
pub(super) struct TimelineCache {
    credentials: papaya::HashMap<CredentialNumber, ResidentCredential, RandomState>,
    is_complete: AtomicBool,
    is_closing: AtomicBool,
    warm_up: Mutex<Option<JoinHandle<()>>>,
}

/// A pinned view of the cache. Do not hold it for long: replaced entries are not freed in the meantime.
pub(super) struct Seen<'a> {
    is_complete: bool,
    credentials: papaya::HashMapRef<'a, CredentialNumber, ResidentCredential, RandomState, papaya::LocalGuard<'a>>,
}

/// The result of a lookup in memory.
pub(super) enum Looked<'a> {
    /// The timeline is in memory.
    Here(&'a ResidentCredential),
    /// The credential was never issued.
    Unknown,
    /// The timeline is not in memory; only the disk can tell.
    NotHere,
}

impl Seen<'_> {
    /// Looks a credential up without reading the disk.
    pub(super) fn look(&self, number: CredentialNumber) -> Looked<'_> {
        match self.credentials.get(&number) {
            Some(resident) => Looked::Here(resident),
            None if self.is_complete => Looked::Unknown,
            None => Looked::NotHere,
        }
    }
}

impl TimelineCache {
    /// Pins the current contents.
    pub(super) fn see(&self) -> Seen<'_> {
        // Load the flag first: otherwise a timeline that is inserted between the two loads would be taken for unknown.
        Seen { is_complete: self.is_complete(), credentials: self.credentials.pin() }
    }

    /// True if every published timeline is in memory.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Returns a timeline, if it is in memory.
    pub(super) fn get(&self, number: CredentialNumber) -> Option<ResidentCredential> {
        self.credentials.pin().get(&number).cloned()
    }

    /// Returns the number of timelines in memory.
    pub(super) fn len(&self) -> usize {
        self.credentials.len()
    }

    /// Returns the numbers of the credentials in memory.
    pub(super) fn numbers(&self) -> Vec<CredentialNumber> {
        self.credentials.pin().keys().copied().collect()
    }

    /// Inserts timelines and overwrites existing ones. Only the writer may call this.
    pub(super) fn replace(&self, residents: impl Iterator<Item = ResidentCredential>) {
        let credentials = self.credentials.pin();
        for resident in residents {
            credentials.insert(resident.timeline.number, resident);
        }
    }

    /// Inserts timelines that are missing, and keeps existing ones.
    pub(super) fn add(&self, residents: Vec<ResidentCredential>) {
        let credentials = self.credentials.pin();
        for resident in residents {
            credentials.get_or_insert(resident.timeline.number, resident);
        }
    }

    /// Marks the warm-up as complete.
    pub(super) fn mark_complete(&self) {
        self.is_complete.store(true, Ordering::Release);
    }

    /// Pauses before a failed warm-up restarts. Breaks if the registry closes.
    pub(super) fn pause_before_retry(&self) -> ControlFlow<()> {
        std::thread::park_timeout(RETRY_PAUSE);
        if self.is_closing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// True if the warm-up must stop.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Keeps the handle of the warm-up thread, so that it can be stopped with the registry.
    pub(super) fn set_warm_up_thread(&self, warm_up: JoinHandle<()>) {
        *self.warm_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(warm_up);
    }

    /// Stops the warm-up, and waits until its thread has ended.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        let warm_up = self.warm_up.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = warm_up {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!(
                    event = "timeline_warm_up_panicked",
                    "timeline cache warm-up ended: its thread panicked"
                );
            }
        }
    }
}
