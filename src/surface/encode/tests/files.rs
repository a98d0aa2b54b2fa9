//! Tests of encoding credentials, people, jobs, providers and rule sets.

use super::answers::written;
use super::*;

/// Encodes a credential, and checks that the written form is the same.
fn credential(timeline: &Timeline, as_of: Day) -> v1::Credential {
    let built = super::super::credential(timeline, as_of);
    assert_eq!(written(timeline, as_of, Holder::Shown), built);
    assert_eq!(written(timeline, as_of, Holder::LeftOut), credential_without_holder(timeline, as_of));
    built
}

#[test]
fn a_credential_is_shown_as_of_a_day() {
    let person = a_person();
    let timeline = a_timeline(&person, 0);
    let shown = credential(&timeline, day("2024-06-01"));
    assert_eq!(
        shown,
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
            prior_numbers: vec!["MS417".into(), "MS2".into()],
        }
    );
    assert_eq!(credential(&timeline, day("2025-01-01")).designations, [v1::Designation::AdultAndRecovery as i32]);
    let bare = credential_without_holder(&timeline, day("2024-06-01"));
    assert_eq!((bare.specialist_id.as_str(), bare.display_name.as_str(), bare.designations.len()), ("", "", 0));
    assert!(bare.prior_numbers.is_empty());
    assert_eq!(bare.standing, shown.standing);
}

#[test]
fn a_separation_is_shown_while_it_lasts_and_while_revoked_for_it() {
    let mut person = a_person();
    let standing = |person: &Specialist, grace, on| {
        let shown = credential(&a_timeline(person, grace), day(on));
        (v1::Standing::try_from(shown.standing).unwrap(), shown.separation_first_day)
    };
    assert_eq!(standing(&person, 0, "2025-12-31"), (v1::Standing::Current, None));
    assert_eq!(standing(&person, 0, "2026-01-01"), (v1::Standing::RevokedLossOfEmployment, wire("2026-01-01")));
    assert_eq!(standing(&person, 30, "2026-01-30"), (v1::Standing::Separated, wire("2026-01-01")));
    assert_eq!(standing(&person, 30, "2026-02-15"), (v1::Standing::RevokedLossOfEmployment, wire("2026-01-01")));
    let suspended = CredentialPeriodKind::Suspended(SuspensionBasis::CeAudit);
    person.credentials[0].periods.push((suspended, between("2026-01-10", "2026-01-12")));
    assert_eq!(standing(&person, 30, "2026-01-11"), (v1::Standing::Suspended, None));
    let imported = Act::Revoked(RevocationBasis::LossOfEmployment);
    person.credentials[0].acts.push((day("2025-05-01"), imported));
    assert_eq!(standing(&person, 0, "2025-06-01"), (v1::Standing::RevokedLossOfEmployment, None));
}

#[test]
fn a_void_credential_holds_no_designation() {
    let mut person = a_person();
    person.credentials[0].void = true;
    let shown = credential(&a_timeline(&person, 0), day("2024-06-01"));
    assert_eq!((shown.standing, shown.designations.len()), (v1::Standing::Void as i32, 0));
}

#[test]
fn a_person_is_shown_with_former_names_and_jobs_with_the_fact_that_began_them() {
    let person = a_person();
    let shown = specialist(&person);
    assert_eq!(shown.name.unwrap().given_name, "Ida");
    assert_eq!(shown.former_names.len(), 1);
    assert_eq!((shown.birth_date, shown.death_date), (wire("1990-02-03"), None));
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
    let shown = provider(&a_provider(), &Provider { row: Some(a_row()), periods }, &tags);
    assert_eq!((shown.provider_id.as_str(), shown.county.as_str(), shown.identifiers.len()), ("region-8", "Rankin", 1));
    let facts: Vec<&str> = shown.periods.iter().map(|period| period.fact_id.as_str()).collect();
    assert_eq!(facts, ["1f0c93a2-10-0", "1f0c93a2-11-0", "00abcdef-9-0", "1f0c93a2-12-0"]);
    assert_eq!(shown.periods[0].basis, v1::QualificationBasis::DmhLicensed as i32);
    assert_eq!((shown.periods[2].basis, shown.periods[2].valid_through), (0, wire("2026-12-31")));
}

#[test]
fn long_lists_of_periods_prior_numbers_and_former_names_are_cut() {
    let period = crate::domain::provider::ProviderPeriod {
        fact: id(9),
        kind: ProviderPeriodKind::Suspended,
        days: from("2019-01-01"),
        valid_through: None,
    };
    let shown = provider(&a_provider(), &Provider { row: Some(a_row()), periods: vec![period; 1_100] }, &tags);
    assert_eq!((shown.periods.len(), shown.period_count), (1_000, 1_100));
    let mut person = a_person();
    person.credentials[0].prior_numbers = (0..120).map(|at| format!("MS{at}").parse().unwrap()).collect();
    let shown = credential(&a_timeline(&person, 0), day("2024-06-01"));
    assert_eq!((shown.prior_numbers.len(), shown.prior_numbers[0].as_str()), (100, "MS20"));
    let names = (0..=120).map(|at| a_name(&at.to_string())).collect();
    let shown = specialist(&Specialist { names, ..a_person() });
    assert_eq!((shown.former_names.len(), shown.former_name_count), (100, 120));
    assert_eq!((shown.former_names[0].given_name.as_str(), shown.name.unwrap().given_name.as_str()), ("20", "120"));
}

#[test]
fn a_rule_set_shows_every_criterion_in_the_words_of_its_evaluations() {
    let shown = rule_set(&AdoptedRules {
        set: &rules(0),
        digest: "abc",
        revision: Revision(2),
        in_force_to: Some(day("2021-04-30")),
    });
    assert_eq!((shown.holidays_first_year, shown.holidays_last_year), (2012, 2040));
    assert_eq!((shown.in_force_to, shown.cohort_date), (wire("2021-04-30"), wire("2015-09-30")));
    let criteria: Vec<i32> = shown.criteria.iter().map(|criterion| criterion.criterion).collect();
    assert_eq!(criteria, (1..=10).collect::<Vec<_>>());
    let required = |criterion: Criterion| &shown.criteria[criterion as usize];
    assert!(!required(Criterion::Residency).is_required);
    assert!(required(Criterion::References).is_required);
    assert_eq!(
        required(Criterion::Experience).required,
        "100 hours of paid or volunteer work before applying, within the last three years"
    );
    assert_eq!(required(Criterion::Examination).citation, "on Examination");
    assert_eq!((shown.fees[0].amount_cents, shown.fees[0].scholarship_requested), (5000, false));
}
