//! Tests of encoding.

mod answers;
mod facts;
mod files;

use uuid::Uuid;

use super::*;
use crate::domain::day::{Day, Period};
use crate::domain::fact::Criterion;
use crate::domain::fact::{
    Act, CredentialPeriodKind, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, Fact, Identifier,
    IdentifierKind, Issuance, IssuanceBasis, PeriodEnd, ProviderFact, ProviderPeriodKind, ProviderRow,
    QualificationBasis, Recorded, RegistryFact, Reporter, Retraction, RevocationBasis, SpecialistFact, SuspensionBasis,
};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::name::PersonName;
use crate::domain::provider::Provider;
use crate::domain::record::{Change, Coverage, ServiceStatus};
use crate::domain::requirements::{Fee, FeeKind, LivedExperienceRule, Requirements};
use crate::domain::rule_sets::{InForceBasis, RuleSet, RuleSets, UnitYear};
use crate::domain::sets::{Designations, Reasons};
use crate::domain::specialist::Specialist;
use crate::domain::standing::{Reason, Standing, Verdict};
use crate::domain::timeline::{Employers, Timeline};
use crate::domain::verdict::{CoverageLimits, Finding, Known, Settlement, Units};
use crate::proto::google::r#type::Date;
use crate::proto::v1::{self, FactKind};

const NUMBER: CredentialNumber = CredentialNumber::from_number(7);
const PERSON: SpecialistId = SpecialistId::from_number(8);
const JOB: EmploymentId = EmploymentId::from_number(9);

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn wire(text: &str) -> Option<Date> {
    Some(date(day(text)))
}

fn from(first_day: &str) -> Period {
    Period::from_inclusive(day(first_day), None)
}

fn between(first_day: &str, last_day: &str) -> Period {
    Period::from_inclusive(day(first_day), Some(day(last_day)))
}

fn a_provider() -> ProviderId {
    "region-8".parse().unwrap()
}

fn a_name(given: &str) -> PersonName {
    PersonName { given: given.into(), family: "Example".into(), suffix: "Jr".into() }
}

fn id(revision: u64) -> FactId {
    FactId { revision: Revision(revision), index: 0 }
}

fn tags(revision: Revision) -> Option<u32> {
    Some(if revision < Revision(10) { 0x00ab_cdef } else { 0x1f0c_93a2 })
}

fn rules(grace_days: u32) -> RuleSet {
    RuleSet {
        id: "the-rules".into(),
        title: "The rules".into(),
        in_force_from: day("2012-01-01"),
        in_force_basis: InForceBasis::Inferred,
        citations: vec!["source 000".into()],
        grace_days,
        reporting_window_working_days: 14,
        holidays: vec![day("2012-01-02"), day("2040-12-25")],
        qualifying_bases: vec![QualificationBasis::DmhOperated, QualificationBasis::DmhFunded],
        term_notice_days: 90,
        daily_unit_limit: 6,
        yearly_unit_limit: 200,
        unit_year: UnitYear::StateFiscal,
        first_cohort_date: day("2015-09-30"),
        cohort_years: 4,
        continuing_education_hours_per_year: 5.0,
        requirements: Requirements {
            residency: false,
            lived_experience: LivedExperienceRule::RecoveryAttested,
            minimum_age: 16,
            enrolled_only_for: None,
            literacy: false,
            experience_hours: 100.0,
            experience_within_three_years: true,
            college_year_counts: false,
            references: 2,
            fewer_references: CriterionOutcome::Undetermined,
            training_hours: 34.0,
            pre_training: false,
            passing_score: 75.0,
            attempts_per_training: 2,
            designation: true,
            recovery_only_trained_before: None,
            citations: Criterion::ALL.iter().map(|criterion| format!("on {criterion:?}")).collect(),
            fees: vec![Fee { kind: FeeKind::Training, amount_cents: 5000, citation: "source 001".into() }],
        },
    }
}

fn recorded<F>(revision: u64, fact: F) -> Recorded<F> {
    Recorded {
        id: id(revision),
        recorded_at: "2026-03-01T12:00:00.5Z".parse().unwrap(),
        reporter: Reporter::registry(),
        imported: false,
        note: "a note".into(),
        fact,
    }
}

fn issuance() -> Issuance {
    Issuance {
        number: NUMBER,
        term: between("2024-01-01", "2027-09-30"),
        designations: vec![Designation::YoungAdult, Designation::AdultAndRecovery],
        rule_set: "the-rules".into(),
        basis: IssuanceBasis::Evaluated,
        findings: vec![(Criterion::References, CriterionOutcome::Undetermined)],
        decision_note: "decided".into(),
    }
}

/// Returns a person with a credential from 2024 on, and a job until the end of 2025.
fn a_person() -> Specialist {
    let grant = |code, days| SpecialistFact::PeriodOpened {
        number: NUMBER,
        kind: CredentialPeriodKind::Designation(code),
        days,
    };
    let facts = vec![
        SpecialistFact::Registered { name: a_name("Ada"), birth_date: day("1990-02-03") },
        SpecialistFact::NameChanged { name: a_name("Ida") },
        SpecialistFact::EmploymentStarted {
            employment: JOB,
            provider: a_provider(),
            position: "peer specialist".into(),
            supervised: true,
            days: between("2023-06-01", "2025-12-31"),
        },
        SpecialistFact::CredentialIssued(issuance()),
        grant(Designation::YoungAdult, between("2024-01-01", "2024-12-31")),
        grant(Designation::AdultAndRecovery, from("2024-01-01")),
        SpecialistFact::PriorNumberSet { number: NUMBER, prior: "ms-417".parse().unwrap() },
        SpecialistFact::PriorNumberSet { number: NUMBER, prior: "MS2".parse().unwrap() },
        SpecialistFact::PriorNumberSet { number: NUMBER, prior: "MS417".parse().unwrap() },
    ];
    let facts: Vec<_> = (1..).zip(facts).map(|(revision, fact)| recorded(revision, fact)).collect();
    Specialist::known_at(PERSON, &facts, Revision::LATEST)
}

fn a_timeline(person: &Specialist, grace_days: u32) -> Timeline {
    let rule_sets = RuleSets::new(vec![rules(grace_days).into()], None).unwrap();
    let provider = Provider {
        row: Some(a_row()),
        periods: vec![crate::domain::provider::ProviderPeriod {
            fact: id(1),
            kind: ProviderPeriodKind::Qualified(QualificationBasis::DmhFunded),
            days: from("2010-01-01"),
            valid_through: None,
        }],
    };
    let providers = Employers::from_iter([(a_provider(), provider.compile(&rule_sets).into())]);
    Timeline::compile(person, &person.credentials[0], &providers, &rule_sets)
}

fn a_row() -> ProviderRow {
    ProviderRow {
        legal_name: "Region 8".into(),
        facility_type: FacilityType::Outpatient,
        county: "Rankin".into(),
        identifiers: vec![Identifier { kind: IdentifierKind::Npi, value: "1234567893".into() }],
    }
}
