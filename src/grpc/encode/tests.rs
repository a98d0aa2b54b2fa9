//! What the wire is told of whole values.

use std::collections::HashMap;

use uuid::Uuid;

use super::*;
use crate::domain::day::{Day, Period};
use crate::domain::evaluation::{Fee, FeeKind, LivedExperienceRule, Requirements};
use crate::domain::fact::Criterion;
use crate::domain::fact::{
    Act, CredentialPeriodKind, CriterionOutcome, Designation, EmploymentEndReason, FacilityType, Fact, Identifier,
    IdentifierKind, Issuance, IssuanceBasis, PeriodEnd, ProviderFact, ProviderPeriodKind, ProviderRow,
    QualificationBasis, Recorded, RegistryFact, Reporter, Retraction, RevocationBasis, SpecialistFact, SuspensionBasis,
};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::law::{InForceBasis, Law, RuleSet, UnitYear};
use crate::domain::name::PersonName;
use crate::domain::provider::{Provider, ProviderTimeline};
use crate::domain::record::{Change, Coverage, ServiceStatus};
use crate::domain::specialist::{Specialist, SpecialistFile};
use crate::domain::standing::{Reason, Standing, Verdict};
use crate::domain::timeline::Timeline;
use crate::domain::verdict::{Designations, Finding, Known, Reasons, Units};
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

/// A person with a credential from 2024 on, and a job to the end of 2025.
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
    ];
    let facts = (1..).zip(facts).map(|(revision, fact)| recorded(revision, fact)).collect();
    SpecialistFile { id: PERSON, facts }.known_now()
}

fn a_timeline(person: &Specialist, grace_days: u32) -> Timeline {
    let law = Law::new(vec![rules(grace_days).into()], None).unwrap();
    let provider = Provider {
        row: None,
        periods: vec![crate::domain::provider::ProviderPeriod {
            fact: id(1),
            kind: ProviderPeriodKind::Qualified(QualificationBasis::DmhFunded),
            days: from("2010-01-01"),
            valid_through: None,
        }],
    };
    let providers: HashMap<ProviderId, std::sync::Arc<ProviderTimeline>> =
        HashMap::from([(a_provider(), provider.compile(&law).into())]);
    Timeline::compile(person, &person.credentials[0], &providers, &law)
}

#[test]
fn a_credential_is_told_as_of_a_day() {
    let person = a_person();
    let timeline = a_timeline(&person, 0);
    let told = credential(&timeline, day("2024-06-01"));
    assert_eq!(
        told,
        v1::Credential {
            credential_number: NUMBER.to_string(),
            specialist_id: PERSON.to_string(),
            display_name: "Ida Example Jr".into(),
            standing: v1::Standing::Current as i32,
            effective_from: wire("2024-01-01"),
            term_last_day: wire("2027-09-30"),
            designations: vec![v1::Designation::AdultAndRecovery as i32, v1::Designation::YoungAdult as i32],
            issued_rule_set_id: "the-rules".into(),
            separation_first_day: None,
        }
    );
    assert_eq!(credential(&timeline, day("2025-01-01")).designations, [v1::Designation::AdultAndRecovery as i32]);
    let bare = credential_without_holder(&timeline, day("2024-06-01"));
    assert_eq!((bare.specialist_id.as_str(), bare.display_name.as_str(), bare.designations.len()), ("", "", 0));
    assert_eq!(bare.standing, told.standing);
}

#[test]
fn a_separation_is_told_while_it_lasts_and_while_revoked_for_it() {
    let mut person = a_person();
    let told = |person: &Specialist, grace, on| {
        let told = credential(&a_timeline(person, grace), day(on));
        (v1::Standing::try_from(told.standing).unwrap(), told.separation_first_day)
    };
    assert_eq!(told(&person, 0, "2025-12-31"), (v1::Standing::Current, None));
    assert_eq!(told(&person, 0, "2026-01-01"), (v1::Standing::RevokedLossOfEmployment, wire("2026-01-01")));
    assert_eq!(told(&person, 30, "2026-01-30"), (v1::Standing::Separated, wire("2026-01-01")));
    assert_eq!(told(&person, 30, "2026-02-15"), (v1::Standing::RevokedLossOfEmployment, wire("2026-01-01")));
    let suspended = CredentialPeriodKind::Suspended(SuspensionBasis::CeAudit);
    person.credentials[0].periods.push((suspended, between("2026-01-10", "2026-01-12")));
    assert_eq!(told(&person, 30, "2026-01-11"), (v1::Standing::Suspended, None));
    let imported = Act::Revoked(RevocationBasis::LossOfEmployment);
    person.credentials[0].acts.push((day("2025-05-01"), imported));
    assert_eq!(told(&person, 0, "2025-06-01"), (v1::Standing::RevokedLossOfEmployment, None));
}

#[test]
fn a_void_credential_holds_no_designation() {
    let mut person = a_person();
    person.credentials[0].void = true;
    let told = credential(&a_timeline(&person, 0), day("2024-06-01"));
    assert_eq!((told.standing, told.designations.len()), (v1::Standing::Void as i32, 0));
}

#[test]
fn a_person_is_told_with_former_names_and_jobs_with_the_fact_that_began_them() {
    let person = a_person();
    let told = specialist(&person);
    assert_eq!(told.name.unwrap().given_name, "Ida");
    assert_eq!(told.former_names.len(), 1);
    assert_eq!((told.birth_date, told.death_date), (wire("1990-02-03"), None));
    assert_eq!(
        employment(&person, &person.jobs[0], &tags),
        v1::Employment {
            employment_id: JOB.to_string(),
            fact_id: "00abcdef-3-0".into(),
            specialist_id: PERSON.to_string(),
            credential_number: NUMBER.to_string(),
            provider_id: "region-8".into(),
            position: "peer specialist".into(),
            first_day: wire("2023-06-01"),
            last_day: wire("2025-12-31"),
            supervised: true,
        }
    );
}

fn a_row() -> ProviderRow {
    ProviderRow {
        legal_name: "Region 8".into(),
        facility_type: FacilityType::Outpatient,
        county: "Rankin".into(),
        identifiers: vec![Identifier { kind: IdentifierKind::Npi, value: "1234567893".into() }],
    }
}

#[test]
fn the_periods_of_a_provider_are_ordered_by_kind_and_first_day() {
    let period = |revision, kind, first_day| crate::domain::provider::ProviderPeriod {
        fact: id(revision),
        kind,
        days: from(first_day),
        valid_through: Some(day("2026-12-31")),
    };
    let qualified = ProviderPeriodKind::Qualified;
    let periods = vec![
        period(12, ProviderPeriodKind::PeerServiceCertified, "2020-01-01"),
        period(11, qualified(QualificationBasis::DmhOperated), "2022-01-01"),
        period(10, qualified(QualificationBasis::DmhLicensed), "2021-01-01"),
        period(9, ProviderPeriodKind::Suspended, "2019-01-01"),
    ];
    let told = provider(&a_provider(), &Provider { row: Some(a_row()), periods }, &tags);
    assert_eq!((told.provider_id.as_str(), told.county.as_str(), told.identifiers.len()), ("region-8", "Rankin", 1));
    let facts: Vec<&str> = told.periods.iter().map(|period| period.fact_id.as_str()).collect();
    assert_eq!(facts, ["1f0c93a2-10-0", "1f0c93a2-11-0", "00abcdef-9-0", "1f0c93a2-12-0"]);
    assert_eq!(told.periods[0].basis, v1::QualificationBasis::DmhLicensed as i32);
    assert_eq!((told.periods[2].basis, told.periods[2].valid_through), (0, wire("2026-12-31")));
}

#[test]
fn a_rule_set_tells_every_criterion_in_the_words_of_its_judgements() {
    let told = rule_set(&AdoptedRules {
        set: &rules(0),
        digest: "abc",
        revision: Revision(2),
        in_force_to: Some(day("2021-04-30")),
    });
    assert_eq!((told.holidays_first_year, told.holidays_last_year), (2012, 2040));
    assert_eq!((told.in_force_to, told.cohort_date), (wire("2021-04-30"), wire("2015-09-30")));
    let criteria: Vec<i32> = told.criteria.iter().map(|criterion| criterion.criterion).collect();
    assert_eq!(criteria, (1..=10).collect::<Vec<_>>());
    let required = |criterion: Criterion| &told.criteria[criterion as usize];
    assert!(!required(Criterion::Residency).is_required);
    assert!(required(Criterion::References).is_required);
    assert_eq!(required(Criterion::Experience).required, "100 hours within three years");
    assert_eq!(required(Criterion::Examination).citation, "on Examination");
    assert_eq!((told.fees[0].amount_cents, told.fees[0].scholarship_requested), (5000, false));
}

fn finding(reasons: &[Reason], standing: Option<Standing>) -> Finding {
    let reasons: Reasons = reasons.iter().copied().collect();
    let missing: Designations = [Designation::RecoveryOnly].into_iter().collect();
    let may_practice = standing.map(Standing::allows_practice);
    Finding { verdict: reasons.verdict(), reasons, missing, standing, may_practice }
}

#[test]
fn a_verification_says_what_is_held_used_and_practiced_and_nothing_beside_a_reason_that_stands_alone() {
    let answer = v1::Answer::default();
    let told = |standing| {
        let told = verification(&finding(&[], Some(standing)), answer.clone());
        (told.holds_credential, told.may_use_title, told.may_practice)
    };
    assert_eq!(told(Standing::Current), (Some(true), Some(true), Some(true)));
    assert_eq!(told(Standing::Suspended), (Some(true), Some(false), Some(false)));
    assert_eq!(told(Standing::Inactive), (Some(true), Some(true), Some(false)));
    assert_eq!(told(Standing::Lapsed), (Some(false), Some(false), Some(false)));
    let alone = verification(&finding(&[Reason::NameMismatch, Reason::DateInFuture], None), answer);
    assert_eq!(alone.verdict, v1::Verdict::NotConfirmed as i32);
    assert_eq!(alone.reasons, [v1::Reason::NameMismatch as i32, v1::Reason::DateInFuture as i32]);
    assert_eq!((alone.holds_credential, alone.may_use_title, alone.may_practice), (None, None, None));
    assert_eq!((alone.standing, alone.credential, alone.answer.is_some()), (None, None, true));
}

#[test]
fn limits_stand_beside_the_verdict() {
    let law = Law::new(vec![rules(0).into()], None).unwrap();
    let units = Units { claimed: 4, billed_that_day: 3, billed_that_year: 199 };
    let limits = law.coverage_limits(day("2026-06-30"), Some(units), true);
    let told = eligibility(&finding(&[Reason::Limited], Some(Standing::Limited)), Some(&limits), v1::Answer::default());
    assert!(told.eligible);
    let coverage = told.coverage.unwrap();
    assert_eq!((coverage.year_first_day, coverage.year_last_day), (wire("2025-07-01"), wire("2026-06-30")));
    assert_eq!((coverage.payable_units, coverage.limit_reasons), (Some(1), vec![1, 2]));
    let unknown = coverage_limits(&law.coverage_limits(day("2026-07-01"), None, true));
    assert_eq!((unknown.payable_units, unknown.limit_reasons.len()), (None, 0));
    assert!(is_eligible(Verdict::Confirmed) && !is_eligible(Verdict::Undetermined));
    let nothing = eligibility(&finding(&[Reason::DateInFuture], None), None, v1::Answer::default());
    assert_eq!((nothing.eligible, nothing.coverage.unwrap().daily_unit_limit), (false, 0));
}

#[test]
fn an_answer_says_what_it_was_given_from() {
    let law = Law::new(vec![rules(0).into()], None).unwrap();
    let mut from = AnsweredFrom {
        epoch: Uuid::nil(),
        revision: Revision(5),
        recorded_at: Some("2026-03-01T12:00:00Z".parse().unwrap()),
        known: Known { law: Some(&law), today: Some(day("2026-03-27")) },
        semantics_version: 1,
    };
    let told = answer(&from, day("2026-03-06"));
    assert_eq!((told.rule_set_id.as_str(), told.settled, told.settles_on), ("the-rules", true, wire("2026-03-26")));
    assert_eq!((told.known_at_revision, told.as_of), (5, wire("2026-03-06")));
    (from.revision, from.recorded_at, from.known) = (Revision::ZERO, None, Known { law: None, today: None });
    let empty = answer(&from, day("2026-03-06"));
    assert_eq!((empty.rule_set_id.as_str(), empty.settled, empty.settles_on), ("", false, None));
    assert_eq!((empty.known_at_time, empty.epoch.as_str()), (None, "00000000-0000-0000-0000-000000000000"));
}

#[test]
fn changes_are_told_with_inclusive_days() {
    let (number, provider, days) = (NUMBER, a_provider(), between("2026-01-01", "2026-01-31"));
    let of = |told: Change| change(&told).change.unwrap();
    let (from, to) = (Standing::Suspended, Standing::Current);
    let standing = of(Change::Standing { number, days, from, to, reason: None });
    let v1::change::Change::Standing(told) = standing else { panic!("{standing:?}") };
    assert_eq!((told.first_day, told.last_day, told.reason), (wire("2026-01-01"), wire("2026-01-31"), 0));
    let coverage = of(Change::Coverage { number, provider: provider.clone(), days, coverage: Coverage::NotKnown });
    assert!(
        matches!(coverage, v1::change::Change::Coverage(told) if told.coverage == 3 && told.provider_id == "region-8")
    );
    let designation = of(Change::Designation { number, code: Designation::YoungAdult, days, held: true });
    assert!(matches!(designation, v1::change::Change::Designation(told) if told.held && told.code == 3));
    let service = of(Change::Service { provider: provider.clone(), days, service: ServiceStatus::NotCertified });
    assert!(matches!(service, v1::change::Change::Service(told) if told.service == 2));
    let identifiers = a_row().identifiers;
    let row = of(Change::Provider { provider, identifiers, on_file: true });
    assert!(matches!(row, v1::change::Change::Provider(told) if told.on_file && told.identifiers.len() == 1));
    let records = of(Change::Records { first_day: day("2020-01-01") });
    assert!(matches!(records, v1::change::Change::Records(told) if told.first_day == wire("2020-01-01")));
}

fn told_of(told: Fact, around: Around<'_>) -> v1::Fact {
    fact(&recorded(20, told), around, &tags)
}

fn of_person(told: SpecialistFact) -> v1::Fact {
    told_of(Fact::Specialist(PERSON, told), Around::default())
}

fn of_provider(told: ProviderFact) -> v1::Fact {
    told_of(Fact::Provider(a_provider(), told), Around::default())
}

#[test]
fn a_fact_is_told_with_where_it_stands_and_whether_it_still_counts() {
    let died = Fact::Specialist(PERSON, SpecialistFact::Died { death_date: day("2026-02-01") });
    let request_id = Some(Uuid::from_u128(1));
    let around = Around { request_id, retracted_by: Some(FactId { revision: Revision(31), index: 4 }), job: None };
    assert_eq!(
        told_of(died, around),
        v1::Fact {
            fact_id: "1f0c93a2-20-0".into(),
            kind: FactKind::SpecialistDied as i32,
            revision: 20,
            recorded_at: Some(prost_types::Timestamp { seconds: 1_772_366_400, nanos: 500_000_000 }),
            caller: "registry".into(),
            request_id: "00000000-0000-0000-0000-000000000001".into(),
            note: "a note".into(),
            retracted: true,
            retracted_by_fact_id: "1f0c93a2-31-4".into(),
            specialist_id: PERSON.to_string(),
            death_date: wire("2026-02-01"),
            ..v1::Fact::default()
        }
    );
}

#[test]
fn each_kind_of_fact_is_told_as_what_it_is() {
    let (number, days) = (NUMBER, from("2026-01-01"));
    let opened = |kind| of_person(SpecialistFact::PeriodOpened { number, kind, days }).kind();
    let acted = |act| of_person(SpecialistFact::Acted { number, act, effective_from: day("2026-01-01") }).kind();
    let provider_opened = |kind| of_provider(ProviderFact::PeriodOpened { kind, days, valid_through: None }).kind();
    let registry = |told| told_of(Fact::Registry(told), Around::default()).kind();
    let end = || PeriodEnd { target: id(3), last_day: day("2026-01-01"), reason: "why".into() };
    let retraction = || Retraction { target: id(3), reason: "why".into() };
    let text = String::new;
    let kinds = [
        registry(RegistryFact::EpochBegan { epoch: Uuid::nil(), forked_after: Revision::ZERO, why: text() }),
        registry(RegistryFact::DayOpened { date: day("2026-01-01") }),
        registry(RegistryFact::RuleSetAdopted { id: text(), digest: text(), content: text() }),
        registry(RegistryFact::SemanticsAdopted { version: 2 }),
        registry(RegistryFact::RecordsBegin { first_day: day("2026-01-01") }),
        of_provider(ProviderFact::Registered(a_row())).kind(),
        of_provider(ProviderFact::Updated(a_row())).kind(),
        provider_opened(ProviderPeriodKind::Qualified(QualificationBasis::DmhFunded)),
        provider_opened(ProviderPeriodKind::Suspended),
        provider_opened(ProviderPeriodKind::PeerServiceCertified),
        provider_opened(ProviderPeriodKind::PeerServiceSuspended),
        of_person(SpecialistFact::Registered { name: a_name("Ada"), birth_date: day("1990-01-01") }).kind(),
        of_person(SpecialistFact::NameChanged { name: a_name("Ida") }).kind(),
        of_person(SpecialistFact::Died { death_date: day("2026-01-01") }).kind(),
        of_person(SpecialistFact::CredentialIssued(issuance())).kind(),
        of_person(SpecialistFact::CredentialRenewed { number, term: days }).kind(),
        opened(CredentialPeriodKind::Designation(Designation::YoungAdult)),
        opened(CredentialPeriodKind::Suspended(SuspensionBasis::Disciplinary)),
        opened(CredentialPeriodKind::Limited("no nights".into())),
        opened(CredentialPeriodKind::Inactive),
        acted(Act::Revoked(RevocationBasis::Disciplinary)),
        acted(Act::Surrendered),
        acted(Act::Relinquished),
        acted(Act::Retired),
        acted(Act::Reinstated),
        of_person(started()).kind(),
        of_person(ended()).kind(),
        of_person(SpecialistFact::EmploymentCorrected { employment: JOB, days }).kind(),
        of_person(SpecialistFact::PeriodEnded(end())).kind(),
        of_person(SpecialistFact::Retracted(retraction())).kind(),
    ];
    assert_eq!(kinds.map(|kind| kind as i32).to_vec(), (1..=30).collect::<Vec<_>>());
    assert_eq!(of_provider(ProviderFact::PeriodEnded(end())).target_fact_id, "00abcdef-3-0");
    assert_eq!(of_provider(ProviderFact::Retracted(retraction())).reason, "why");
}

fn started() -> SpecialistFact {
    SpecialistFact::EmploymentStarted {
        employment: JOB,
        provider: a_provider(),
        position: "peer specialist".into(),
        supervised: false,
        days: from("2026-01-01"),
    }
}

fn ended() -> SpecialistFact {
    let (employment, last_day) = (JOB, day("2026-01-31"));
    SpecialistFact::EmploymentEnded { employment, last_day, reason: EmploymentEndReason::Resigned }
}

#[test]
fn the_end_of_a_job_names_its_start_and_the_employer() {
    let provider = a_provider();
    let around = Around { job: Some((id(12), &provider)), ..Around::default() };
    let told = told_of(Fact::Specialist(PERSON, ended()), around);
    assert_eq!((told.target_fact_id.as_str(), told.provider_id.as_str()), ("1f0c93a2-12-0", "region-8"));
    assert_eq!((told.end_reason(), told.last_day), (v1::EmploymentEndReason::Resigned, wire("2026-01-31")));
    let told = of_person(started());
    assert_eq!((told.supervised, told.target_fact_id.as_str()), (Some(false), ""));
}

#[test]
fn an_issuance_keeps_outcomes_and_nothing_of_the_application() {
    let told = of_person(SpecialistFact::CredentialIssued(issuance()));
    let kept = v1::CriterionResult { criterion: 6, outcome: 4, ..v1::CriterionResult::default() };
    assert_eq!(told.criteria, [kept]);
    assert_eq!((told.effective_from, told.term_last_day), (wire("2024-01-01"), wire("2027-09-30")));
    assert_eq!((told.designations, told.decision_note.as_str()), (vec![3, 1], "decided"));
}
