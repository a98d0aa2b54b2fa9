//! Rate-limited logging of an ongoing problem: log it when it begins, once a minute while it lasts, and when it ends.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The minimum time between two log lines about the same incident.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// How many causes of one incident are logged within the interval.
const CAUSES: usize = 8;

/// One kind of ongoing problem. It logs nothing itself; it returns whether the caller should log.
#[derive(Debug, Default)]
pub struct Incident {
    is_active: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    logged_at: Option<Instant>,
    /// The number of occurrences since `logged_at`.
    unlogged: u64,
    /// The causes that were logged within the interval.
    causes: Vec<String>,
}

impl State {
    const NEW: State = State { logged_at: None, unlogged: 0, causes: Vec::new() };
}

impl Default for State {
    fn default() -> State {
        State::NEW
    }
}

impl Incident {
    /// An incident that has not occurred.
    pub const fn new() -> Incident {
        Incident { is_active: AtomicBool::new(false), state: Mutex::new(State::NEW) }
    }

    /// Counts an occurrence. If the caller should log it now, returns the number of occurrences since the last log
    /// line.
    pub fn occurred(&self) -> Option<u64> {
        self.occurred_at(Instant::now())
    }

    /// Like [`Incident::occurred`], for a problem that may have several causes. A cause that was not logged within the
    /// last minute is logged at once.
    pub fn occurred_for(&self, cause: &str) -> Option<u64> {
        self.occurred_for_at(cause, Instant::now())
    }

    fn occurred_at(&self, now: Instant) -> Option<u64> {
        self.occurred_for_at("", now)
    }

    fn occurred_for_at(&self, cause: &str, now: Instant) -> Option<u64> {
        self.is_active.store(true, Ordering::Release);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.unlogged += 1;
        if state.logged_at.is_none_or(|at| now.duration_since(at) >= LOG_INTERVAL) {
            state.logged_at = Some(now);
            state.causes.clear();
        } else if state.causes.len() == CAUSES || state.causes.iter().any(|logged| logged == cause) {
            return None;
        }
        state.causes.push(cause.to_owned());
        Some(std::mem::take(&mut state.unlogged))
    }

    /// True from the first occurrence until [`Incident::resolve`].
    pub fn is_active(&self) -> bool {
        self.is_active.load(Ordering::Acquire)
    }

    /// Ends the incident. Returns true if it was active: the caller should then log its end.
    pub fn resolve(&self) -> bool {
        if !self.is_active() || !self.is_active.swap(false, Ordering::AcqRel) {
            return false;
        }
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = State::NEW;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_cause_is_logged_at_once_and_each_cause_once_a_minute() {
        let (incident, begun) = (Incident::new(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        assert_eq!(incident.occurred_for_at("refused", at(0)), Some(1));
        assert_eq!(incident.occurred_for_at("refused", at(1)), None);
        assert_eq!(incident.occurred_for_at("no answer", at(2)), Some(2));
        assert_eq!(incident.occurred_for_at("refused", at(3)), None, "it alternates");
        assert_eq!(incident.occurred_for_at("no answer", at(60)), Some(2), "the next minute");
        assert_eq!(incident.occurred_for_at("refused", at(61)), Some(1));
        let many = (0..100).filter_map(|cause| incident.occurred_for_at(&format!("port {cause}"), at(62))).count();
        assert_eq!(many, 6, "no cause of its own for each occurrence fills the log");
    }

    #[test]
    fn an_incident_is_logged_when_it_begins_once_a_minute_and_when_it_ends() {
        let (incident, begun) = (Incident::new(), Instant::now());
        let logged: Vec<_> =
            (0..9000).filter_map(|at| incident.occurred_at(begun + Duration::from_millis(at * 10))).collect();
        assert_eq!(logged, [1, 6000], "in 90 seconds");
        assert!(incident.resolve());
        assert!(!incident.resolve(), "once");
        assert_eq!(incident.occurred_at(begun + Duration::from_secs(91)), Some(1), "it begins again");
    }
}
