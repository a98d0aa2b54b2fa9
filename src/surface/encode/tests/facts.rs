//! Tests of encoding facts.

use super::*;
use crate::domain::fact::{LogHome, LogKind};

fn shown(recorded_fact: Fact, around: FactRelations<'_>) -> v1::Fact {
    fact(&recorded(20, recorded_fact), around, &tags)
}

fn of_person(fact: SpecialistFact) -> v1::Fact {
    shown(Fact::Specialist(PERSON, fact), FactRelations::default())
}

fn of_provider(fact: ProviderFact) -> v1::Fact {
    shown(Fact::Provider(a_provider(), fact), FactRelations::default())
}

#[test]
fn a_fact_is_shown_with_its_revision_and_whether_it_is_retracted() {
    let died = Fact::Specialist(PERSON, SpecialistFact::Died { death_date: day("2026-02-01") });
    let request_id = Some(Uuid::from_u128(1));
    let around =
        FactRelations { request_id, retracted_by: Some(FactId { revision: Revision(31), index: 4 }), job: None };
    assert_eq!(
        shown(died, around),
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
fn each_kind_of_fact_is_shown_with_its_fields() {
    let (number, days) = (NUMBER, from("2026-01-01"));
    let opened = |kind| of_person(SpecialistFact::PeriodOpened { number, kind, days }).kind();
    let acted = |act| of_person(SpecialistFact::Acted { number, act, effective_from: day("2026-01-01") }).kind();
    let provider_opened = |kind| of_provider(ProviderFact::PeriodOpened { kind, days, valid_through: None }).kind();
    let registry = |fact| shown(Fact::Registry(fact), FactRelations::default()).kind();
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
        of_person(prior_number_set()).kind(),
        registry(RegistryFact::LogMoved { to: LogHome { kind: LogKind::Database, id: Uuid::nil(), name: text() } }),
    ];
    assert_eq!(kinds.map(|kind| kind as i32).to_vec(), (1..=32).collect::<Vec<_>>());
    assert_eq!(of_person(prior_number_set()).prior_number, "MS417");
    assert_eq!(of_provider(ProviderFact::PeriodEnded(end())).target_fact_id, "00abcdef-3-0");
    assert_eq!(of_provider(ProviderFact::Retracted(retraction())).reason, "why");
}

fn prior_number_set() -> SpecialistFact {
    SpecialistFact::PriorNumberSet { number: NUMBER, prior: "MS-417".parse().unwrap() }
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
    let around = FactRelations { job: Some((id(12), &provider)), ..FactRelations::default() };
    let fact = shown(Fact::Specialist(PERSON, ended()), around);
    assert_eq!((fact.target_fact_id.as_str(), fact.provider_id.as_str()), ("1f0c93a2-12-0", "region-8"));
    assert_eq!((fact.end_reason(), fact.last_day), (v1::EmploymentEndReason::Resigned, wire("2026-01-31")));
    let fact = of_person(started());
    assert_eq!((fact.supervised, fact.target_fact_id.as_str()), (Some(false), ""));
}

#[test]
fn an_issuance_keeps_outcomes_and_nothing_of_the_application() {
    let fact = of_person(SpecialistFact::CredentialIssued(issuance()));
    let kept = v1::CriterionResult { criterion: 6, outcome: 4, ..v1::CriterionResult::default() };
    assert_eq!(fact.criteria, [kept]);
    assert_eq!((fact.effective_from, fact.term_last_day), (wire("2024-01-01"), wire("2027-09-30")));
    assert_eq!((fact.designations, fact.decision_note.as_str()), (vec![3, 1], "decided"));
}
