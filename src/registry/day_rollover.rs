//! The calendar: which days may be opened, and when writes must wait because the clock cannot be believed.
//!
//! A clock that leaps ahead would open days that have not been, and what is opened stays opened. So days further ahead
//! than a week are opened only if an operator says so; until then questions are answered by the last opened day, and
//! writes are held. A clock that fell behind the last record holds writes too.

use std::sync::atomic::Ordering;

use jiff::SignedDuration;

use super::errors::Held;
use super::head::Head;
use super::shared::Shared;
use crate::domain::day::Day;

/// How many days after the last record are opened without asking.
const UNASKED_DAYS: i32 = 7;

/// How far the clock may be behind the last record.
const BEHIND: SignedDuration = SignedDuration::from_mins(5);

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
