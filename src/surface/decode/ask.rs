//! Decoded questions about claims, and the position of a question in its request.

use std::fmt;

use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::domain::verdict::Units;
use crate::registry::question::Ask;

/// The position of a question in its request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemPath {
    /// The only question of its message.
    Single,
    /// The index of the question in a batch.
    Indexed(usize),
}

impl fmt::Display for ItemPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ItemPath::Single => f.write_str("item"),
            ItemPath::Indexed(index) => write!(f, "items[{index}]"),
        }
    }
}

/// A question about a claim: the credential on the date of service, the billing provider, and the units.
#[derive(Clone, Debug, PartialEq)]
pub struct Claim<'a> {
    /// The question. Its day and its provider are set.
    pub ask: Ask<'a>,
    /// The date of service.
    pub date_of_service: Day,
    /// The units, if all three numbers were given.
    pub units: Option<Units>,
}

/// A claim, and the state of knowledge that an earlier answer about it relied on.
#[derive(Clone, Debug, PartialEq)]
pub struct AnsweredClaim<'a> {
    /// The claim.
    pub claim: Claim<'a>,
    /// The epoch of the revision, if it was given.
    pub epoch: Option<Uuid>,
    /// The last record that the earlier answer took into account.
    pub revision: Revision,
}
