//! Tests of decoding commands.

use super::*;

#[test]
fn every_missing_field_of_an_empty_request_is_reported() {
    let id = "request_id";
    assert_eq!(faults(register_provider(&Default::default())), [id, "legal_name", "facility_type"]);
    assert_eq!(faults(update_provider(&Default::default())), [id, "provider_id", "legal_name", "facility_type"]);
    assert_eq!(faults(record_qualification(&Default::default())), [id, "provider_id", "basis", "first_day"]);
    assert_eq!(faults(suspend_provider(&Default::default())), [id, "provider_id", "first_day"]);
    assert_eq!(faults(certify_peer_service(&Default::default())), [id, "provider_id", "first_day"]);
    assert_eq!(faults(suspend_peer_service(&Default::default())), [id, "provider_id", "first_day"]);
    assert_eq!(faults(register_specialist(&Default::default())), [id, "name", "birth_date"]);
    assert_eq!(faults(change_specialist_name(&Default::default())), [id, "specialist_id", "name"]);
    assert_eq!(faults(record_death(&Default::default())), [id, "specialist_id", "death_date"]);
    let issuance = ["specialist_id", "effective_from", "application"];
    assert_eq!(faults(issue_credential(&Default::default())), [&[id], &issuance[..]].concat());
    assert_eq!(faults(evaluate_application(&Default::default())), issuance);
    assert_eq!(faults(renew_credential(&Default::default())), [id, "credential_number"]);
    assert_eq!(faults(grant_designation(&Default::default())), [id, "credential_number", "code", "first_day"]);
    assert_eq!(faults(suspend_credential(&Default::default())), [id, "credential_number", "basis", "first_day"]);
    assert_eq!(faults(limit_credential(&Default::default())), [id, "credential_number", "text", "first_day"]);
    assert_eq!(faults(grant_inactive_status(&Default::default())), [id, "credential_number", "first_day"]);
    let act = [id, "credential_number", "effective_from"];
    assert_eq!(faults(revoke_credential(&Default::default())), [id, "basis", "credential_number", "effective_from"]);
    assert_eq!(faults(record_surrender(&Default::default())), act);
    assert_eq!(faults(record_relinquishment(&Default::default())), act);
    assert_eq!(faults(record_retirement(&Default::default())), act);
    assert_eq!(faults(reinstate_credential(&Default::default())), act);
    assert_eq!(faults(set_prior_number(&Default::default())), [id, "credential_number", "prior_number"]);
    let start = [id, "person", "provider_id", "first_day"];
    assert_eq!(faults(report_employment_start(&Default::default(), None)), start);
    assert_eq!(faults(report_employment_end(&Default::default())), [id, "job", "last_day", "reason"]);
    assert_eq!(faults(correct_employment(&Default::default())), [id, "employment_id", "first_day"]);
    let transfer = [id, "from_provider_id", "to_provider_id", "last_day"];
    assert_eq!(faults(transfer_employments(&Default::default())), transfer);
    assert_eq!(faults(end_period(&Default::default(), &tags)), [id, "fact_id", "last_day", "reason"]);
    assert_eq!(faults(retract_fact(&Default::default(), &tags)), [id, "fact_id", "reason"]);
    assert_eq!(faults(import_row(&Default::default(), &tags)), [id, "command"]);
}

#[test]
fn dates_are_complete_and_valid_and_in_range() {
    let death = |date: Option<Date>| {
        record_death(&v1::RecordDeathRequest {
            request_id: REQUEST_ID.into(),
            specialist_id: person(),
            death_date: date,
            ..Default::default()
        })
    };
    for (year, month, day) in [(2026, 3, 0), (2026, 0, 1), (0, 3, 1), (0, 0, 0)] {
        let described = descriptions(death(Some(Date { year, month, day })));
        assert_eq!(described, ["year, month and day must all be given"], "{year}-{month}-{day}");
    }
    for (year, month, day) in [(2026, 2, 29), (2026, 13, 1), (1899, 12, 31), (2201, 1, 1), (2026, -3, 1)] {
        let described = descriptions(death(Some(Date { year, month, day })));
        assert_eq!(described, ["not a day that exists in the years 1900 to 2200"], "{year}-{month}-{day}");
    }
    let read = death(date("2024-02-29")).unwrap();
    let specialist = SpecialistId::from_number(8);
    assert_eq!(read.command, Command::RecordDeath { specialist, death_date: day("2024-02-29") });
}

#[test]
fn the_common_fields_of_mutations_are_read_alike() {
    let mut request = v1::RegisterSpecialistRequest {
        request_id: REQUEST_ID.into(),
        validate_only: true,
        note: "ü".repeat(500),
        name: a_name(),
        birth_date: date("1990-02-03"),
        receipt: false,
    };
    let read = register_specialist(&request).unwrap();
    assert_eq!((read.request_id.to_string().as_str(), read.validate_only), (REQUEST_ID, true));
    assert_eq!(read.note, request.note);
    request.note.push('!');
    request.request_id = "17".into();
    assert_eq!(faults(register_specialist(&request)), ["request_id", "note"]);
}

#[test]
fn a_family_name_can_be_compared_and_no_name_is_repeated() {
    let mut request = v1::RegisterSpecialistRequest {
        request_id: REQUEST_ID.into(),
        name: Some(v1::PersonName {
            given_name: "x".repeat(201),
            family_name: "\u{2bb}-".into(),
            ..Default::default()
        }),
        birth_date: Some(Date { year: 1990, month: 2, day: 31 }),
        ..Default::default()
    };
    assert_eq!(faults(register_specialist(&request)), ["name.given_name", "name.family_name", "birth_date"]);
    request.name = Some(v1::PersonName { family_name: "Secret".into(), ..Default::default() });
    assert_eq!(faults(register_specialist(&request)), ["birth_date"], "a person of one name");
    let shown = format!("{:?}", register_specialist(&request));
    assert!(!shown.contains("Secret") && !shown.contains("1990"), "{shown}");
}

#[test]
fn all_fields_of_a_provider_are_read() {
    let Command::RegisterProvider { id, row } = register_provider(&a_provider_request()).unwrap().command else {
        panic!("not a registration")
    };
    assert_eq!(id.unwrap().as_str(), "region-8");
    assert_eq!(row.facility_type, FacilityType::CommunityMentalHealthCenter);
    assert_eq!(row.identifiers.iter().map(|it| it.kind).collect::<Vec<_>>(), IdentifierKind::ALL);
    let unnamed = v1::RegisterProviderRequest { provider_id: String::new(), ..a_provider_request() };
    assert!(matches!(register_provider(&unnamed).unwrap().command, Command::RegisterProvider { id: None, .. }));
}

#[test]
fn identifiers_have_a_kind_and_no_spaces_and_are_distinct() {
    let mut request = a_provider_request();
    request.provider_id = "région 8".into();
    request.identifiers.push(request.identifiers[0].clone());
    request.identifiers.push(v1::Identifier { kind: 0, value: "12 34".into() });
    request.identifiers.push(v1::Identifier { kind: 9, value: String::new() });
    let expected = [
        "provider_id",
        "identifiers[2]",
        "identifiers[3].kind",
        "identifiers[3].value",
        "identifiers[4].kind",
        "identifiers[4].value",
    ];
    assert_eq!(faults(register_provider(&request)), expected);
    request.provider_id = "region-8".into();
    request.identifiers = (0..101).map(|at| v1::Identifier { kind: 2, value: at.to_string() }).collect();
    assert_eq!(faults(register_provider(&request)), ["identifiers"], "more than 100");
    request.identifiers.pop();
    assert!(register_provider(&request).is_ok(), "100 are not too many");
}

#[test]
fn periods_are_read_inclusively_and_in_order() {
    let mut request = v1::RecordQualificationRequest {
        request_id: REQUEST_ID.into(),
        provider_id: "region-8".into(),
        basis: v1::QualificationBasis::DmhFunded as i32,
        first_day: first_of_march(),
        last_day: first_of_march(),
        valid_through: date("2026-12-31"),
        ..Default::default()
    };
    assert_eq!(
        record_qualification(&request).unwrap().command,
        Command::OpenProviderPeriod {
            provider: "region-8".parse().unwrap(),
            kind: ProviderPeriodKind::Qualified(QualificationBasis::DmhFunded),
            days: Period { start: day("2026-03-01"), end: day("2026-03-02") },
            valid_through: Some(day("2026-12-31")),
        }
    );
    request.last_day = date("2026-02-28");
    assert_eq!(faults(record_qualification(&request)), ["last_day"]);
    request.basis = 77;
    request.last_day = Some(Date { year: 2026, month: 3, day: 0 });
    assert_eq!(faults(record_qualification(&request)), ["basis", "last_day"]);
}

#[test]
fn an_id_that_cannot_exist_is_not_on_file_unless_a_field_is_invalid() {
    let mut request = v1::SuspendCredentialRequest {
        request_id: REQUEST_ID.into(),
        credential_number: "CPS-0000-0000-1".into(),
        basis: v1::SuspensionBasis::CeAudit as i32,
        first_day: first_of_march(),
        ..Default::default()
    };
    assert_eq!(not_on_file(suspend_credential(&request)), Some(("credential", "CPS-0000-0000-1".into())));
    request.basis = 0;
    assert_eq!(faults(suspend_credential(&request)), ["basis"]);
    let mut request = an_issuance();
    request.application.as_mut().unwrap().sponsoring_provider_id = "nobody at all".into();
    assert_eq!(not_on_file(issue_credential(&request)), Some(("provider", "nobody at all".into())));
    request.specialist_id = "x".repeat(4000);
    assert_eq!(not_on_file(issue_credential(&request)), Some(("specialist", "x".repeat(64))));
}

#[test]
fn acts_and_periods_of_a_credential_are_distinguished() {
    let (credential, credential_number) = (CredentialNumber::from_number(7), number());
    let days = Period::from_inclusive(day("2026-03-01"), None);
    let limited = limit_credential(&v1::LimitCredentialRequest {
        request_id: REQUEST_ID.into(),
        credential_number: credential_number.to_lowercase().replace('-', ""),
        text: "no nights".into(),
        first_day: first_of_march(),
        ..Default::default()
    });
    let kind = CredentialPeriodKind::Limited("no nights".into());
    assert_eq!(limited.unwrap().command, Command::OpenCredentialPeriod { credential, kind, days });
    let suspended = suspend_credential(&v1::SuspendCredentialRequest {
        request_id: REQUEST_ID.into(),
        credential_number: credential_number.clone(),
        basis: v1::SuspensionBasis::ExternalOrder as i32,
        first_day: first_of_march(),
        ..Default::default()
    });
    let kind = CredentialPeriodKind::Suspended(SuspensionBasis::ExternalOrder);
    assert_eq!(suspended.unwrap().command, Command::OpenCredentialPeriod { credential, kind, days });
    macro_rules! act {
        ($name:ident($request:ident)) => {
            $name(&v1::$request {
                request_id: REQUEST_ID.into(),
                credential_number: credential_number.clone(),
                effective_from: first_of_march(),
                ..Default::default()
            })
            .unwrap()
            .command
        };
    }
    let acted = |act| Command::Act { credential, act, effective_from: day("2026-03-01") };
    assert_eq!(act!(record_surrender(RecordSurrenderRequest)), acted(Act::Surrendered));
    assert_eq!(act!(record_relinquishment(RecordRelinquishmentRequest)), acted(Act::Relinquished));
    assert_eq!(act!(record_retirement(RecordRetirementRequest)), acted(Act::Retired));
    assert_eq!(act!(reinstate_credential(ReinstateCredentialRequest)), acted(Act::Reinstated));
    let set = set_prior_number(&v1::SetPriorNumberRequest {
        request_id: REQUEST_ID.into(),
        credential_number,
        prior_number: " ms-417".into(),
        ..Default::default()
    });
    let prior = "MS417".parse().unwrap();
    assert_eq!(set.unwrap().command, Command::SetPriorNumber { credential, prior });
}

#[test]
fn loss_of_employment_is_a_basis_in_an_import_only() {
    let mut request = v1::RevokeCredentialRequest {
        request_id: REQUEST_ID.into(),
        credential_number: number(),
        effective_from: first_of_march(),
        basis: v1::RevocationBasis::LossOfEmployment as i32,
        ..Default::default()
    };
    assert_eq!(faults(revoke_credential(&request)), ["basis"]);
    let row = v1::ImportRow {
        request_id: REQUEST_ID.into(),
        command: Some(Row::RevokeCredential(request.clone())),
        ..Default::default()
    };
    let lost = Act::Revoked(RevocationBasis::LossOfEmployment);
    assert!(matches!(import_row(&row, &tags).unwrap().command, Command::Act { act, .. } if act == lost));
    request.basis = v1::RevocationBasis::Disciplinary as i32;
    assert!(revoke_credential(&request).is_ok());
}

/// Returns the invalid fields of all commands that record a text, with the given text.
fn refused_in(text: &str) -> Vec<String> {
    let named =
        |text: &str| Some(v1::PersonName { given_name: text.into(), family_name: text.into(), suffix: text.into() });
    let text = || text.to_owned();
    let (request_id, note) = (REQUEST_ID.to_owned(), text());
    let specialist = v1::RegisterSpecialistRequest {
        request_id: request_id.clone(),
        note,
        name: named(&text()),
        birth_date: date("1980-01-02"),
        ..Default::default()
    };
    let provider = v1::RegisterProviderRequest {
        request_id: request_id.clone(),
        legal_name: text(),
        county: text(),
        facility_type: 1,
        ..Default::default()
    };
    let start = v1::ReportEmploymentStartRequest {
        request_id: request_id.clone(),
        person: Some(report_employment_start_request::Person::SpecialistId(person())),
        provider_id: ProviderId::from_number(1).to_string(),
        position: text(),
        first_day: first_of_march(),
        ..Default::default()
    };
    let limit = v1::LimitCredentialRequest {
        request_id: request_id.clone(),
        credential_number: number(),
        text: text(),
        first_day: first_of_march(),
        ..Default::default()
    };
    let issuance = v1::IssueCredentialRequest { decision_note: text(), ..an_issuance() };
    let change = v1::ChangeSpecialistNameRequest {
        request_id: request_id.clone(),
        specialist_id: person(),
        name: named(&text()),
        ..Default::default()
    };
    let update = v1::UpdateProviderRequest {
        request_id: request_id.clone(),
        provider_id: ProviderId::from_number(1).to_string(),
        legal_name: text(),
        county: text(),
        facility_type: 1,
        ..Default::default()
    };
    [
        faults(register_specialist(&specialist)),
        faults(register_provider(&provider)),
        faults(report_employment_start(&start, None)),
        faults(limit_credential(&limit)),
        faults(issue_credential(&issuance)),
        faults(change_specialist_name(&change)),
        faults(update_provider(&update)),
        faults(end_period(
            &v1::EndPeriodRequest { request_id: request_id.clone(), reason: text(), ..Default::default() },
            &tags,
        )),
        faults(retract_fact(&v1::RetractFactRequest { request_id, reason: text(), ..Default::default() }, &tags)),
    ]
    .concat()
}

#[test]
fn invisible_characters_are_not_recorded() {
    let shown = refused_in("a b\u{200C}c\u{200D}d Żółć");
    assert_eq!(shown, ["fact_id", "last_day", "fact_id"], "only the fields that are missing");
    for hidden in [
        "\n", "\t", "\u{0}", "\u{7f}", "\u{85}", "\u{200B}", "\u{202E}", "\u{2066}", "\u{2069}", "\u{2060}", "\u{FEFF}",
    ] {
        let mut refused = refused_in(&format!("a{hidden}b"));
        refused.retain(|field| !["fact_id", "last_day"].contains(&field.as_str()));
        let name = ["name.given_name", "name.family_name", "name.suffix"];
        let row = ["legal_name", "county"];
        let expected =
            [&["note"], &name[..], &row, &["position", "text", "decision_note"], &name, &row, &["reason", "reason"]]
                .concat();
        refused.sort();
        let mut expected = expected.clone();
        expected.sort_unstable();
        assert_eq!(refused, expected, "{hidden:?}");
    }
}
