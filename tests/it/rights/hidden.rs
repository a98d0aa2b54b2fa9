//! Hidden data stay hidden through side channels too.

use cpss_registry::proto::v1;
use cpss_registry::proto::v1::eligibility_item::BillingProvider;
use cpss_registry::proto::v1::report_employment_end_request::Job;
use tonic::Code;

use super::fixture::{Fixture, MADE_UP};
use crate::harness::Refusal as _;
use crate::harness::requests::{bill, date, end_job, known_at, new_request_id, retract, start_job, verify};

/// If a command names one of several credentials that a provider may not see, the answer does not reveal which are on
/// file.
#[tokio::test]
async fn the_order_of_refusals_reveals_nothing() {
    let fixture = Fixture::built().await;
    let of = |numbers: [&str; 2]| v1::ListChangesRequest {
        credential_numbers: numbers.map(str::to_owned).to_vec(),
        ..Default::default()
    };
    let hidden = fixture.south.number.as_str();
    for numbers in [[hidden, MADE_UP], [MADE_UP, hidden]] {
        let refused = fixture.as_north().refusal(of(numbers)).await;
        assert_eq!(refused.code_and_reason(), (Code::NotFound, "NOT_FOUND".to_owned()));
        let shown = String::from_utf8_lossy(refused.details()).into_owned();
        assert!(shown.contains(numbers[0]) && !shown.contains(numbers[1]), "the first, whichever it is: {shown}");
    }
    fixture.server.stop().await;
}

/// The end of a job, reported by number: an unknown number, and a person who never worked here.
#[tokio::test]
async fn a_number_without_a_job_here_is_like_an_unknown_one() {
    let fixture = Fixture::built().await;
    let mut shown = Vec::new();
    for number in [fixture.south.number.as_str(), MADE_UP] {
        let by_number = Some(Job::CredentialNumber(number.to_owned()));
        let report = v1::ReportEmploymentEndRequest { job: by_number, ..end_job("", "2026-02-20") };
        let refused = fixture.as_north().refusal(report).await;
        let details = String::from_utf8_lossy(&refused.details_of_any_request()).replace(number, "N");
        shown.push((refused.code(), refused.message().to_owned(), details));
    }
    assert_eq!(shown[0], shown[1]);
    assert_eq!(shown[0].0, Code::NotFound);
    fixture.server.stop().await;
}

/// A dry run of hiring somebody does not show a provider anything about that person.
#[tokio::test]
async fn a_dry_run_of_a_start_reveals_nothing_about_an_unknown_person() {
    let fixture = Fixture::built().await;
    let start = start_job(&fixture.south.specialist_id, "north", "2026-02-20");
    let judged = fixture.as_north().validate(start.clone()).await;
    let employment = judged.employment.unwrap();
    assert_eq!((employment.credential_number.as_str(), employment.specialist_id.as_str()), ("", ""));
    assert_eq!((employment.provider_id.as_str(), employment.position.is_empty()), ("north", false), "what was said");
    assert!(judged.changes.is_empty() && judged.foreseen_changes.is_empty());
    assert_eq!((judged.change_count, judged.foreseen_change_count, judged.specialist_count), (0, 0, 0));
    let late = fixture.as_north().refusal(start_job(&fixture.south.specialist_id, "north", HIRED_LONG_AGO)).await;
    assert_eq!(late.reason(), "REGISTRAR_MUST_RECORD");
    assert!(!String::from_utf8_lossy(late.details()).contains(&fixture.south.number), "nor by a refusal");

    let reported = fixture.as_north().report(start.clone()).await;
    assert_eq!(reported.employment.as_ref().unwrap().credential_number, fixture.south.number, "staff now");
    let judged_again =
        fixture.as_north().validate(end_job(&reported.employment.unwrap().employment_id, "2026-02-25")).await;
    assert_eq!(judged_again.employment.unwrap().credential_number, fixture.south.number);
    for change in reported.changes.iter().chain(&reported.foreseen_changes).chain(&judged_again.changes) {
        assert!(!format!("{change:?}").contains("south"), "no other employer: {change:?}");
    }
    fixture.server.stop().await;
}

/// A start without a birth date, or with a wrong one, is refused in the same way for another provider's staff and for
/// an unknown person, also if the day is settled or the name is wrong, and also as a dry run.
#[tokio::test]
async fn a_start_reveals_nothing_about_a_person_whose_birth_date_is_not_known() {
    use v1::report_employment_start_request::Person;
    let fixture = Fixture::built().await;
    let (south, unknown) = (&fixture.south, Fixture::made_up(&fixture.south));
    let wrong = Some(date("1984-03-01"));
    for (birth_date, code) in [(None, Code::InvalidArgument), (wrong, Code::NotFound)] {
        for (first_day, validate_only) in [("2026-02-20", false), ("2026-02-20", true), (HIRED_LONG_AGO, true)] {
            let mut refused = Vec::new();
            for row in [south, &unknown] {
                let by_id = start_job(&row.specialist_id, "north", first_day);
                let by_id = v1::ReportEmploymentStartRequest { birth_date, validate_only, ..by_id };
                let by_number = |family_name: &str| v1::ReportEmploymentStartRequest {
                    person: Some(Person::CredentialNumber(row.number.clone())),
                    family_name: family_name.to_owned(),
                    ..by_id.clone()
                };
                let reports = [by_number(row.family_name), by_number("Example-Nobody"), by_id.clone()];
                let mut shown = Vec::new();
                for report in reports {
                    let report = v1::ReportEmploymentStartRequest { request_id: new_request_id(), ..report };
                    let status = fixture.as_north().refusal(report).await;
                    assert_eq!(status.code(), code, "{status:?}");
                    let details = String::from_utf8_lossy(&status.details_of_any_request()).replace(&row.number, "ID");
                    shown.push((status.message().to_owned(), details.replace(&row.specialist_id, "ID")));
                }
                refused.push(shown);
            }
            assert_eq!(refused[0], refused[1], "{first_day}");
        }
    }
    fixture.server.stop().await;
}

const HIRED_LONG_AGO: &str = "2024-07-01";

/// A person who was staff by mistake is no longer staff, whatever state of knowledge is asked for.
#[tokio::test]
async fn own_staff_is_determined_at_the_head() {
    let fixture = Fixture::built().await;
    let north = fixture.as_north();
    let started = north.report(start_job(&fixture.south.specialist_id, "north", "2026-02-20")).await;
    let get = v1::GetCredentialRequest { credential_number: fixture.south.number.clone(), ..Default::default() };
    assert!(north.ask(get.clone()).await.credential.is_some());
    let list = v1::ListEmploymentsRequest { known_at: Some(known_at(started.revision)), ..Default::default() };
    assert_eq!(north.ask(list.clone()).await.employments.len(), 2);
    fixture.server.client().report(retract(&started.fact_id, "Example")).await;
    let before = v1::GetCredentialRequest { known_at: Some(known_at(started.revision)), ..get.clone() };
    for question in [get, before] {
        assert_eq!(north.refusal(question).await.reason(), "NOT_FOUND");
    }
    assert_eq!(north.ask(list).await.employments.len(), 1);
    let verification = north.verify(&fixture.south.number, None, started.revision).await;
    assert_eq!((verification.credential, verification.standing), (None, None));
    fixture.server.stop().await;
}

/// Another provider's identifier and an unknown one are refused in the same way; one's own is answered.
#[tokio::test]
async fn identifiers_reveal_nothing_about_other_providers() {
    let fixture = Fixture::built().await;
    let certifier = fixture.server.client().calling_as("certifier");
    for (id, value) in [("north", "1999999984"), ("south", "1999999976")] {
        let row = v1::UpdateProviderRequest {
            request_id: new_request_id(),
            provider_id: id.to_owned(),
            legal_name: "Example Center".to_owned(),
            facility_type: v1::FacilityType::CommunityMentalHealthCenter.into(),
            county: "Hinds".to_owned(),
            identifiers: vec![v1::Identifier { kind: v1::IdentifierKind::Npi.into(), value: value.to_owned() }],
            ..Default::default()
        };
        certifier.ask(row).await;
    }
    let by = |npi: &str| {
        let mut request = bill(&fixture.north.number, "", "2026-02-20");
        request.item.as_mut().unwrap().billing_provider = Some(BillingProvider::Npi(npi.to_owned()));
        request
    };
    assert!(fixture.as_north().ask(by("1999999984")).await.eligibility.unwrap().eligible);
    let (others, nobodys) =
        (fixture.as_north().refusal(by("1999999976")).await, fixture.as_north().refusal(by("1000000004")).await);
    assert_eq!(
        (others.code(), others.details_of_any_request()),
        (Code::PermissionDenied, nobodys.details_of_any_request())
    );
    fixture.server.stop().await;
}

/// A name mismatch is the whole answer, for every caller.
#[tokio::test]
async fn a_name_mismatch_stands_alone() {
    let fixture = Fixture::built().await;
    for caller in ["provider:north", "provider:south", "payer", "auditor", "registrar"] {
        let mut question = verify(&fixture.north.number, None, None);
        question.item.as_mut().unwrap().family_name = "Example-Nobody".to_owned();
        let shown = fixture.server.client().calling_as(caller).verification_of(question).await;
        let reasons = [v1::Reason::NameMismatch, v1::Reason::ReportingWindowOpen].map(i32::from);
        assert_eq!(shown.reasons, reasons, "{caller}");
        assert_eq!((shown.standing, shown.credential, shown.holds_credential), (None, None, None), "{caller}");
    }
    fixture.server.stop().await;
}
