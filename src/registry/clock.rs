//! The only place that reads a clock.
//!
//! Instants come from the machine's clock, except while a history is loaded: then the loader sets them. The civil day
//! is the day in America/Chicago, unless a development server was started with a fixed day.

use std::sync::atomic::{AtomicI32, AtomicI64, Ordering};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::domain::day::Day;

/// A source of instants and civil days.
#[derive(Debug)]
pub struct Clock {
    zone: TimeZone,
    mode: Mode,
    set_to: AtomicI32,
}

#[derive(Debug)]
enum Mode {
    /// Instants from the machine; the civil day is never before `set_to`.
    Running,
    /// Instants from the machine; the civil day is fixed at `set_to`.
    FixedDay,
    /// The instant that was last set, in microseconds since 1970, and its civil day.
    Set(AtomicI64),
}

/// The time zone database does not contain America/Chicago.
#[derive(Debug, thiserror::Error)]
#[error("the time zone America/Chicago is not known")]
pub struct NoTimeZone(#[source] jiff::Error);

/// Returns the current instant of the machine's clock.
#[expect(clippy::disallowed_methods, reason = "the one place that reads a clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

impl Clock {
    /// Returns the machine's clock. If `set_to` is given, the civil day is fixed at it.
    pub fn new(set_to: Option<Day>) -> Result<Clock, NoTimeZone> {
        let zone = TimeZone::get("America/Chicago").map_err(NoTimeZone)?;
        let day = set_to.unwrap_or(Day::BEGINNING);
        let mode = if set_to.is_some() { Mode::FixedDay } else { Mode::Running };
        Ok(Clock { zone, mode, set_to: AtomicI32::new(day.number()) })
    }

    /// Returns a clock that shows only what is set with [`Clock::set`].
    pub fn starting_at(first: Timestamp) -> Result<Clock, NoTimeZone> {
        Ok(Clock { mode: Mode::Set(AtomicI64::new(first.as_microsecond())), ..Clock::new(None)? })
    }

    /// Sets the instant. Ignores an earlier instant, and does nothing on a clock that runs by itself.
    pub fn set(&self, instant: Timestamp) {
        if let Mode::Set(micros) = &self.mode {
            micros.fetch_max(instant.as_microsecond(), Ordering::AcqRel);
        }
    }

    /// Returns the current instant.
    pub fn now(&self) -> Timestamp {
        match &self.mode {
            Mode::Running | Mode::FixedDay => now(),
            Mode::Set(micros) => Timestamp::from_microsecond(micros.load(Ordering::Acquire)).unwrap_or(Timestamp::MAX),
        }
    }

    /// Returns the current civil day.
    pub fn civil_day(&self) -> Day {
        let set_to = self.set_to();
        match self.mode {
            Mode::FixedDay => set_to,
            Mode::Running | Mode::Set(_) => set_to.max(self.civil_day_of(self.now())),
        }
    }

    /// Returns the day that the clock was set to; the beginning of time if it was not set.
    pub fn set_to(&self) -> Day {
        Day::from_number(self.set_to.load(Ordering::Acquire))
    }

    /// Returns the civil day of an instant.
    pub fn civil_day_of(&self, instant: Timestamp) -> Day {
        Day::from_civil(self.local(instant).date())
    }

    /// Returns the civil date and time of an instant.
    pub fn local(&self, instant: Timestamp) -> DateTime {
        self.zone.to_datetime(instant)
    }

    /// Moves the civil day forward. Ignores an earlier day.
    pub fn move_to(&self, day: Day) {
        self.set_to.fetch_max(day.number(), Ordering::AcqRel);
    }

    /// Returns when the civil day after `day` begins; the end of time if the civil day is fixed.
    pub fn day_ends_at(&self, day: Day) -> Timestamp {
        if matches!(self.mode, Mode::FixedDay) {
            return Timestamp::MAX;
        }
        self.begins(day.next())
    }

    /// Returns when a civil day begins.
    pub fn begins(&self, day: Day) -> Timestamp {
        day.to_civil().to_zoned_datetime(self.zone.clone()).map_or(Timestamp::MAX, |begin| begin.timestamp())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_civil_day_is_that_of_chicago_and_not_of_utc() {
        let clock = Clock::new(None).unwrap();
        for (instant, day) in [
            ("2026-03-08T05:59:59Z", "2026-03-07"),
            ("2026-03-08T06:00:00Z", "2026-03-08"),
            // Daylight saving time begins at 2026-03-08 02:00: from the next day on, midnight is an hour earlier in
            // UTC.
            ("2026-03-09T04:59:59Z", "2026-03-08"),
            ("2026-03-09T05:00:00Z", "2026-03-09"),
            ("2026-11-02T05:59:59Z", "2026-11-01"),
            ("2026-11-02T06:00:00Z", "2026-11-02"),
        ] {
            assert_eq!(clock.civil_day_of(instant.parse().unwrap()).to_string(), day, "{instant}");
        }
    }

    #[test]
    fn a_set_time_never_goes_back() {
        let clock = Clock::starting_at("2014-01-01T06:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(clock.civil_day().to_string(), "2014-01-01");
        let evening = clock.day_ends_at(clock.civil_day());
        clock.set(evening);
        clock.set("2013-05-05T00:00:00Z".parse().unwrap());
        assert_eq!((clock.now(), clock.civil_day().to_string()), (evening, "2014-01-02".to_owned()));
    }

    #[test]
    fn a_set_day_moves_forward_only() {
        let clock = Clock::new(Some("2026-03-02".parse().unwrap())).unwrap();
        clock.move_to("2026-03-05".parse().unwrap());
        clock.move_to("2026-03-01".parse().unwrap());
        assert_eq!(clock.civil_day().to_string(), "2026-03-05");
        assert_eq!(clock.day_ends_at(clock.civil_day()), Timestamp::MAX);
    }
}
