//! Encodes days, periods and instants.

use jiff::Timestamp;

use crate::domain::day::{Day, Period};
use crate::proto::google::r#type::Date;

/// Encodes a civil date.
pub fn date(day: Day) -> Date {
    let (year, month, day) = day.ymd();
    Date { year, month, day }
}

/// Encodes a period: `first_day`, and `last_day` if the period ends.
pub fn days(period: Period) -> (Option<Date>, Option<Date>) {
    (Some(date(period.start)), period.last_day().map(date))
}

/// Encodes an instant, to the nanosecond.
pub fn timestamp(instant: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (instant.as_second(), instant.subsec_nanosecond());
    if nanos < 0 {
        // On the wire, nanoseconds count forward even before 1970.
        return prost_types::Timestamp { seconds: seconds - 1, nanos: nanos + 1_000_000_000 };
    }
    prost_types::Timestamp { seconds, nanos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_shown_inclusively_and_an_open_one_without_a_last_day() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let leap_day = Date { year: 2024, month: 2, day: 29 };
        let closed = Period::from_inclusive(day("2023-03-01"), Some(day("2024-02-29")));
        assert_eq!(days(closed), (Some(Date { year: 2023, month: 3, day: 1 }), Some(leap_day)));
        assert_eq!(days(Period::from_inclusive(day("2024-02-29"), None)), (Some(leap_day), None));
    }

    #[test]
    fn instants_keep_their_nanoseconds_on_either_side_of_1970() {
        for (text, seconds, nanos) in [
            ("2026-03-01T12:00:00.123456789Z", 1_772_366_400, 123_456_789),
            ("1970-01-01T00:00:00Z", 0, 0),
            ("1969-12-31T23:59:59.999999999Z", -1, 999_999_999),
            ("1969-12-31T23:59:59Z", -1, 0),
        ] {
            assert_eq!(timestamp(text.parse().unwrap()), prost_types::Timestamp { seconds, nanos }, "{text}");
        }
    }
}
