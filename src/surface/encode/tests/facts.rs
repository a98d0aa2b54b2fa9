//! Facts.

use super::*;

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
