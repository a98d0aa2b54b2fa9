//! Tests of decoding lists, staff lists and the feed.

use super::*;

#[test]
fn pages_hold_a_hundred_entries_or_what_was_asked_for_within_bounds() {
    assert_eq!([0, 1, 1000, 1001, u32::MAX].map(page_size), [100, 1, 1000, 1000, 1000]);
}

#[test]
fn filters_are_read_and_every_fault_in_them_is_reported() {
    let mut request = v1::ListCredentialsRequest {
        standing: v1::Standing::Suspended as i32,
        name: Some(v1::PersonName { family_name: "Muñoz".into(), ..Default::default() }),
        ..Default::default()
    };
    let (filter, _) = list_credentials(&request).unwrap();
    assert_eq!((filter.given_name, filter.family_name.as_deref()), (None, Some("munoz")));
    let nothing = Some(v1::PersonName { given_name: "?".into(), family_name: "?".into(), ..Default::default() });
    let asked = v1::ListCredentialsRequest { name: nothing, ..Default::default() };
    assert_eq!(faults(list_credentials(&asked)), ["name.family_name"]);
    request.standing = 99;
    request.birth_date = Some(Date { year: 1990, month: 2, day: 31 });
    request.known_at = Some(v1::KnownAt { epoch: "?".into(), point: None });
    request.provider_id = "no such id".into();
    assert_eq!(faults(list_credentials(&request)), ["standing", "birth_date", "known_at.epoch"]);
    let unknown = v1::ListCredentialsRequest { specialist_id: number(), ..Default::default() };
    assert_eq!(not_on_file(list_credentials(&unknown)), Some(("specialist", number())));
    let identifier = Some(v1::Identifier::default());
    let providers = v1::ListProvidersRequest { county: "HINDS".into(), ..Default::default() };
    assert_eq!(list_providers(&providers).unwrap().0.county.as_deref(), Some("hinds"));
    let providers = v1::ListProvidersRequest { identifier, ..Default::default() };
    assert_eq!(faults(list_providers(&providers)), ["identifier.kind", "identifier.value"]);
}

#[test]
fn single_resources_are_requested_by_id() {
    assert_eq!(faults(get_credential(&Default::default())), ["credential_number"]);
    assert_eq!(faults(get_provider(&Default::default())), ["provider_id"]);
    assert_eq!(faults(list_facts(&Default::default())), ["subject"]);
    let periods = v1::ListStandingPeriodsRequest {
        credential_number: number(),
        first_day: first_of_march(),
        last_day: date("2026-02-28"),
        known_at: None,
        sign: false,
    };
    assert_eq!(faults(list_standing_periods(&periods)), ["last_day"]);
    let subject = Some(v1::list_facts_request::Subject::EmploymentId(job()));
    let facts = v1::ListFactsRequest { subject, ..Default::default() };
    let (about, known_at) = list_facts(&facts).unwrap();
    assert!(matches!(about, FactsOf::Employment(job) if job == EmploymentId::from_number(9)));
    assert_eq!(known_at, KnownAt::Head);
    let statistics = v1::GetProgramStatisticsRequest { as_of: first_of_march(), known_at: None };
    assert_eq!(get_program_statistics(&statistics), Ok((Some(day("2026-03-01")), KnownAt::Head)));
}

#[test]
fn a_provider_that_names_no_provider_means_itself() {
    let own: ProviderId = "region-8".parse().unwrap();
    let employments = |own| list_employments(&Default::default(), own);
    assert_eq!(employments(Some(&own)).unwrap().0.provider, Some(own.clone()));
    assert_eq!(faults(employments(None)), ["provider_id"], "an empty list would look like an answer");
    let roster = |own| roster_options(&Default::default(), own);
    assert_eq!(roster(Some(&own)).unwrap().provider, own);
    assert_eq!(faults(roster(None)), ["options.provider_id"]);
    let feed = |own| watch_changes(&Default::default(), own).unwrap().about;
    assert_eq!((feed(Some(&own)), feed(None)), (ChangesAbout::Provider(own.clone()), ChangesAbout::Everyone));
}

#[test]
fn a_row_of_a_staff_list_may_name_a_person_who_is_not_on_file() {
    use v1::roster_row::Subject;
    let mut row = v1::RosterRow { subject: Some(Subject::SpecialistId("nobody".into())), ..Default::default() };
    assert_eq!(roster_row(&row).unwrap().subject, RosterSubject::Specialist(None));
    for (subject, field) in [
        (Subject::SpecialistId as fn(String) -> Subject, "row.specialist_id"),
        (Subject::EmploymentId, "row.employment_id"),
        (Subject::CredentialNumber, "row.credential_number"),
        (Subject::PriorNumber, "row.prior_number"),
    ] {
        let row = |characters| v1::RosterRow { subject: Some(subject("x".repeat(characters))), ..row.clone() };
        assert_eq!(faults(roster_row(&row(65))), [field]);
        roster_row(&row(64)).unwrap();
    }
    row.subject = Some(Subject::CredentialNumber(String::new()));
    row.first_day = Some(Date::default());
    assert_eq!(faults(roster_row(&row)), ["row.credential_number", "row.first_day"]);
    row.subject = None;
    assert_eq!(faults(roster_row(&row)), ["row.subject", "row.first_day"]);
}

#[test]
fn the_feed_continues_from_a_position() {
    let epoch = Uuid::from_u128(3);
    let mut request = v1::ListChangesRequest {
        after: Some(v1::ChangePosition { epoch: epoch.to_string(), revision: 12 }),
        credential_numbers: vec![number()],
        ..Default::default()
    };
    let about = ChangesAbout::Credentials(vec![CredentialNumber::from_number(7)]);
    let after = After { epoch: Some(epoch), revision: Revision(12) };
    assert_eq!(list_changes(&request, None), Ok(ChangesAsked { after, about }));
    request.provider_id = "region-8".into();
    request.after = Some(v1::ChangePosition { epoch: "?".into(), revision: 12 });
    request.credential_numbers.push(String::new());
    let expected = ["after.epoch", "provider_id", "credential_numbers[1]"];
    assert_eq!(faults(list_changes(&request, None)), expected);
}
