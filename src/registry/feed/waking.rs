//! Waking those who watch.
//!
//! A record wakes those whose business it is: who watches everything, one of its credentials, one of its providers, or
//! a provider whose staff it is about. All others learn of it with their next sign of life. Those who are due are woken
//! a few at a time, so that a commit, and the caller who waits for it, goes before thousands of watchers.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::View;
use crate::domain::fact::{Fact, SpecialistFact};
use crate::domain::id::Revision;
use crate::domain::record::{Change, Record};
use crate::registry::handle::Registry;
use crate::registry::shared::Shared;
use crate::registry::timeline_cache::Looked;
use crate::registry::watchers::{Watched, Watching};

/// How many watchers are woken at a time, and how long it takes until the next are: 32,000 a second, each of which takes
/// some 20 microseconds of a worker.
const AT_ONCE: usize = 32;
const PAUSE: Duration = Duration::from_millis(1);

/// Somebody who watches, until this is dropped.
pub struct Watcher {
    shared: Arc<Shared>,
    number: u64,
    watched: Watched,
    due: Arc<Notify>,
}

impl Watcher {
    /// Waits for a record that is this watcher's business, or returns at once if one came since it waited last.
    pub async fn due(&self) {
        self.due.notified().await;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.watchers.lock().remove(self.number, &self.watched);
    }
}

impl View {
    /// What is watched by it. Who sees the staff of a provider and names credentials watches those.
    fn watched(&self) -> Watched {
        match self {
            View { credentials: Some(credentials), .. } => Watched::Credentials(credentials.clone()),
            View { provider: Some(provider), .. } => Watched::Provider(provider.clone()),
            View { .. } => Watched::Everything,
        }
    }
}

/// Those whose business a record is, besides those who watch everything. None: it is everyone's.
fn concerned(watching: &Watching, shared: &Shared, record: &Record) -> Option<HashSet<u64>> {
    let mut concerned = HashSet::new();
    let seen = shared.timeline_cache.see();
    for change in &record.changes {
        let (number, provider) = match change {
            Change::Standing { number, .. } | Change::Designation { number, .. } => (Some(*number), None),
            Change::Coverage { number, provider, .. } => (Some(*number), Some(provider)),
            Change::Service { provider, .. } | Change::Provider { provider, .. } => (None, Some(provider)),
            Change::Records { .. } => return None,
        };
        concerned.extend(provider.into_iter().flat_map(|provider| watching.of_provider(provider)));
        let Some(number) = number else {
            // Who watches credentials sees every provider.
            concerned.extend(watching.of_any_credential());
            continue;
        };
        concerned.extend(watching.of_credential(number));
        match seen.look(number) {
            Looked::Here(resident) => {
                let employers = resident.timeline.jobs.iter().map(|(employer, _)| employer);
                concerned.extend(employers.flat_map(|employer| watching.of_provider(employer)));
            }
            // Only the disk knows whose staff it is.
            Looked::NotHere => concerned.extend(watching.of_any_provider()),
            Looked::Unknown => {}
        }
    }
    for fact in &record.facts {
        match fact {
            Fact::Specialist(_, SpecialistFact::EmploymentStarted { provider, .. }) => {
                concerned.extend(watching.of_provider(provider));
            }
            // Somebody may be staff no longer, or again.
            Fact::Specialist(_, SpecialistFact::Retracted(_)) => concerned.extend(watching.of_any_provider()),
            Fact::Registry(_) | Fact::Provider(..) | Fact::Specialist(..) => {}
        }
    }
    Some(concerned)
}

/// Those who are due, each once: first who watches something that changed, then who watches everything.
#[derive(Default)]
struct Queue {
    in_order: VecDeque<u64>,
    queued: HashSet<u64>,
}

impl Queue {
    fn add(&mut self, shared: &Shared, record: &Record) {
        let watching = shared.watchers.lock();
        match concerned(&watching, shared, record) {
            Some(concerned) => {
                let new = concerned.into_iter().filter(|number| self.queued.insert(*number));
                new.for_each(|number| self.in_order.push_front(number));
                self.add_last(watching.of_everything());
            }
            None => self.add_last(watching.all()),
        }
    }

    fn add_last(&mut self, numbers: impl Iterator<Item = u64>) {
        self.in_order.extend(numbers.filter(|number| self.queued.insert(*number)));
    }

    /// Wakes the first few.
    fn wake_some(&mut self, shared: &Shared) {
        let watching = shared.watchers.lock();
        for number in self.in_order.drain(..AT_ONCE.min(self.in_order.len())) {
            self.queued.remove(&number);
            watching.notify(number);
        }
    }
}

impl Registry {
    /// Counts in somebody who watches what is in a view. What is published from now on wakes it.
    pub fn watcher(&self, view: &View) -> Watcher {
        let watched = view.watched();
        let (number, due) = self.shared.watchers.lock().add(&watched);
        Watcher { shared: Arc::clone(&self.shared), number, watched, due }
    }

    /// Wakes those who watch, as long as the registry publishes.
    pub async fn wake_watchers(&self) {
        let mut published = self.shared.published.subscribe();
        let (mut seen, mut queue) = (*published.borrow(), Queue::default());
        loop {
            let head = *published.borrow_and_update();
            while seen < head {
                seen = self.queue_up(&mut queue, seen, head);
                tokio::task::yield_now().await;
            }
            if queue.in_order.is_empty() {
                if published.changed().await.is_err() {
                    return;
                }
            } else {
                queue.wake_some(&self.shared);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// Queues up those who are due by some records, and gives the last of these.
    fn queue_up(&self, queue: &mut Queue, seen: Revision, head: Revision) -> Revision {
        match self.shared.recent_records.newest(seen.next(), head) {
            Some(records) => {
                records.iter().for_each(|record| queue.add(&self.shared, record));
                records.last().map_or(head, |record| record.revision)
            }
            // They came faster than they were looked at.
            None => {
                queue.add_last(self.shared.watchers.lock().all());
                head
            }
        }
    }
}
