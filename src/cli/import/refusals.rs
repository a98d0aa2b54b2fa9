//! From the refusal of a row to its column and the remedy.

use prost::Message as _;
use tonic_types::StatusExt as _;

use super::kind::{Kind, SOURCE_ID};
use super::once::Thing;
use crate::cli::list::{Fault, Row};
use crate::proto::google::rpc;

/// Whether a row is wrong. Otherwise the registry could not record it for now.
pub fn is_of_row(error: &rpc::Status) -> bool {
    use tonic::Code::{AlreadyExists, FailedPrecondition, InvalidArgument, NotFound, OutOfRange};
    [InvalidArgument, NotFound, AlreadyExists, FailedPrecondition, OutOfRange].contains(&tonic::Code::from(error.code))
}

/// Whether a refusal has a reason.
pub fn says(error: &rpc::Status, reason: &str) -> bool {
    status(error).get_error_details().error_info().is_some_and(|info| info.reason == reason)
}

/// The refusal as clients of the contract receive it.
pub fn status(error: &rpc::Status) -> tonic::Status {
    tonic::Status::with_details(error.code.into(), error.message.clone(), error.encode_to_vec().into())
}

/// The faults of a refused row. `earlier` is what an earlier row says too, with the line of that row.
pub fn faults(kind: Kind, row: &Row, error: &rpc::Status, earlier: Option<(&Thing, u64)>) -> Vec<Fault> {
    let status = status(error);
    let details = status.get_error_details();
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    if !violations.is_empty() {
        let fault = |field: &str, description: &str| row.fault(&column(kind, row, field), in_words(description));
        return violations.iter().map(|violation| fault(&violation.field, &violation.description)).collect();
    }
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    let on_file = details.resource_info().map_or("", |info| info.resource_name.as_str());
    if let Some((column, remedy)) = said_twice(kind, reason, on_file, earlier) {
        return vec![row.fault(column, remedy)];
    }
    let (column, remedy) = remedy(kind, row, reason);
    vec![row.fault(column, format!("{}: {remedy}", error.message))]
}

fn in_words(description: &str) -> String {
    if description == "required" { "enter it, or remove the row".to_owned() } else { description.to_owned() }
}

/// The column of a field of the command.
fn column(kind: Kind, row: &Row, field: &str) -> String {
    let last = field.rsplit('.').next().unwrap_or(field);
    let (name, at) = last.split_once('[').unwrap_or((last, ""));
    let identifier = field.strip_prefix("identifiers[").and_then(|rest| rest.split_once(']')?.0.parse::<usize>().ok());
    if let Some(at) = identifier {
        let numbers = row.text("npi").split(';').filter(|part| !part.trim().is_empty()).count();
        return if at < numbers { "npi" } else { "medicaid_id" }.to_owned();
    }
    let renamed = match name {
        "specialist_id" | "person" => "specialist",
        "provider_id" if kind != Kind::Providers => "provider",
        "credential_number" => "credential",
        "code" => "designation",
        "effective_from" if kind == Kind::Acts => "first_day",
        other => other,
    };
    let known = if kind.has(renamed) { renamed } else { SOURCE_ID };
    // A list is one cell, which says itself which part is meant.
    if at.is_empty() || known == SOURCE_ID { known.to_owned() } else { known.trim_end_matches(']').to_owned() }
}

/// The column and the remedy of a row that says what another row says, or what is on file.
fn said_twice(
    kind: Kind,
    reason: &str,
    on_file: &str,
    earlier: Option<(&Thing, u64)>,
) -> Option<(&'static str, String)> {
    let file = kind.name();
    match (reason, earlier) {
        ("PRIOR_NUMBER_TAKEN", Some((number, line))) => {
            Some(("prior_numbers", format!("line {line} of {file} bears `{}` too: correct one of them", number.text)))
        }
        ("PRIOR_NUMBER_TAKEN", None) => {
            Some(("prior_numbers", format!("the credential {on_file} bears such a number: correct the number")))
        }
        ("EMPLOYMENT_EXISTS", Some((_, line))) => {
            let same = "the same person, provider, first day and position";
            Some((kind.first_day(), format!("line {line} of {file} has {same}: correct one of them, or remove it")))
        }
        ("EMPLOYMENT_EXISTS", None) => {
            Some((kind.first_day(), format!("the job {on_file} is the same: remove the row, or correct it")))
        }
        _ => None,
    }
}

/// The column that a rule is about, and what to do.
fn remedy(kind: Kind, row: &Row, reason: &str) -> (&'static str, &'static str) {
    let day = kind.first_day();
    let identifier = if row.text("npi").is_empty() { "medicaid_id" } else { "npi" };
    match reason {
        "BEFORE_EFFECTIVE_FROM" => (day, "correct the day, or the first day of the credential"),
        "AFTER_DEATH" => (day, "correct the day, or the day of death in deaths"),
        "NOT_HELD" => (day, "correct the day, or add the term or the act that is missing before it"),
        "ALREADY_REVOKED" => (day, "remove the row: the credential is revoked on that day"),
        "ALREADY_HELD" => (day, "remove the row, or add the act that ended the credential before it"),
        "NOT_COVERED" => (day, "add the job that the person had on that day, or the qualification of its provider"),
        "NOT_REINSTATABLE" => (day, "add the term that begins on or before that day"),
        "TERM_NOT_EXTENDED" => (day, "a term continues the last one and ends on a date of the certification cycle"),
        "CONTINUING_EDUCATION" => ("continuing_education_hours", "enter the hours of the term before"),
        "CREDENTIAL_VOID" => ("credential", "remove the row: the credential was voided in the registry"),
        "ALREADY_CREDENTIALED" => ("specialist", "a person has one credential: write later terms into terms"),
        "IDENTIFIER_TAKEN" => (identifier, "correct the identifier: it belongs to another provider"),
        "NOT_FOUND" => (SOURCE_ID, "a row that this one names was retracted in the registry: remove the row"),
        _ => (SOURCE_ID, "correct the row, or remove it"),
    }
}
