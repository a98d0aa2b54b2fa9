//! The timelines that are kept in memory, and how they get there.
//!
//! Questions do not wait until all are there: one whose credential is missing reads it in, while a thread of low
//! priority reads in the rest. Three threads write here, and this is why none leaves behind what is out of date:
//!
//! * The writer folds its records into the index, then replaces every provider and every timeline that they may change,
//!   then publishes the head. It replaces those that were missing too.
//! * A reader adds a timeline only where there is none, and nothing is ever taken out. So of what a record
//!   changes, what the writer put stays, whether the reader comes first (and is replaced) or last (and adds nothing).
//! * A reader may see records that are folded and not published yet, and the providers of before or after them. What it
//!   makes of such a mixture is dated after the head by the person's newest fact or the newest provider, so that nobody
//!   who has pinned a published head uses it; or it mixes in nothing that counts. Before the head is published, the
//!   writer has replaced it.
//!
//! Once the thread has been through the index, what was issued before it began is there because it came by, and what
//! was issued since because the writer put it: a number that is missing is unknown then, and the disk is not asked.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use foldhash::fast::RandomState;

use super::head::ResidentCredential;
use crate::domain::id::CredentialNumber;

/// How long reading in rests after it broke off.
const REST: Duration = Duration::from_secs(1);

/// The timelines in memory.
#[derive(Default)]
pub(super) struct TimelineCache {
    credentials: papaya::HashMap<CredentialNumber, ResidentCredential, RandomState>,
    are_all_here: AtomicBool,
    is_closing: AtomicBool,
    reading_in: Mutex<Option<JoinHandle<()>>>,
}

/// The timelines in memory while they are looked at. It must not be kept for long: what is replaced meanwhile stays.
pub(super) struct Seen<'a> {
    are_all_here: bool,
    credentials: papaya::HashMapRef<'a, CredentialNumber, ResidentCredential, RandomState, papaya::LocalGuard<'a>>,
}

/// What memory alone says of a credential.
pub(super) enum Looked<'a> {
    /// Its timeline.
    Here(&'a ResidentCredential),
    /// It was never issued.
    Unknown,
    /// Only the disk knows.
    NotHere,
}

impl Seen<'_> {
    /// Looks without asking the disk.
    pub(super) fn look(&self, number: CredentialNumber) -> Looked<'_> {
        match self.credentials.get(&number) {
            Some(resident) => Looked::Here(resident),
            None if self.are_all_here => Looked::Unknown,
            None => Looked::NotHere,
        }
    }
}

impl TimelineCache {
    /// What is here at the moment.
    pub(super) fn see(&self) -> Seen<'_> {
        // In this order: one that is read in between the two questions is not taken for unknown.
        Seen { are_all_here: self.are_all_here(), credentials: self.credentials.pin() }
    }

    /// Whether everything published is here.
    pub(super) fn are_all_here(&self) -> bool {
        self.are_all_here.load(Ordering::Acquire)
    }

    /// A timeline, if it is here.
    pub(super) fn get(&self, number: CredentialNumber) -> Option<ResidentCredential> {
        self.credentials.pin().get(&number).cloned()
    }

    /// The numbers that are here.
    pub(super) fn numbers(&self) -> Vec<CredentialNumber> {
        self.credentials.pin().keys().copied().collect()
    }

    /// Puts timelines in the place of those that there may be. For the writer alone.
    pub(super) fn replace(&self, residents: impl Iterator<Item = ResidentCredential>) {
        let credentials = self.credentials.pin();
        for resident in residents {
            credentials.insert(resident.timeline.number, resident);
        }
    }

    /// Puts timelines where there are none.
    pub(super) fn add(&self, residents: Vec<ResidentCredential>) {
        let credentials = self.credentials.pin();
        for resident in residents {
            credentials.get_or_insert(resident.timeline.number, resident);
        }
    }

    /// Notes that everything published is here.
    pub(super) fn all_are_here(&self) {
        self.are_all_here.store(true, Ordering::Release);
    }

    /// Waits a moment before the reading in goes on that broke off.
    pub(super) fn rest(&self) -> ControlFlow<()> {
        std::thread::park_timeout(REST);
        if self.is_closing() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// Whether the reading in is to end.
    pub(super) fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::Acquire)
    }

    /// Keeps the thread that reads in, to end it with the registry.
    pub(super) fn keep(&self, reading_in: JoinHandle<()>) {
        *self.reading_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(reading_in);
    }

    /// Ends the reading in, and waits until it has ended.
    pub(super) fn close(&self) {
        self.is_closing.store(true, Ordering::Release);
        let reading_in = self.reading_in.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = reading_in {
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
