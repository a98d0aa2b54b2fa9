//! Tests of decoding applications, jobs, amendments and import rows.

use super::*;

#[test]
fn an_application_is_read_alike_for_the_dry_run_and_the_real_one() {
    let request = an_issuance();
    let Command::IssueCredential(asked) = issue_credential(&request).unwrap().command else {
        panic!("not an issuance")
    };
    assert_eq!(asked.application.trainings[0].designation, Some(Designation::YoungAdult));
    assert_eq!((asked.application.exam_attempts[0].score, asked.application.lived_experience), (74.9, None));
    assert_eq!((asked.decision_note.as_str(), asked.effective_from), ("seen", day("2026-03-01")));
    let dry = evaluate_application(&v1::EvaluateApplicationRequest {
        specialist_id: request.specialist_id,
        application: request.application,
        effective_from: request.effective_from,
        designations: request.designations,
    });
    assert_eq!(
        (dry.as_ref().unwrap().application.clone(), ""),
        (asked.application, dry.unwrap().decision_note.as_str())
    );
}

#[test]
fn everything_wrong_in_an_application_is_reported_with_its_path() {
    let mut request = an_issuance();
    request.designations = vec![1, 0, 1];
    let application = request.application.as_mut().unwrap();
    application.applied_on = date("2026-03-02");
    application.lived_experience = 9;
    application.experience_hours = f64::NAN;
    application.trainings.push(v1::Training { hours: -1.0, designation: 12, ..Default::default() });
    application.exam_attempts.push(v1::ExamAttempt { taken_on: None, score: 100.5 });
    let expected = [
        "application.applied_on",
        "application.lived_experience",
        "application.experience_hours",
        "application.trainings[1].completed_on",
        "application.trainings[1].designation",
        "application.trainings[1].hours",
        "application.exam_attempts[1].taken_on",
        "application.exam_attempts[1].score",
        "designations[1]",
        "designations[2]",
    ];
    assert_eq!(faults(issue_credential(&request)), expected);
}

#[test]
fn a_job_begins_for_a_person_or_for_a_holder_with_a_family_name() {
    use report_employment_start_request::Person;
    let own: ProviderId = "region-8".parse().unwrap();
    let mut request = v1::ReportEmploymentStartRequest {
        request_id: REQUEST_ID.into(),
        person: Some(Person::CredentialNumber(number())),
        family_name: "MUÑOZ, Jr.".into(),
        first_day: first_of_march(),
        ..Default::default()
    };
    let Command::StartEmployment { who, provider, .. } = report_employment_start(&request, Some(&own)).unwrap().command
    else {
        panic!("not a start")
    };
    assert_eq!((who, provider), (Who::Holder(CredentialNumber::from_number(7), "munoz".into()), own));
    assert_eq!(faults(report_employment_start(&request, None)), ["provider_id"]);
    request.person = Some(Person::SpecialistId(person()));
    request.provider_id = "region-9".into();
    assert_eq!(faults(report_employment_start(&request, None)), ["family_name"]);
    request.family_name = String::new();
    assert!(report_employment_start(&request, None).is_ok());
    request.person = Some(Person::CredentialNumber(number()));
    assert_eq!(faults(report_employment_start(&request, None)), ["family_name"]);
    request.family_name = "'".into();
    assert_eq!(faults(report_employment_start(&request, None)), ["family_name"]);
}

#[test]
fn a_birth_date_is_read_where_it_is_given_and_required_from_a_provider_for_an_id_that_cannot_exist() {
    let own: ProviderId = "region-8".parse().unwrap();
    let mut request = v1::ReportEmploymentStartRequest {
        request_id: REQUEST_ID.into(),
        person: Some(report_employment_start_request::Person::SpecialistId(person())),
        provider_id: "region-8".into(),
        first_day: first_of_march(),
        birth_date: first_of_march(),
        ..Default::default()
    };
    let read = |request: &_| match report_employment_start(request, Some(&own)).unwrap().command {
        Command::StartEmployment { birth_date, .. } => birth_date.map(Day::to_civil),
        other => panic!("not a start: {other:?}"),
    };
    assert_eq!(read(&request), Some(jiff::civil::date(2026, 3, 1)));
    request.birth_date = None;
    assert_eq!(read(&request), None, "whether one is required is decided where it is known whose staff the person is");
    request.birth_date = Some(Date { year: 1984, month: 2, day: 30 });
    assert_eq!(faults(report_employment_start(&request, Some(&own))), ["birth_date"]);
    request.birth_date = None;
    request.person = Some(report_employment_start_request::Person::SpecialistId("SP-0".into()));
    assert_eq!(faults(report_employment_start(&request, Some(&own))), ["birth_date"]);
    assert!(matches!(report_employment_start(&request, None), Err(Rejection::NotFound { kind: "specialist", .. })));
}

#[test]
fn a_job_ends_by_id_or_by_its_holder() {
    use report_employment_end_request::Job;
    let mut request = v1::ReportEmploymentEndRequest {
        request_id: REQUEST_ID.into(),
        job: Some(Job::EmploymentId(job())),
        last_day: first_of_march(),
        reason: v1::EmploymentEndReason::Dismissed as i32,
        ..Default::default()
    };
    let ended = |job| {
        let (last_day, reason) = (day("2026-03-01"), EmploymentEndReason::Dismissed);
        Command::EndEmployment { job, last_day, reason }
    };
    let by_id = WhichJob::Employment(EmploymentId::from_number(9));
    assert_eq!(report_employment_end(&request).unwrap().command, ended(by_id));
    request.job = Some(Job::CredentialNumber(number()));
    let by_holder = WhichJob::OpenJobOf(CredentialNumber::from_number(7));
    assert_eq!(report_employment_end(&request).unwrap().command, ended(by_holder));
    request.job = Some(Job::EmploymentId(number()));
    assert_eq!(not_on_file(report_employment_end(&request)), Some(("employment", number())));
}

#[test]
fn jobs_are_not_transferred_to_the_same_provider() {
    let request = v1::TransferEmploymentsRequest {
        request_id: REQUEST_ID.into(),
        from_provider_id: "region-8".into(),
        to_provider_id: "region-8".into(),
        last_day: first_of_march(),
        ..Default::default()
    };
    assert_eq!(faults(transfer_employments(&request)), ["to_provider_id"]);
}

#[test]
fn fact_ids_are_read_as_they_are_written() {
    let fact = FactId { revision: Revision(17), index: 3 };
    let text = crate::surface::encode::fact_id(fact, &tags);
    assert_eq!((text.as_str(), fact_id(&text)), ("1f0c93a2-17-3", Some((TAG, fact))));
    for wrong in [
        "",
        "17-3",
        "1f0c93a2-17",
        "1f0c93a2-17-3-0",
        "1f0c93a2-017-3",
        "1f0c93a2-+17-3",
        "1f0c93a-17-3",
        "1f0c93ag-17-3",
        "1f0c93a2--3",
        "1f0c93a2-17-",
        "1f0c93a2-18446744073709551616-0",
        "1f0c93a2-17-4294967296",
        " 1f0c93a2-17-3",
    ] {
        assert_eq!(fact_id(wrong), None, "{wrong}");
    }
}

#[test]
fn a_fact_of_another_history_is_not_on_file() {
    let mut request = v1::RetractFactRequest {
        request_id: REQUEST_ID.into(),
        fact_id: "1f0c93a2-17-3".into(),
        reason: "typing error".into(),
        ..Default::default()
    };
    let fact = FactId { revision: Revision(17), index: 3 };
    let reason = "typing error".to_owned();
    assert_eq!(retract_fact(&request, &tags).unwrap().command, Command::RetractFact { fact, reason });
    for unknown in ["1f0c93a3-17-3", "1f0c93a2-41-0", "17"] {
        request.fact_id = unknown.into();
        assert_eq!(not_on_file(retract_fact(&request, &tags)), Some(("fact", unknown.into())));
    }
    request.reason = "x".repeat(501);
    assert_eq!(faults(retract_fact(&request, &tags)), ["reason"]);
}

#[test]
fn the_fields_of_a_row_apply_to_its_command() {
    let transferred = v1::TransferredCredential {
        specialist_id: person(),
        effective_from: date("2019-10-01"),
        term_last_day: date("2023-09-30"),
        designations: vec![1],
        rule_set_id: String::new(),
        prior_numbers: ["ms-1", "MS 2", "m-s-1"].map(str::to_owned).to_vec(),
    };
    let mut row = v1::ImportRow {
        request_id: REQUEST_ID.into(),
        validate_only: true,
        note: "page 4".into(),
        command: Some(Row::Transferred(transferred.clone())),
    };
    let read = import_row(&row, &tags).unwrap();
    assert_eq!((read.validate_only, read.note.as_str()), (true, "page 4"));
    let Command::TransferCredential(asked) = read.command else { panic!("not a transfer") };
    assert_eq!(asked.term, Period::from_inclusive(day("2019-10-01"), Some(day("2023-09-30"))));
    assert_eq!(asked.rule_set, None, "the one in force on the first day");
    assert_eq!(asked.prior_numbers, ["MS1", "MS2"].map(|prior| prior.parse().unwrap()), "each once");
    let prior_numbers = vec!["7".into(), "-".into(), "8".repeat(33)];
    row.command = Some(Row::Transferred(v1::TransferredCredential {
        term_last_day: date("2019-09-30"),
        prior_numbers,
        ..transferred.clone()
    }));
    assert_eq!(faults(import_row(&row, &tags)), ["term_last_day", "prior_numbers[1]", "prior_numbers[2]"]);
    let prior_numbers = vec!["7".into(); 101];
    row.command = Some(Row::Transferred(v1::TransferredCredential { prior_numbers, ..transferred }));
    assert_eq!(faults(import_row(&row, &tags)), ["prior_numbers"]);
    row.command = Some(Row::RecordsBegin(v1::RecordsBegin { first_day: first_of_march() }));
    let begun = Command::BeginRecords { first_day: day("2026-03-01") };
    assert_eq!(import_row(&row, &tags).unwrap().command, begun);
    row.command = Some(Row::RegisterProvider(a_provider_request()));
    assert!(import_row(&row, &tags).is_ok(), "the command may carry the same request_id");
    row.request_id = REQUEST_ID.to_uppercase();
    assert!(import_row(&row, &tags).is_ok(), "however it is written");
    row.request_id = Uuid::from_u128(5).to_string();
    assert_eq!(faults(import_row(&row, &tags)), ["request_id"]);
}

#[test]
fn an_unmet_criterion_does_not_refuse_an_imported_issuance() {
    let waives = |command| matches!(command, Command::IssueCredential(asked) if asked.waives_criteria);
    let row = v1::ImportRow {
        request_id: REQUEST_ID.into(),
        command: Some(Row::IssueCredential(an_issuance())),
        ..Default::default()
    };
    assert!(waives(import_row(&row, &tags).unwrap().command));
    assert!(!waives(issue_credential(&an_issuance()).unwrap().command));
}
