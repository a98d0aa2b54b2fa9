//! How the deliveries go, for the metrics.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long deliveries must fail until operators learn of it.
pub(super) const FAILING_AFTER: Duration = Duration::from_secs(3600);

/// The state of all deliveries. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Board(Arc<Mutex<BTreeMap<String, State>>>);

/// How the deliveries of a client go.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    /// The last revision that was delivered, or that has nothing to deliver. None: not known yet.
    pub revision: Option<u64>,
    /// The records that were confirmed.
    pub delivered: u64,
    /// The attempts that failed.
    pub failed: u64,
    /// The first failure since the last success.
    failing_since: Option<Instant>,
    /// True if the receiver has said that it is gone.
    is_gone: bool,
}

impl State {
    /// True if nothing could be delivered for an hour, or the receiver is gone.
    pub(crate) fn is_failing(&self, now: Instant) -> bool {
        self.is_gone || self.failing_since.is_some_and(|since| now.duration_since(since) >= FAILING_AFTER)
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

    /// Deliveries begin.
    pub(super) fn begun(&self, client: &str) {
        self.change(client, |state| state.is_gone = false);
    }

    /// Everything up to this revision is delivered.
    pub(super) fn at(&self, client: &str, revision: u64) {
        self.change(client, |state| state.revision = Some(revision));
    }

    /// A record was confirmed, or there was none to deliver. True if that ends failures that were reported.
    pub(super) fn works(&self, client: &str, delivered: u64, now: Instant) -> bool {
        self.change(client, |state| {
            let was_failing = state.is_failing(now);
            state.delivered += delivered;
            state.failing_since = None;
            was_failing
        })
    }

    /// An attempt failed. Returns the time since the first failure.
    pub(super) fn failed(&self, client: &str, now: Instant) -> Duration {
        self.change(client, |state| {
            state.failed += 1;
            now.duration_since(*state.failing_since.get_or_insert(now))
        })
    }

    /// The receiver is gone.
    pub(super) fn gone(&self, client: &str) {
        self.change(client, |state| state.is_gone = true);
    }

    fn change<T>(&self, client: &str, change: impl FnOnce(&mut State) -> T) -> T {
        let mut states = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(states.entry(client.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_fails_after_an_hour_without_success_or_at_once_if_the_receiver_is_gone() {
        let (board, begin) = (Board::default(), Instant::now());
        let is_failing = |minutes: u64| board.states()[0].1.is_failing(begin + Duration::from_secs(60 * minutes));
        assert_eq!(board.failed("a", begin), Duration::ZERO);
        board.failed("a", begin + Duration::from_secs(600));
        assert!(!is_failing(59) && is_failing(60));
        assert!(!board.works("a", 1, begin + Duration::from_secs(60)), "it was not reported");
        assert!(!is_failing(1000));
        board.failed("a", begin);
        assert!(board.works("a", 0, begin + FAILING_AFTER), "it was reported");
        board.gone("a");
        assert!(is_failing(0));
        board.begun("a");
        assert!(!is_failing(0));
        let state = board.states()[0].1.clone();
        assert_eq!((state.delivered, state.failed), (1, 3));
        board.keep_only(|client| client == "b");
        assert!(board.states().is_empty());
    }
}
