//! The calendar: which days may be opened, and when writes must wait because the clock cannot be believed.
//!
//! A clock that leaps ahead would open days that have not been, and what is opened stays opened. So days further ahead
//! than a week are opened only if an operator says so; until then questions are answered by the last opened day, and
//! writes are held. A clock that fell behind the last record holds writes too.

use std::sync::atomic::Ordering;

use jiff::SignedDuration;
use tokio::sync::oneshot;

use super::errors::{Held, ReadError, SubmitError};
use super::handle::Registry;
use super::head::Head;
use super::shared::Shared;
use super::writer::Message;
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

impl Registry {
    /// Opens every day up to this one.
    pub async fn open_days(&self, through: Day) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::OpenDays(through, reply);
        self.writer.send(message).await.map_err(|_| SubmitError::Read(ReadError::Interrupted))?;
        answer.await.unwrap_or(Err(SubmitError::OutcomeUnknown))
    }

    /// Opens the days that have begun since the last one opened.
    pub(super) async fn keep_up(&self) -> Result<(), SubmitError> {
        let due = self.shared.due_through(&self.shared.head.load());
        match due.map_err(SubmitError::CalendarHeld)? {
            None => Ok(()),
            Some(due) => self.open_days(due).await,
        }
    }

    /// The same for a question: if the registry cannot write, it is answered by the last opened day. An opening that was
    /// refused is not tried again for some seconds.
    pub(super) async fn keep_up_or_go_on(&self) {
        let standstill = &self.shared.standstill;
        if standstill.was_refused_just_now() {
            return;
        }
        match self.keep_up().await {
            Ok(()) => standstill.end(),
            Err(error) => standstill.meet(&error),
        }
    }

    /// Opens each civil day as it begins, until the registry closes.
    pub async fn keep_calendar(&self) {
        loop {
            self.keep_up_or_go_on().await;
            let until_then = self.head().day_ends_at.duration_since(self.shared.clock.now());
            // Clocks are set: look again now and then. A day that could not be opened is tried again soon.
            let wait = until_then.clamp(SignedDuration::from_secs(1), SignedDuration::from_secs(60));
            tokio::time::sleep(wait.unsigned_abs()).await;
        }
    }
}
