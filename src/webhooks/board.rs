//! How the deliveries go, for the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long deliveries must fail until operators learn of it.
const FAILING_AFTER: Duration = Duration::from_secs(3600);

/// The state of all deliveries. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<BTreeMap<String, State>>>);

/// How the deliveries of a client go.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The last revision that was delivered, or that has nothing to deliver. None: not known yet.
    pub revision: Option<u64>,
    /// The posts that were confirmed.
    pub delivered: u64,
    /// The attempts that failed.
    pub failed: u64,
    /// The failures since the last success.
    trouble: Option<Trouble>,
    /// True if the receiver has said that it is gone.
    is_gone: bool,
}

/// Failures without a success between them.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    /// The first failure.
    since: Instant,
    /// True if the log has a warning of it.
    is_reported: bool,
}

impl State {
    /// True if nothing could be delivered for an hour, or the receiver is gone.
    pub(crate) fn is_failing(&self, now: Instant) -> bool {
        self.is_gone || self.trouble.is_some_and(|trouble| now.duration_since(trouble.since) >= FAILING_AFTER)
    }
}

impl Board {
    /// The state of each client with a webhook.
    pub(crate) fn states(&self) -> Vec<(String, State)> {
        let states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.iter().map(|(client, state)| (client.clone(), state.clone())).collect()
    }

    /// Forgets the clients that have no webhook any more.
    pub(super) fn keep_only(&self, is_kept: impl Fn(&str) -> bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|client, _| is_kept(client));
    }

    /// Deliveries begin. What is known of a client without this is not kept: it may have been removed.
    pub(super) fn begun(&self, client: &str) {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        states.entry(client.to_owned()).or_default().is_gone = false;
    }

    /// Everything up to this revision is delivered.
    pub(super) fn at(&self, client: &str, revision: u64) {
        self.change(client, |state| state.revision = Some(revision));
    }

    /// A post was confirmed.
    pub(super) fn confirmed(&self, client: &str) {
        self.change(client, |state| state.delivered += 1);
    }

    /// A record was confirmed as a whole, or nothing is left to deliver. True if that ends failures that were reported.
    pub(super) fn works(&self, client: &str) -> bool {
        self.change(client, |state| state.trouble.take().is_some_and(|trouble| trouble.is_reported)).unwrap_or(false)
    }

    /// An attempt failed. Returns the time since the first failure if that is to be reported now.
    pub(super) fn failed(&self, client: &str, now: Instant) -> Option<Duration> {
        self.change(client, |state| {
            state.failed += 1;
            let trouble = state.trouble.get_or_insert(Trouble { since: now, is_reported: false });
            let lasts = now.duration_since(trouble.since);
            let is_new = lasts >= FAILING_AFTER && !trouble.is_reported;
            trouble.is_reported |= is_new;
            is_new.then_some(lasts)
        })
        .flatten()
    }

    /// The receiver is gone.
    pub(super) fn gone(&self, client: &str) {
        self.change(client, |state| state.is_gone = true);
    }

    fn change<T>(&self, client: &str, change: impl FnOnce(&mut State) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(client).map(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_fails_after_an_hour_without_success_or_at_once_if_the_receiver_is_gone() {
        let (board, begin) = (Board::default(), Instant::now());
        let is_failing = |minutes: u64| board.states()[0].1.is_failing(begin + Duration::from_secs(60 * minutes));
        board.begun("a");
        assert_eq!(board.failed("a", begin), None);
        assert_eq!(board.failed("a", begin + Duration::from_secs(600)), None);
        assert!(!is_failing(59) && is_failing(60));
        board.confirmed("a");
        assert!(is_failing(60), "a post alone may be the first part of a record that is always refused");
        assert!(!board.works("a"), "it was not reported");
        assert!(!is_failing(1000));
        assert_eq!(board.failed("a", begin), None);
        assert_eq!(board.failed("a", begin + FAILING_AFTER), Some(FAILING_AFTER));
        assert_eq!(board.failed("a", begin + 2 * FAILING_AFTER), None, "it is reported once");
        // The row changes, so that another task delivers.
        board.begun("a");
        assert!(is_failing(60));
        assert!(board.works("a"), "it was reported");
        assert!(!board.works("a"), "it ended before");
        board.gone("a");
        assert!(is_failing(0));
        board.begun("a");
        assert!(!is_failing(0));
        let state = board.states()[0].1.clone();
        assert_eq!((state.delivered, state.failed), (1, 5));
        board.keep_only(|client| client == "b");
        board.at("a", 7);
        board.failed("a", begin);
        assert!(board.states().is_empty(), "a task that still ends tells nothing of a client that was removed");
    }
}
