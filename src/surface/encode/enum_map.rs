//! Maps between the enums of the domain and those of the contract, value by value of the same name.
//!
//! The values come from the descriptors: a value that one side lacks does not compile.

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

/// A value of a closed list. Every value has a number on the wire; the number 0 says nothing and is none of them.
pub trait WireEnum: Copy + Sized {
    /// Its number on the wire.
    fn number(self) -> i32;

    /// The value of a number; none for 0, and for numbers that this version of the contract does not have.
    fn from_number(number: i32) -> Option<Self>;
}

/// Maps an enum of the domain to its namesake in the contract, and back.
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

/// The wire's numbers of some values.
pub fn numbers<W: WireEnum>(values: impl IntoIterator<Item = W>) -> Vec<i32> {
    values.into_iter().map(WireEnum::number).collect()
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use prost::Message as _;

    use super::*;
    use crate::proto;

    /// The numbers of a list in the order in which the contract declares its values.
    fn declared(name: &str) -> Vec<i32> {
        let descriptors = prost_types::FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut lists = descriptors.file.iter().filter(|file| file.package() == "ms.dmh.credential.v1");
        let list = lists.find_map(|file| file.enum_type.iter().find(|list| list.name() == name)).unwrap();
        list.value.iter().map(prost_types::EnumValueDescriptorProto::number).filter(|number| *number != 0).collect()
    }

    /// Every value has a number of its own, in the order of the contract, and every number of the wire is a value's.
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
