//! Tests of decoding: values and refusals.

mod commands;
mod lists;
mod questions;
mod reports;

use jiff::Timestamp;
use uuid::Uuid;

use super::*;
use crate::domain::command::{Command, WhichJob, Who};
use crate::domain::day::{Day, Period};
use crate::domain::decide::Rejection;
use crate::domain::fact::{
    Act, CredentialPeriodKind, Designation, EmploymentEndReason, FacilityType, Identifier, IdentifierKind,
    ProviderPeriodKind, QualificationBasis, RevocationBasis, SuspensionBasis,
};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::verdict::Units;
use crate::proto::google::r#type::Date;
use crate::proto::v1;
use crate::proto::v1::import_row::Command as Row;
use crate::proto::v1::{eligibility_item, known_at, report_employment_end_request, report_employment_start_request};
use crate::registry::question::{AskProvider, AskSubject};
use crate::registry::search::FactsOf;
use crate::registry::snapshot::{AtLeast, KnownAt};
use crate::registry::token::Token;

const REQUEST_ID: &str = "7b9e52a4-9f0e-4d2c-8f7a-0d3f3c1b2a10";
const TAG: u32 = 0x1f0c_93a2;

fn number() -> String {
    CredentialNumber::from_number(7).to_string()
}

fn person() -> String {
    SpecialistId::from_number(8).to_string()
}

fn job() -> String {
    EmploymentId::from_number(9).to_string()
}

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn date(text: &str) -> Option<Date> {
    Some(crate::surface::encode::date(day(text)))
}

fn first_of_march() -> Option<Date> {
    date("2026-03-01")
}

fn tags(revision: Revision) -> Option<u32> {
    (revision <= Revision(40)).then_some(TAG)
}

/// Returns the invalid fields; fails if the request is refused for another reason.
fn faults<T>(read: Result<T, Rejection>) -> Vec<String> {
    match read {
        Err(Rejection::Invalid(faults)) => faults.listed().iter().map(|fault| fault.field.clone()).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    }
}

fn descriptions<T>(read: Result<T, Rejection>) -> Vec<String> {
    match read {
        Err(Rejection::Invalid(faults)) => faults.listed().iter().map(|fault| fault.description.clone()).collect(),
        _ => Vec::new(),
    }
}

fn not_on_file<T>(read: Result<T, Rejection>) -> Option<(&'static str, String)> {
    match read {
        Err(Rejection::NotFound { kind, id }) => Some((kind, id)),
        _ => None,
    }
}

fn a_name() -> Option<v1::PersonName> {
    Some(v1::PersonName { given_name: "Ada".into(), family_name: "Muñoz".into(), suffix: String::new() })
}

fn a_provider_request() -> v1::RegisterProviderRequest {
    let identifier = |kind: v1::IdentifierKind, value: &str| v1::Identifier { kind: kind as i32, value: value.into() };
    v1::RegisterProviderRequest {
        request_id: REQUEST_ID.into(),
        provider_id: "region-8".into(),
        legal_name: "Region 8 Mental Health Services".into(),
        facility_type: v1::FacilityType::CommunityMentalHealthCenter as i32,
        county: "Rankin".into(),
        identifiers: vec![
            identifier(v1::IdentifierKind::Npi, "1234567893"),
            identifier(v1::IdentifierKind::MedicaidId, "1234567893"),
        ],
        ..Default::default()
    }
}

fn an_application() -> v1::Application {
    v1::Application {
        applied_on: date("2026-02-01"),
        recovery_attested: true,
        education: v1::Education::Ged as i32,
        experience_hours: 120.5,
        references: 2,
        trainings: vec![v1::Training {
            completed_on: date("2026-01-15"),
            designation: v1::Designation::YoungAdult as i32,
            hours: 34.0,
            pre_training_completed: true,
        }],
        exam_attempts: vec![v1::ExamAttempt { taken_on: date("2026-01-20"), score: 74.9 }],
        sponsoring_provider_id: "region-8".into(),
        ..Default::default()
    }
}

fn an_issuance() -> v1::IssueCredentialRequest {
    v1::IssueCredentialRequest {
        request_id: REQUEST_ID.into(),
        specialist_id: person(),
        application: Some(an_application()),
        effective_from: first_of_march(),
        designations: vec![v1::Designation::YoungAdult as i32],
        decision_note: "seen".into(),
        ..Default::default()
    }
}
