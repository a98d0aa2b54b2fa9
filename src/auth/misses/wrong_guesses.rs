//! Wrong birth dates and names: the subject and time of each guess, kept for one day.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

/// The maximum number of wrong guesses of one caller for one subject per day.
pub(super) const MAX_GUESSES: usize = 5;

/// The sliding window: there is no hour at which all guesses become available again.
pub(super) const DAY: Duration = Duration::from_secs(24 * 3600);

/// The maximum number of subjects kept per caller, at up to about 80 bytes each. A further subject is refused.
const MAX_SUBJECTS: usize = 128 * 1024;

/// How often a full table is searched for entries older than a day.
const PRUNE_PERIOD: Duration = Duration::from_secs(60);

/// The wrong guesses of one caller.
#[derive(Debug)]
pub(super) struct WrongGuesses {
    since: Instant,
    pruned_at: Instant,
    /// The times of the guesses in seconds, in order, by the keyed hash of their subject.
    given: HashMap<u64, SmallVec<[u32; MAX_GUESSES]>>,
}

impl WrongGuesses {
    pub(super) fn since(now: Instant) -> WrongGuesses {
        WrongGuesses { since: now, pruned_at: now, given: HashMap::new() }
    }

    /// Counts a guess. If it exceeds the limit, returns the time until one is allowed.
    pub(super) fn take(&mut self, subject: u64, per_hour: NonZeroU32, now: Instant) -> Result<(), Duration> {
        let second = self.second(now);
        if !self.given.contains_key(&subject) {
            self.make_room(max_subjects(per_hour), now)?;
        }
        let given = self.given.entry(subject).or_default();
        given.retain(|at| !is_expired(*at, second));
        if given.len() >= MAX_GUESSES {
            let oldest = given.first().copied().unwrap_or(second);
            return Err(DAY.saturating_sub(Duration::from_secs(u64::from(second - oldest))));
        }
        given.push(second);
        Ok(())
    }

    /// Takes back a guess that was right.
    pub(super) fn give_back(&mut self, subject: u64) {
        let Some(given) = self.given.get_mut(&subject) else { return };
        given.pop();
        if given.is_empty() {
            self.given.remove(&subject);
        }
    }

    fn second(&self, now: Instant) -> u32 {
        u32::try_from(now.saturating_duration_since(self.since).as_secs()).unwrap_or(u32::MAX)
    }

    fn make_room(&mut self, most: usize, now: Instant) -> Result<(), Duration> {
        if self.given.len() < most {
            return Ok(());
        }
        let next = (self.pruned_at + PRUNE_PERIOD).saturating_duration_since(now);
        if next > Duration::ZERO {
            return Err(next);
        }
        self.pruned_at = now;
        let second = self.second(now);
        self.given.retain(|_, given| given.iter().any(|at| !is_expired(*at, second)));
        if self.given.len() < most { Ok(()) } else { Err(PRUNE_PERIOD) }
    }
}

fn is_expired(at: u32, now: u32) -> bool {
    u64::from(now.saturating_sub(at)) >= DAY.as_secs()
}

/// The maximum number of misses of a caller in a day, including the burst, up to [`MAX_SUBJECTS`].
fn max_subjects(per_hour: NonZeroU32) -> usize {
    (per_hour.get() as usize).saturating_mul(25).min(MAX_SUBJECTS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_has_five_wrong_guesses_in_any_day() {
        let began = Instant::now();
        let at = |hours: u64| began + Duration::from_secs(hours * 3600);
        let many = NonZeroU32::new(1000).unwrap();
        let mut guesses = WrongGuesses::since(began);
        for hour in 0..5 {
            guesses.take(7, many, at(hour)).unwrap();
        }
        assert_eq!(guesses.take(7, many, at(6)), Err(Duration::from_secs(18 * 3600)), "until the first is a day old");
        guesses.take(8, many, at(6)).unwrap();
        guesses.take(7, many, at(24)).unwrap();
        assert_eq!(guesses.take(7, many, at(24)), Err(Duration::from_secs(3600)), "the second is 23 hours old");
        guesses.give_back(7);
        guesses.take(7, many, at(24)).unwrap();
    }

    #[test]
    fn the_number_of_subjects_is_bounded_and_old_ones_are_removed() {
        let began = Instant::now();
        let (one, most) = (NonZeroU32::MIN, 25);
        let mut guesses = WrongGuesses::since(began);
        for subject in 0..most {
            guesses.take(subject, one, began).unwrap();
        }
        assert_eq!(guesses.take(most, one, began), Err(PRUNE_PERIOD));
        guesses.take(0, one, began).unwrap();
        assert_eq!(guesses.take(most, one, began + PRUNE_PERIOD), Err(PRUNE_PERIOD), "none of them is old");
        guesses.take(most, one, began + DAY).unwrap();
        assert_eq!(guesses.given.len(), 1);
        assert_eq!(max_subjects(NonZeroU32::MAX), MAX_SUBJECTS);
    }
}
