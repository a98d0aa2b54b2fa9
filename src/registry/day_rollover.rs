//! The calendar: which days may be opened, and when writes are held because the clock is implausible.
//!
//! A clock that jumps ahead would open days that have not begun, and opening a day cannot be undone. Days more than a
//! week ahead are therefore opened only if an operator allows it. Until then questions are answered as of the last
//! opened day, and writes are held. A clock that is behind the last record also holds writes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::SignedDuration;

use super::errors::{Held, ReadError, SubmitError};
use super::handle::Registry;
use super::head::Head;
use super::message::{Message, Reply};
use super::shared::Shared;
use crate::domain::day::Day;

/// The number of days after the last record that are opened without an operator's consent.
const UNASKED_DAYS: i32 = 7;

/// How long a question waits for the shared log to open a day.
const WAIT_FOR_LOG: Duration = Duration::from_secs(1);

/// How far the clock may be behind the last record.
const BEHIND: SignedDuration = SignedDuration::from_mins(5);

impl Shared {
    /// Returns the last day that must be opened now; `None` if the current day has not ended. If the preface is not
    /// recorded, returns the current day, because opening days also records the preface.
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
    /// Opens every day up to `through`.
    pub async fn open_days(&self, through: Day) -> Result<(), SubmitError> {
        let (reply, answer) = Reply::channel(None);
        let message = Message::OpenDays(through, reply);
        self.writer.send(message).await.map_err(|_| SubmitError::Read(ReadError::Interrupted))?;
        answer.await.unwrap_or(Err(SubmitError::OutcomeUnknown))
    }

    /// Opens the days that have begun since the last opened one.
    pub(super) async fn open_due_days(&self) -> Result<(), SubmitError> {
        let due = self.shared.due_through(&self.shared.head.load());
        match (due.map_err(SubmitError::CalendarHeld)?, self.shared.trouble()) {
            (None, _) => Ok(()),
            (Some(_), Some(trouble)) => Err(SubmitError::Log(trouble)),
            (Some(due), None) => self.open_days(due).await,
        }
    }

    /// Like [`Registry::open_due_days`], for a question: if the registry cannot write, the question is answered as of
    /// the last opened day. After a refusal, the next attempt is made some seconds later.
    pub(super) async fn try_to_open_due_days(&self) {
        let opening_backoff = &self.shared.opening_backoff;
        if opening_backoff.is_active() {
            return;
        }
        let opened = if self.shared.log_status.is_some() {
            // The database may be silent.
            let opening = tokio::time::timeout(WAIT_FOR_LOG, self.open_due_days());
            opening.await.unwrap_or(Err(SubmitError::OutcomeUnknown))
        } else {
            self.open_due_days().await
        };
        match opened {
            Ok(()) => opening_backoff.reset(),
            Err(error) => opening_backoff.record_failure(&error),
        }
    }

    /// Opens each civil day when it begins. Never returns.
    pub async fn keep_calendar(&self) {
        loop {
            self.try_to_open_due_days().await;
            let until_then = self.head().day_ends_at.duration_since(self.shared.clock.now());
            // Check at least once a minute, because the clock may be set. Retry soon if a day could not be opened.
            let wait = until_then.clamp(SignedDuration::from_secs(1), SignedDuration::from_secs(60));
            tokio::time::sleep(wait.unsigned_abs()).await;
        }
    }
}
