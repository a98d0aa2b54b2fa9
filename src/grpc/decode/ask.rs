//! Questions about claims, as they were read.

use crate::domain::day::Day;
use crate::domain::verdict::Units;
use crate::registry::question::Ask;

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
