//! Tests that the export uses the contract's names.

use std::collections::BTreeSet;
use std::fmt::Debug;

use super::fields::word;
use crate::domain::fact::*;
use crate::domain::record::{Coverage, ServiceStatus};
use crate::domain::standing::{Reason, Standing};
use crate::proto::v1;

fn ours<D: Debug>(all: &[D]) -> BTreeSet<String> {
    all.iter().map(word).collect()
}

/// The contract's names of the values of an enum, without the prefix of the enum.
fn theirs(prefix: &str, name_of: impl Fn(i32) -> Option<&'static str>) -> BTreeSet<String> {
    (1..200).filter_map(name_of).map(|name| name.strip_prefix(prefix).unwrap().to_owned()).collect()
}

#[test]
fn every_value_has_the_contracts_name() {
    macro_rules! same {
        ($($list:ident $prefix:literal)+) => {$(
            let expected = theirs($prefix, |number| Some(v1::$list::try_from(number).ok()?.as_str_name()));
            assert_eq!(ours($list::ALL), expected);
        )+};
    }
    same! {
        FacilityType "FACILITY_TYPE_"
        IdentifierKind "IDENTIFIER_KIND_"
        QualificationBasis "QUALIFICATION_BASIS_"
        SuspensionBasis "SUSPENSION_BASIS_"
        RevocationBasis "REVOCATION_BASIS_"
        IssuanceBasis "ISSUANCE_BASIS_"
        EmploymentEndReason "EMPLOYMENT_END_REASON_"
        Designation "DESIGNATION_"
        Criterion "CRITERION_"
        CriterionOutcome "CRITERION_OUTCOME_"
        Coverage "COVERAGE_"
        ServiceStatus "SERVICE_STATUS_"
        Standing "STANDING_"
        Reason "REASON_"
    }
}

#[test]
fn the_export_has_every_fact_kind_of_the_contract() {
    let named = include_str!("fact.rs");
    for kind in theirs("FACT_KIND_", |number| Some(v1::FactKind::try_from(number).ok()?.as_str_name())) {
        assert!(named.contains(&format!("\"{kind}\"")), "{kind}");
    }
}
