//! Maps the enums of the domain to those of the stored form, and back, by the names of their values.
//!
//! The list of values comes from the descriptors, so a value that is missing on one side does not compile.

use crate::domain::fact::{
    Criterion, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, IdentifierKind, IssuanceBasis,
    QualificationBasis, RevocationBasis, SuspensionBasis,
};
use crate::domain::record::{Coverage, ServiceStatus};
use crate::domain::standing::{Reason, Standing};
use crate::proto::storage;

use super::unreadable::{Read, Unreadable};

/// Decodes an enum value from its number.
pub(super) fn enum_value<S, D>(number: i32) -> Read<D>
where
    S: TryFrom<i32>,
    D: TryFrom<S, Error = Unreadable>,
{
    S::try_from(number).map_err(|_| Unreadable("an enum value is unknown"))?.try_into()
}

/// Maps an enum of the domain to the enum with the same name in the stored form, and back.
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
                    storage::$name::Unspecified => Err(Unreadable("an enum value is missing")),
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
