//! Questions about claims, as they were read, and where a question stands in its request.

use std::fmt;

use crate::domain::day::Day;
use crate::domain::verdict::Units;
use crate::registry::question::Ask;

/// Where a question stands in its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the only one of its message.
    Alone,
    /// Its index in a batch.
    Of(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Alone => f.write_str("item"),
            Place::Of(index) => write!(f, "items[{index}]"),
        }
    }
}

/// A question about a claim: the credential on the date of service with the billing provider, and the units.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<'a> {
    /// The question; its day and its provider are set.
    pub ask: Ask<'a>,
    /// The date of service.
    pub date_of_service: Day,
    /// The units, if all three numbers were given.
    pub units: Option<Units>,
}
