//! What a person can do about a refused act.

use tonic::Status;
use tonic_types::StatusExt as _;

use super::beside::suspensions;
use crate::cli::connect::Service;
use crate::cli::facts::facts_of;
use crate::cli::failure::Failure;
use crate::proto::v1::ReinstateCredentialRequest;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::list_facts_request::Subject;

/// The failure of an act, with what a person can do.
pub async fn refused(service: &Service, command: &Command, status: &Status, failure: Failure) -> Failure {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    let violations = details.bad_request().map(|bad| bad.field_violations.as_slice()).unwrap_or_default();
    match command {
        Command::ReinstateCredential(request) if reason == "ALREADY_HELD" => {
            with_suspensions(service, request, failure).await
        }
        Command::IssueCredential(_) if violations.iter().any(|violation| violation.field == "decision_note") => {
            failure.with_remedy("write the decision with --decision TEXT")
        }
        _ => failure,
    }
}

/// A refusal because the credential is held, with the suspensions that a person may have meant.
async fn with_suspensions(service: &Service, request: &ReinstateCredentialRequest, failure: Failure) -> Failure {
    let subject = Some(Subject::CredentialNumber(request.credential_number.clone()));
    let facts = facts_of(service.clone(), subject, None).await.map(|found| found.facts).unwrap_or_default();
    let open = suspensions(&facts, "").filter(|suspension| suspension.meets(request.effective_from, None));
    open.fold(failure, |failure, suspension| {
        let fact = &suspension.fact.fact_id;
        failure.with_remedy(&format!(
            "it is suspended, not lost: end the suspension with `act end {fact} --last-day DATE --reason TEXT`"
        ))
    })
}
