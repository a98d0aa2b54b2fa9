//! What the registry reports about itself to its operator.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::Timestamp;
use uuid::Uuid;

use super::errors::Held;
use super::figures::Figures;
use super::handle::Registry;
use crate::domain::day::Day;
use crate::domain::id::Revision;

/// The state of the registry at one moment.
pub struct Report {
    /// The published head.
    pub head: Revision,
    /// The epoch of the head.
    pub epoch: Option<Uuid>,
    /// The last revision in the latest signed checkpoint; 0 if there is none.
    pub checkpoint: Revision,
    /// The open day.
    pub open_day: Day,
    /// The day of the clock.
    pub clock_day: Day,
    /// Why the calendar is held, if it is.
    pub calendar_held: Option<Held>,
    /// The number of messages that wait for the writer, and of those that may.
    pub queue: (usize, usize),
    /// The commits.
    pub figures: Arc<Figures>,
    /// True if the index can be read.
    pub index_works: bool,
    /// The number of records that no base of the index contains.
    pub index_lag: u64,
    /// The number of timelines in memory.
    pub timelines: usize,
    /// True once every timeline is in memory.
    pub timelines_complete: bool,
    /// The scrub.
    pub scrub: ScrubReport,
    /// The number of watchers.
    pub watchers: usize,
    /// The number of records that the slowest watcher has not sent yet.
    pub watcher_lag: u64,
}

/// What is known about the scrub.
#[derive(Clone, Copy, Debug)]
pub struct ScrubReport {
    /// The bytes that the present or last pass has read.
    pub pass_bytes: u64,
    /// When a pass last succeeded, since the start.
    pub last_success: Option<Timestamp>,
    /// True if the last completed pass found damage.
    pub is_damaged: bool,
}

impl Registry {
    /// Reports the present state. It reads no disk.
    pub fn report(&self) -> Report {
        let shared = &self.shared;
        let head = self.head();
        let places = self.writer.max_capacity();
        let (watchers, slowest) = shared.watchers.lock().slowest();
        Report {
            head: head.revision,
            epoch: head.history.epoch_of(head.revision).map(|epoch| epoch.id),
            checkpoint: shared.checkpoints.latest().map_or(Revision::ZERO, |latest| latest.revision),
            open_day: head.today,
            clock_day: shared.clock.civil_day(),
            calendar_held: shared.due_through(&head).err(),
            queue: (places - self.writer.capacity(), places),
            figures: Arc::clone(&shared.figures),
            index_works: self.index_works(),
            index_lag: head.revision.0.saturating_sub(shared.index.in_bases().0),
            timelines: shared.timeline_cache.len(),
            timelines_complete: shared.timeline_cache.is_complete(),
            scrub: ScrubReport {
                pass_bytes: shared.damage.pass_bytes().load(Ordering::Relaxed),
                last_success: shared.damage.last_success(),
                is_damaged: shared.damage.is_present(),
            },
            watchers,
            watcher_lag: slowest.map_or(0, |at| head.revision.0.saturating_sub(at.0)),
        }
    }
}

#[cfg(test)]
impl Registry {
    /// Keeps the watchers locked until the returned value is dropped, like a worker that is stuck with them.
    pub fn lock_watchers(&self) -> impl Sized {
        self.shared.watchers.lock()
    }
}
