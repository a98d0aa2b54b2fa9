//! Dates of the contract.

use jiff::civil;

use super::list::date::read;
use crate::proto::google::r#type::Date;

/// Reads a date as people write it. The error is the remedy.
pub fn read_date(text: &str) -> Result<Date, &'static str> {
    read(text).map(of_civil)
}

/// A date of the contract.
pub fn of_civil(day: civil::Date) -> Date {
    Date { year: day.year().into(), month: day.month().into(), day: day.day().into() }
}

/// A date of the contract, to calculate with. `None`: there is no such day.
pub fn civil(date: Date) -> Option<civil::Date> {
    let part = |number: i32| i8::try_from(number).ok();
    civil::Date::new(i16::try_from(date.year).ok()?, part(date.month)?, part(date.day)?).ok()
}

/// Whether both days are there, and one is before the other.
pub fn is_before(one: Option<Date>, other: Option<Date>) -> bool {
    matches!((one.and_then(civil), other.and_then(civil)), (Some(one), Some(other)) if one < other)
}
