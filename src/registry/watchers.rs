//! The registered watchers, indexed by what they watch.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::domain::id::{CredentialNumber, ProviderId, Revision};

/// What a watcher watches.
#[derive(Clone, Debug)]
pub(super) enum Watched {
    /// Every record.
    Everything,
    /// Records about these credentials, and about any provider.
    Credentials(HashSet<CredentialNumber>),
    /// Records about a provider and its staff.
    Provider(ProviderId),
}

/// Stands for a watcher that waits for records.
const WAITS: u64 = u64::MAX;

/// Wakes a watcher, and keeps how far it has come.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) signal: Notify,
    /// The last record that it has sent, or [`WAITS`].
    sent: AtomicU64,
}

impl Due {
    /// Notes the last record that was sent. `None` if the watcher waits, because it has sent everything.
    pub(super) fn sent(&self, through: Option<Revision>) {
        self.sent.store(through.map_or(WAITS, |through| through.0), Ordering::Relaxed);
    }
}

/// All registered watchers.
#[derive(Default)]
pub(super) struct Watchers(Mutex<Watching>);

/// Watchers by number, and by what they watch.
#[derive(Default)]
pub(super) struct Watching {
    last: u64,
    due: HashMap<u64, Arc<Due>>,
    everything: HashSet<u64>,
    credentials: HashMap<CredentialNumber, HashSet<u64>>,
    providers: HashMap<ProviderId, HashSet<u64>>,
}

impl Watchers {
    pub(super) fn lock(&self) -> MutexGuard<'_, Watching> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watching {
    /// Registers a watcher. Returns its number, and the signal that wakes it.
    pub(super) fn add(&mut self, watched: &Watched) -> (u64, Arc<Due>) {
        self.last += 1;
        let due = Due { signal: Notify::new(), sent: AtomicU64::new(WAITS) };
        let (number, due) = (self.last, Arc::new(due));
        self.due.insert(number, Arc::clone(&due));
        match watched {
            Watched::Everything => self.everything.extend([number]),
            Watched::Credentials(credentials) => {
                credentials.iter().for_each(|of| self.credentials.entry(*of).or_default().extend([number]));
            }
            Watched::Provider(of) => self.providers.entry(of.clone()).or_default().extend([number]),
        }
        (number, due)
    }

    /// Unregisters a watcher.
    pub(super) fn remove(&mut self, number: u64, watched: &Watched) {
        self.due.remove(&number);
        match watched {
            Watched::Everything => {
                self.everything.remove(&number);
            }
            Watched::Credentials(credentials) => {
                credentials.iter().for_each(|of| take_out(&mut self.credentials, of, number));
            }
            Watched::Provider(of) => take_out(&mut self.providers, of, number),
        }
    }

    /// Wakes a watcher, if it is still registered.
    pub(super) fn notify(&self, number: u64) {
        if let Some(due) = self.due.get(&number) {
            due.signal.notify_one();
        }
    }

    /// Returns the number of watchers, and the last record that the slowest of them has sent. `None` if all wait.
    pub(super) fn slowest(&self) -> (usize, Option<Revision>) {
        let sent = self.due.values().map(|due| due.sent.load(Ordering::Relaxed));
        (self.due.len(), sent.filter(|sent| *sent != WAITS).min().map(Revision))
    }

    /// Returns all watchers.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> {
        self.due.keys().copied()
    }

    /// Returns the watchers of everything.
    pub(super) fn of_everything(&self) -> impl Iterator<Item = u64> {
        self.everything.iter().copied()
    }

    /// Returns the watchers of a credential.
    pub(super) fn of_credential(&self, number: CredentialNumber) -> impl Iterator<Item = u64> {
        self.credentials.get(&number).into_iter().flatten().copied()
    }

    /// Returns the watchers of any credential.
    pub(super) fn of_any_credential(&self) -> impl Iterator<Item = u64> {
        self.credentials.values().flatten().copied()
    }

    /// Returns the watchers of a provider.
    pub(super) fn of_provider(&self, provider: &ProviderId) -> impl Iterator<Item = u64> {
        self.providers.get(provider).into_iter().flatten().copied()
    }

    /// Returns the watchers of any provider.
    pub(super) fn of_any_provider(&self) -> impl Iterator<Item = u64> {
        self.providers.values().flatten().copied()
    }
}

fn take_out<K: Hash + Eq>(watching: &mut HashMap<K, HashSet<u64>>, of: &K, number: u64) {
    if let Some(watchers) = watching.get_mut(of) {
        watchers.remove(&number);
        if watchers.is_empty() {
            watching.remove(of);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_watcher_is_the_one_that_has_sent_the_least_and_does_not_wait() {
        let mut watching = Watching::default();
        assert_eq!(watching.slowest(), (0, None));
        let (number, slow) = watching.add(&Watched::Everything);
        let (_, fast) = watching.add(&Watched::Everything);
        assert_eq!(watching.slowest(), (2, None), "both wait");
        fast.sent(Some(Revision(90)));
        slow.sent(Some(Revision(7)));
        assert_eq!(watching.slowest(), (2, Some(Revision(7))));
        slow.sent(None);
        assert_eq!(watching.slowest(), (2, Some(Revision(90))), "it has everything");
        slow.sent(Some(Revision(8)));
        watching.remove(number, &Watched::Everything);
        assert_eq!(watching.slowest(), (1, Some(Revision(90))));
    }
}
