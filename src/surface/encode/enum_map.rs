//! Maps between the enums of the domain and of the contract, by the names of their values.
//!
//! The names come from the descriptors: a value that is missing on one side does not compile.

use crate::domain::evaluation::{Education, LivedExperience, SelectionPriority};
use crate::domain::fact::{
    Criterion, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, IdentifierKind, IssuanceBasis,
    QualificationBasis, RevocationBasis, SuspensionBasis,
};
use crate::domain::record::{Coverage, ServiceStatus};
use crate::domain::requirements::FeeKind;
use crate::domain::review::ReviewReason;
use crate::domain::rule_sets::{InForceBasis, UnitYear};
use crate::domain::standing::{Reason, Standing, Verdict};
use crate::proto::v1;

/// An enum with a number for each value on the wire. The number 0 means UNSPECIFIED and is not a value.
pub trait WireEnum: Copy + Sized {
    /// Returns the number on the wire.
    fn number(self) -> i32;

    /// Returns the value of a number; `None` for 0, and for numbers that this version of the contract does not have.
    fn from_number(number: i32) -> Option<Self>;
}

/// Maps an enum of the domain to the enum of the same name in the contract, and back.
macro_rules! map {
    ($name:ident: $($value:ident),+) => {
        impl WireEnum for $name {
            fn number(self) -> i32 {
                let value = match self { $($name::$value => v1::$name::$value,)+ };
                value as i32
            }

            fn from_number(number: i32) -> Option<$name> {
                match v1::$name::try_from(number).ok()? {
                    v1::$name::Unspecified => None,
                    $(v1::$name::$value => Some($name::$value),)+
                }
            }
        }
    };
}

macro_rules! map_all {
    ($($name:ident)+) => { $(v1::values!($name => map!($name:));)+ };
}

map_all! {
    Coverage Criterion CriterionOutcome Designation Education EmploymentEndReason FacilityType FeeKind IdentifierKind
    InForceBasis IssuanceBasis LivedExperience QualificationBasis Reason ReviewReason RevocationBasis SelectionPriority
    ServiceStatus Standing SuspensionBasis UnitYear Verdict
}

/// Returns the numbers of some values on the wire.
pub fn numbers<W: WireEnum>(values: impl IntoIterator<Item = W>) -> Vec<i32> {
    values.into_iter().map(WireEnum::number).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use prost::Message as _;

    use super::*;
    use crate::proto;

    /// Returns the numbers of an enum, in the order in which the contract declares its values.
    fn declared(name: &str) -> Vec<i32> {
        let descriptors = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut lists = descriptors.file.iter().filter(|file| file.package() == "ms.dmh.credential.v1");
        let list = lists.find_map(|file| file.enum_type.iter().find(|list| list.name() == name)).unwrap();
        list.value.iter().map(prost_types::EnumValueDescriptorProto::number).filter(|number| *number != 0).collect()
    }

    /// Checks that the values have the contract's numbers in the contract's order, and that each number maps back to
    /// its value.
    fn pairs_up<W: WireEnum + Debug + PartialEq>(name: &str, all: &[W]) {
        let numbers: Vec<i32> = all.iter().map(|value| value.number()).collect();
        assert_eq!(numbers, declared(name), "the numbers of {all:?}, in the order of the contract");
        for value in all {
            assert_eq!(W::from_number(value.number()).as_ref(), Some(value));
        }
        assert_eq!([0, -1, 199].map(W::from_number), [None, None, None]);
    }

    macro_rules! every_list {
        ($($name:ident)+) => { $(pairs_up(stringify!($name), $name::ALL);)+ };
    }

    #[test]
    fn every_value_is_distinct_and_read_back() {
        every_list! {
            Standing Verdict Reason Coverage ServiceStatus Designation FacilityType IdentifierKind QualificationBasis
            SuspensionBasis RevocationBasis IssuanceBasis EmploymentEndReason Criterion CriterionOutcome
            SelectionPriority FeeKind LivedExperience Education ReviewReason
        }
        pairs_up("InForceBasis", &[InForceBasis::Stated, InForceBasis::Inferred, InForceBasis::Unknown]);
        pairs_up("UnitYear", &[UnitYear::StateFiscal, UnitYear::Calendar]);
    }
}
