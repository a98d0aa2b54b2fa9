//! Maps between the enums of the domain and those of the stored form, value by value of the same name.
//!
//! The values come from the descriptors: a value that one side lacks does not compile.

use crate::domain::fact::{
    Criterion, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, IdentifierKind, IssuanceBasis,
    QualificationBasis, RevocationBasis, SuspensionBasis,
};
use crate::domain::record::{Coverage, ServiceStatus};
use crate::domain::standing::{Reason, Standing};
use crate::proto::storage;

use super::unreadable::{Read, Unreadable};

/// The value of an enum with this number.
pub(super) fn listed<S, D>(number: i32) -> Read<D>
where
    S: TryFrom<i32>,
    D: TryFrom<S, Error = Unreadable>,
{
    S::try_from(number).map_err(|_| Unreadable("a number that its list does not have"))?.try_into()
}

/// Maps an enum of the domain to its namesake in the stored form, and back.
macro_rules! map {
    ($name:ident: $($value:ident),+) => {
        impl From<$name> for storage::$name {
            fn from(value: $name) -> storage::$name {
                match value { $($name::$value => storage::$name::$value,)+ }
            }
        }

        impl TryFrom<storage::$name> for $name {
            type Error = Unreadable;

            fn try_from(value: storage::$name) -> Read<$name> {
                match value {
                    $(storage::$name::$value => Ok($name::$value),)+
                    storage::$name::Unspecified => Err(Unreadable("a list's value is not given")),
                }
            }
        }
    };
}

macro_rules! map_all {
    ($($name:ident)+) => { $(storage::values!($name => map!($name:));)+ };
}

map_all! {
    Coverage Criterion CriterionOutcome Designation EmploymentEndReason FacilityType IdentifierKind IssuanceBasis
    QualificationBasis Reason RevocationBasis ServiceStatus Standing SuspensionBasis
}
