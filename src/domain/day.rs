//! Civil dates and periods: valid time.
//!
//! A [`Day`] is a civil date in America/Chicago, stored as a number so that the walk can do arithmetic on it.
//! A [`Period`] is half-open inside the program. The wire format uses inclusive dates; only
//! [`Period::from_inclusive`] and [`Period::last_day`] convert between the two.

use std::fmt;

use jiff::civil::{Date, date};

use super::calendar;

const UNIX_EPOCH: Date = date(1970, 1, 1);

/// The weekday number of Friday. Monday is 0.
const FRIDAY: i32 = 4;

/// The first and the last date of the date library.
const FIRST_CIVIL: Day = Day::of_calendar(-9999, 1, 1);
const LAST_CIVIL: Day = Day::of_calendar(9999, 12, 31);

/// A civil date, stored as the number of days since 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// A day before every date that a fact may contain.
    pub const BEGINNING: Day = Day(i32::MIN / 2);
    /// A day after every date that a fact may contain. The end of a period without a last day.
    pub const FOREVER: Day = Day(i32::MAX / 2);

    /// The date `days` days after 1970-01-01.
    pub const fn from_number(days: i32) -> Day {
        Day(days)
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The date of a year, month and day, in the years 1900 to 2200 that a fact may contain. `None` if there is no such
    /// date.
    pub fn from_ymd(year: i32, month: i32, day: i32) -> Option<Day> {
        if !((1900..=2200).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day)) {
            return None;
        }
        let counted = Day::of_calendar(year, month, day);
        // A date that does not exist is counted as another date.
        (counted.ymd() == (year, month, day)).then_some(counted)
    }

    /// The date of a year, month and day that exist.
    pub(super) const fn of_calendar(year: i32, month: i32, day: i32) -> Day {
        Day(calendar::number_of(year, month, day))
    }

    /// Year, month and day. [`Day::BEGINNING`] and [`Day::FOREVER`] become the first and the last date of the date
    /// library.
    pub fn ymd(self) -> (i32, i32, i32) {
        calendar::date_of(self.0.clamp(FIRST_CIVIL.0, LAST_CIVIL.0))
    }

    /// Converts from a date of the date library.
    pub fn from_civil(civil: Date) -> Day {
        Day::of_calendar(civil.year().into(), civil.month().into(), civil.day().into())
    }

    /// Converts to a date of the date library. [`Day::BEGINNING`] and [`Day::FOREVER`] become the library's first and
    /// last date.
    pub fn to_civil(self) -> Date {
        UNIX_EPOCH.saturating_add(jiff::SignedDuration::from_hours(i64::from(self.0) * 24))
    }

    /// The day `days` later (earlier, if negative). [`Day::BEGINNING`] and [`Day::FOREVER`] do not change.
    #[must_use]
    pub fn plus(self, days: i32) -> Day {
        if self == Day::FOREVER || self == Day::BEGINNING { self } else { Day(self.0 + days) }
    }

    /// The following day.
    #[must_use]
    pub fn next(self) -> Day {
        self.plus(1)
    }

    /// The day before.
    #[must_use]
    pub fn previous(self) -> Day {
        self.plus(-1)
    }

    /// The same date `years` later. February 29 becomes March 1 in a common year.
    #[must_use]
    pub fn plus_years(self, years: i16) -> Day {
        let civil = self.to_civil();
        let year = civil.year() + years;
        let same = Date::new(year, civil.month(), civil.day());
        Day::from_civil(same.unwrap_or_else(|_| date(year, 3, 1)))
    }

    /// Whether this is a Saturday or a Sunday.
    pub fn is_weekend(self) -> bool {
        self.weekday() > FRIDAY
    }

    /// The day that is `days` working days (Monday to Friday) later. For 0, the same day.
    #[must_use]
    pub fn plus_working_days(self, days: u32) -> Day {
        if days == 0 {
            return self;
        }
        // From a weekend, count as from the Friday before it.
        let weekday = self.weekday().min(FRIDAY);
        let days = i32::try_from(days).unwrap_or(i32::MAX / 4);
        let (weeks, rest) = (days / 5, days % 5);
        let weekend = if weekday + rest > FRIDAY { 2 } else { 0 };
        self.plus(weekday - self.weekday() + 7 * weeks + rest + weekend)
    }

    /// 0 for Monday.
    fn weekday(self) -> i32 {
        // 1970-01-01 was a Thursday.
        (self.0 + 3).rem_euclid(7)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_civil().fmt(f)
    }
}

impl From<Date> for Day {
    fn from(civil: Date) -> Day {
        Day::from_civil(civil)
    }
}

impl std::str::FromStr for Day {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Day, NotADate> {
        let civil: Date = text.parse().map_err(|_| NotADate)?;
        Day::from_ymd(i32::from(civil.year()), i32::from(civil.month()), i32::from(civil.day())).ok_or(NotADate)
    }
}

/// The text is not a date of the form 2026-03-01 in the years 1900 to 2200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a date of the form 2026-03-01 in the years 1900 to 2200")]
pub struct NotADate;

/// The days from `start` up to but not including `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period {
    /// The first day.
    pub start: Day,
    /// The day after the last one, or [`Day::FOREVER`] if there is no last day.
    pub end: Day,
}

impl Period {
    /// All of time.
    pub const ALWAYS: Period = Period { start: Day::BEGINNING, end: Day::FOREVER };

    /// Converts from inclusive dates: both days belong to the period, and without a last day it has no end.
    pub fn from_inclusive(first_day: Day, last_day: Option<Day>) -> Period {
        Period { start: first_day, end: last_day.map_or(Day::FOREVER, Day::next) }
    }

    /// The last day, if there is one.
    pub fn last_day(self) -> Option<Day> {
        (self.end != Day::FOREVER).then(|| self.end.previous())
    }

    /// Whether the period includes the day.
    pub fn includes(self, day: Day) -> bool {
        self.start <= day && day < self.end
    }

    /// Whether the period has no days.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }

    /// The days in both periods.
    #[must_use]
    pub fn intersect(self, other: Period) -> Period {
        Period { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// The same period with another last day.
    #[must_use]
    pub fn ending(self, last_day: Option<Day>) -> Period {
        Period::from_inclusive(self.start, last_day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn a_date_converts_to_a_number_and_back() {
        for text in ["1900-01-01", "1970-01-01", "2024-02-29", "2200-12-31"] {
            assert_eq!(day(text).to_string(), text);
        }
        assert_eq!(day("1970-01-02").number(), 1);
        assert_eq!(day("1969-12-31").number(), -1);
    }

    #[test]
    fn the_calendar_is_that_of_the_date_library() {
        let days = (-4_400_000..3_000_000).step_by(577).chain(-26_000..85_000).map(Day);
        for day in days.chain([Day::BEGINNING, FIRST_CIVIL, LAST_CIVIL, Day::FOREVER]) {
            let civil = day.to_civil();
            assert_eq!(day.ymd(), (civil.year().into(), civil.month().into(), civil.day().into()));
            assert_eq!(Day::from_civil(civil), Day(day.0.clamp(FIRST_CIVIL.0, LAST_CIVIL.0)));
        }
    }

    #[test]
    fn impossible_dates_are_refused() {
        for (year, month, d) in [(2023, 2, 29), (1899, 12, 31), (2201, 1, 1), (2023, 0, 1), (2023, 13, 1), (2023, 1, 0)]
        {
            assert_eq!(Day::from_ymd(year, month, d), None, "{year}-{month}-{d}");
        }
    }

    #[test]
    fn a_birthday_on_february_29_falls_on_march_1_in_a_common_year() {
        assert_eq!(day("2008-02-29").plus_years(16), day("2024-02-29"));
        assert_eq!(day("2004-02-29").plus_years(17), day("2021-03-01"));
    }

    #[test]
    fn weekends() {
        assert!(day("2026-11-21").is_weekend());
        assert!(day("2026-11-22").is_weekend());
        assert!(!day("2026-11-23").is_weekend());
        assert!(day("1969-12-28").is_weekend());
    }

    #[test]
    fn working_days_match_a_count_day_by_day() {
        for start in (20_000..20_014).map(Day) {
            let mut by_hand = start;
            for days in 0..40 {
                assert_eq!(start.plus_working_days(days), by_hand, "{days} after {start}");
                by_hand = by_hand.next();
                while by_hand.is_weekend() {
                    by_hand = by_hand.next();
                }
            }
        }
    }

    #[test]
    fn inclusive_dates_convert_both_ways() {
        let week = Period::from_inclusive(day("2026-03-02"), Some(day("2026-03-08")));
        assert!(week.includes(day("2026-03-08")) && !week.includes(day("2026-03-09")));
        assert_eq!(week.last_day(), Some(day("2026-03-08")));
        assert_eq!(Period::from_inclusive(day("2026-03-02"), None).last_day(), None);
    }
}
