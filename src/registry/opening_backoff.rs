//! Tracks why due days are not open, and when the next attempt may be made.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::errors::SubmitError;
use crate::store::incident::Incident;

/// How long questions do not retry after the opening of a day was refused.
const REFUSED_FOR: Duration = Duration::from_secs(3);

/// Tracks why due days are not open: the calendar is held, or the disk refused.
#[derive(Debug, Default)]
pub(super) struct OpeningBackoff {
    incident: Incident,
    refused_at: Mutex<Option<Instant>>,
}

impl OpeningBackoff {
    /// True if the opening of a day was refused within [`REFUSED_FOR`].
    pub(super) fn is_active(&self) -> bool {
        self.incident.is_active() && self.refused_at().is_some_and(|at| at.elapsed() < REFUSED_FOR)
    }

    /// Call when no day is due, or when the due days were opened.
    pub(super) fn reset(&self) {
        if self.incident.resolve() {
            *self.refused_at() = None;
            tracing::info!(event = "civil_day_opened", "the new civil day is open again");
        }
    }

    /// Call when a due day could not be opened. A held calendar is not remembered, because checking it costs nothing.
    pub(super) fn record_failure(&self, error: &SubmitError) {
        let is_held = matches!(error, SubmitError::CalendarHeld(_));
        *self.refused_at() = (!is_held).then(Instant::now);
        if let Some(times) = self.incident.occurred() {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::errors::Held;

    #[test]
    fn a_refused_opening_backs_off_and_a_held_calendar_does_not() {
        let opening_backoff = OpeningBackoff::default();
        assert!(!opening_backoff.is_active());
        opening_backoff.record_failure(&SubmitError::StoreFull);
        assert!(opening_backoff.is_active());
        opening_backoff.reset();
        assert!(!opening_backoff.is_active());
        opening_backoff.record_failure(&SubmitError::CalendarHeld(Held::ClockBehind));
        assert!(!opening_backoff.is_active());
    }
}
