//! Wakes watchers.
//!
//! A record wakes the watchers that it concerns: those that watch everything, one of its credentials, one of its
//! providers, or a provider whose staff it is about. Other watchers learn the new head with their next heartbeat.
//! Watchers are woken a few at a time, so that thousands of them do not delay a commit and its caller.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::View;
use crate::domain::fact::{Fact, SpecialistFact};
use crate::domain::id::Revision;
use crate::domain::record::{Change, Record};
use crate::registry::handle::Registry;
use crate::registry::shared::Shared;
use crate::registry::timeline_cache::Looked;
use crate::registry::watchers::{Due, Watched, Watching};

/// The number of watchers woken at a time, and the pause before the next: 32,000 per second, each of which costs a
/// worker thread about 20 µs.
const AT_ONCE: usize = 32;
const PAUSE: Duration = Duration::from_millis(1);

/// A registered watcher. Dropping it unregisters it.
pub struct Watcher {
    shared: Arc<Shared>,
    number: u64,
    watched: Watched,
    due: Arc<Due>,
}

impl Watcher {
    /// Waits for a record that concerns this watcher. Returns at once if one was published since the last wait.
    pub async fn due(&self) {
        self.due.signal.notified().await;
    }

    /// Notes the last record that was sent to the client. `None` if the watcher is about to wait, because everything is
    /// sent.
    pub fn sent(&self, through: Option<Revision>) {
        self.due.sent(through);
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.watchers.lock().remove(self.number, &self.watched);
    }
}

impl View {
    /// Returns what the view watches. A view of a provider's staff that names credentials watches those credentials.
    fn watched(&self) -> Watched {
        match self {
            View { credentials: Some(credentials), .. } => Watched::Credentials(credentials.clone()),
            View { provider: Some(provider), .. } => Watched::Provider(provider.clone()),
            View { .. } => Watched::Everything,
        }
    }
}

/// Returns the watchers that a record concerns, apart from those that watch everything; `None` if it concerns all
/// watchers.
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
            // Watchers of credentials also see every provider's changes.
            concerned.extend(watching.of_any_credential());
            continue;
        };
        concerned.extend(watching.of_credential(number));
        match seen.look(number) {
            Looked::Here(resident) => {
                let employers = resident.timeline.jobs.iter().map(|(employer, _)| employer);
                concerned.extend(employers.flat_map(|employer| watching.of_provider(employer)));
            }
            // The employers are only on the disk, so wake the watchers of all providers.
            Looked::NotHere => concerned.extend(watching.of_any_provider()),
            Looked::Unknown => {}
        }
    }
    for fact in &record.facts {
        match fact {
            Fact::Specialist(_, SpecialistFact::EmploymentStarted { provider, .. }) => {
                concerned.extend(watching.of_provider(provider));
            }
            // A retraction may change who is staff.
            Fact::Specialist(_, SpecialistFact::Retracted(_)) => concerned.extend(watching.of_any_provider()),
            Fact::Registry(_) | Fact::Provider(..) | Fact::Specialist(..) => {}
        }
    }
    Some(concerned)
}

/// The watchers to wake, each once: first those that watch something that changed, then those that watch everything.
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

    /// Wakes the first [`AT_ONCE`].
    fn wake_some(&mut self, shared: &Shared) {
        let watching = shared.watchers.lock();
        for number in self.in_order.drain(..AT_ONCE.min(self.in_order.len())) {
            self.queued.remove(&number);
            watching.notify(number);
        }
    }
}

impl Registry {
    /// Registers a watcher of a view. It is woken by records that are published from now on.
    pub fn watcher(&self, view: &View) -> Watcher {
        let watched = view.watched();
        let (number, due) = self.shared.watchers.lock().add(&watched);
        Watcher { shared: Arc::clone(&self.shared), number, watched, due }
    }

    /// Wakes watchers until the registry stops publishing.
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

    /// Queues the watchers that some records concern. Returns the last of these records.
    fn queue_up(&self, queue: &mut Queue, seen: Revision, head: Revision) -> Revision {
        match self.shared.recent_records.newest(seen.next(), head) {
            Some(records) => {
                records.iter().for_each(|record| queue.add(&self.shared, record));
                records.last().map_or(head, |record| record.revision)
            }
            // More records were published than `RecentRecords` holds, so wake everyone.
            None => {
                queue.add_last(self.shared.watchers.lock().all());
                head
            }
        }
    }
}
