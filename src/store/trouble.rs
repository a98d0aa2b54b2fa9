//! Trouble that lasts: said when it begins, once a minute while it lasts, and when it ends, however often it is met.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often trouble that lasts is said.
const AGAIN: Duration = Duration::from_secs(60);

/// One kind of trouble. It says nothing itself; it tells the caller when something is to be said.
#[derive(Debug, Default)]
pub struct Trouble {
    is_there: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    said: Option<Instant>,
    times: u64,
}

impl State {
    const NEW: State = State { said: None, times: 0 };
}

impl Default for State {
    fn default() -> State {
        State::NEW
    }
}

impl Trouble {
    /// None so far.
    pub const fn new() -> Trouble {
        Trouble { is_there: AtomicBool::new(false), state: Mutex::new(State::NEW) }
    }

    /// It was met. If that is to be said: how often it was met since it was said last.
    pub fn met(&self) -> Option<u64> {
        self.met_at(Instant::now())
    }

    fn met_at(&self, now: Instant) -> Option<u64> {
        self.is_there.store(true, Ordering::Release);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.times += 1;
        if state.said.is_some_and(|said| now.duration_since(said) < AGAIN) {
            return None;
        }
        state.said = Some(now);
        Some(std::mem::take(&mut state.times))
    }

    /// Whether it is there.
    pub fn is_there(&self) -> bool {
        self.is_there.load(Ordering::Acquire)
    }

    /// It is not there any more. Whether that is to be said: it was there before.
    pub fn has_ended(&self) -> bool {
        if !self.is_there() || !self.is_there.swap(false, Ordering::AcqRel) {
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
    fn trouble_is_said_when_it_begins_once_a_minute_and_when_it_ends() {
        let (trouble, begun) = (Trouble::new(), Instant::now());
        let said: Vec<_> = (0..9000).filter_map(|at| trouble.met_at(begun + Duration::from_millis(at * 10))).collect();
        assert_eq!(said, [1, 6000], "in 90 seconds");
        assert!(trouble.has_ended());
        assert!(!trouble.has_ended(), "once");
        assert_eq!(trouble.met_at(begun + Duration::from_secs(91)), Some(1), "it begins again");
    }
}
