//! Claims made of fields of messages: days, instants, and values of enums by their names.

use jiff::Timestamp;

use crate::proof::claims::Claims;
use crate::proto::google::r#type::Date;
use crate::proto::v1;

/// Writes a day, such as `2026-03-01`.
pub(super) fn day(claims: &mut Claims, name: &str, day: Option<&Date>) {
    if let Some(Date { year, month, day }) = day {
        claims.text(name, &format!("{year:04}-{month:02}-{day:02}"));
    }
}

/// Writes an instant, such as `2026-03-01T14:00:00.123456Z`.
pub(super) fn instant(claims: &mut Claims, name: &str, instant: Option<&prost_types::Timestamp>) {
    let read = instant.and_then(|instant| Timestamp::new(instant.seconds, instant.nanos).ok());
    if let Some(instant) = read {
        claims.text(name, &instant.to_string());
    }
}

/// Functions from the number of a value to its name, which is empty for a number without one.
macro_rules! names {
    ($($name:ident: $of:ident),+) => {$(
        pub(super) fn $name(number: i32) -> &'static str {
            v1::$of::try_from(number).map_or("", |value| value.as_str_name())
        }
    )+};
}

names! {
    verdict: Verdict, standing: Standing, reason: Reason, designation: Designation, limit_reason: LimitReason,
    fact_kind: FactKind
}

/// Writes names of values.
pub(super) fn list(claims: &mut Claims, name: &str, numbers: &[i32], of: fn(i32) -> &'static str) {
    claims.texts(name, numbers.iter().map(|number| of(*number)));
}
