//! The calendar: which days may be opened, and when writes must wait because the clock cannot be believed.
//!
//! A clock that leaps ahead would open days that have not been, and what is opened stays opened. So days further ahead
//! than a week are opened only if an operator says so; until then questions are answered by the last opened day, and
//! writes are held. A clock that fell behind the last record holds writes too.

use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::SignedDuration;

use super::Shared;
use super::errors::{Held, SubmitError};
use super::head::Head;
use super::trouble::Trouble;
use crate::domain::day::Day;

/// How many days after the last record are opened without asking.
const UNASKED_DAYS: i32 = 7;

/// How far the clock may be behind the last record.
const BEHIND: SignedDuration = SignedDuration::from_mins(5);

/// How long an opening that was refused is not tried again for the sake of a question.
const REFUSED_FOR: Duration = Duration::from_secs(3);

/// Why days that are due are not open: the calendar is held, or the opening was refused.
#[derive(Debug, Default)]
pub(super) struct Standstill {
    trouble: Trouble,
    refused_at: Mutex<Option<Instant>>,
}

impl Standstill {
    /// Whether the opening of a day was refused so short a time ago that asking again is no use.
    pub(super) fn was_refused_just_now(&self) -> bool {
        self.trouble.is_there() && self.refused_at().is_some_and(|at| at.elapsed() < REFUSED_FOR)
    }

    /// No day is due, or what was due is open.
    pub(super) fn end(&self) {
        if self.trouble.has_ended() {
            *self.refused_at() = None;
            tracing::info!(event = "civil_day_opened", "the new civil day is open again");
        }
    }

    /// A day that is due is not opened. A held calendar asks nobody, so it is not remembered.
    pub(super) fn meet(&self, error: &SubmitError) {
        let is_held = matches!(error, SubmitError::CalendarHeld(_));
        *self.refused_at() = (!is_held).then(Instant::now);
        if let Some(times) = self.trouble.met() {
            let error = error as &dyn std::error::Error;
            tracing::warn!(
                event = "civil_day_not_opened",
                times,
                error,
                "cannot open the new civil day: questions are answered as of the last opened day"
            );
        }
    }

    fn refused_at(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.refused_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    /// The last day that is to be opened now; none while the last one opened goes on. Where the preface is not on record
    /// it is due as well, though no day is.
    pub(super) fn due_through(&self, head: &Head) -> Result<Option<Day>, Held> {
        let now = self.clock.now();
        if now.saturating_add(BEHIND).unwrap_or(now) < head.recorded_at {
            return Err(Held::ClockBehind);
        }
        let set_to = self.clock.set_to();
        let preface_due = !self.is_prefaced.load(Ordering::Acquire);
        if now < head.day_ends_at && set_to <= head.today {
            return Ok(preface_due.then_some(head.today));
        }
        let today = self.clock.civil_day();
        let unasked = self.clock.civil_day_of(head.recorded_at).plus(UNASKED_DAYS);
        let allowed = unasked.max(self.open_days_through).max(set_to);
        if today > allowed { Err(Held::ClockAhead) } else { Ok((today > head.today || preface_due).then_some(today)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opening_that_was_refused_is_not_tried_again_at_once_and_a_held_calendar_is_asked_each_time() {
        let standstill = Standstill::default();
        assert!(!standstill.was_refused_just_now());
        standstill.meet(&SubmitError::StoreFull);
        assert!(standstill.was_refused_just_now());
        standstill.end();
        assert!(!standstill.was_refused_just_now());
        standstill.meet(&SubmitError::CalendarHeld(Held::ClockBehind));
        assert!(!standstill.was_refused_just_now());
    }
}
