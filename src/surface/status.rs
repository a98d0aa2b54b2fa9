//! Errors: the only place that chooses gRPC codes.
//!
//! Every status carries exactly one `ErrorInfo`, with a reason that clients may branch on, and the matching detail. No
//! message repeats a name or a birth date.

pub mod shared_log;
pub mod transport;

use std::collections::HashMap;
use std::fmt::Display;
use std::time::Duration;

use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::domain::decide::{Faults, Refusal, Rejection, Violation};
use crate::domain::evaluation::Assessment;
use crate::domain::fact::CriterionOutcome;
use crate::domain::id::Revision;
use crate::proto::google::rpc;
use crate::proto::v1;
use crate::surface::encode::WireEnum as _;

/// The domain of every reason.
pub const DOMAIN: &str = "credential.dmh.ms.gov";

/// The total size of the listed faults. Details are sent in a header, and common clients limit headers to 8 KiB.
const FAULTS_BYTES: usize = 4096;

/// The maximum length of the message that names the invalid fields.
const MESSAGE_CHARACTERS: usize = 300;
/// Space in the message for the number of fields that are not named.
const AND_MORE: usize = " and 1000000 more".len();

fn status(code: Code, reason: &str, message: impl Into<String>) -> Status {
    with_details(code, reason, message, ErrorDetails::new())
}

fn with_details(code: Code, reason: &str, message: impl Into<String>, mut details: ErrorDetails) -> Status {
    details.set_error_info(reason, DOMAIN, HashMap::new());
    Status::with_error_details(code, message, details)
}

/// The status of a refused command or question.
pub fn rejected(rejection: &Rejection) -> Status {
    match rejection {
        Rejection::Invalid(faults) => invalid_argument(faults),
        Rejection::NotFound { kind, id } => not_found(kind, id),
        Rejection::NoOpenJob { subject, description } => no_resource("employment", subject, description),
        Rejection::Refused { refusal, subject, description } => refused(*refusal, subject, description),
        Rejection::CriteriaUnmet(criteria) => criteria_unmet(criteria),
    }
}

/// The status for fields that are malformed, missing or impossible.
fn invalid_argument(faults: &Faults) -> Status {
    let mut details = ErrorDetails::new();
    let (mut bytes, mut shown) = (0, 0);
    for fault in faults.listed() {
        bytes += fault.field.len() + fault.description.len();
        if bytes > FAULTS_BYTES {
            break;
        }
        details.add_bad_request_violation(&fault.field, &fault.description);
        shown += 1;
    }
    if shown < faults.count() {
        details.add_bad_request_violation("", format!("{} more fields are invalid", faults.count() - shown));
    }
    with_details(Code::InvalidArgument, "INVALID_ARGUMENT", message_of(faults), details)
}

/// Describes every fault if that fits; otherwise names as many of the invalid fields as fit.
fn message_of(faults: &Faults) -> String {
    if faults.is_empty() {
        return "the request is malformed".to_owned();
    }
    let listed = faults.listed();
    let described = listed.iter().map(|fault| format!("{}: {}", fault.field, fault.description));
    let described = described.collect::<Vec<_>>().join("; ");
    if listed.len() == faults.count() && described.chars().count() <= MESSAGE_CHARACTERS {
        return described;
    }
    let mut message = String::from("invalid fields: ");
    let mut left = MESSAGE_CHARACTERS - message.len() - AND_MORE;
    let mut named = 0;
    for fault in listed {
        let separator = if named == 0 { "" } else { ", " };
        let Some(then_left) = left.checked_sub(separator.len() + fault.field.chars().count()) else { break };
        left = then_left;
        message.push_str(separator);
        message.push_str(&fault.field);
        named += 1;
    }
    if named < faults.count() {
        message.push_str(&format!(" and {} more", faults.count() - named));
    }
    message
}

/// The status for one field that is malformed, missing or impossible.
pub fn invalid_field(field: &str, description: &str) -> Status {
    invalid_argument(&Faults::from_iter([Violation::new(field, description)]))
}

/// The status for a question by prior number that lacks a family name. `path` is the question's.
pub fn family_name_required(path: impl Display) -> Status {
    let description = "required beside prior_number for somebody who is not your staff";
    invalid_field(&format!("{path}.family_name"), description)
}

/// The status for something that is not on file or that the caller may not see. The two cases look the same.
pub fn not_found(kind: &str, id: &str) -> Status {
    no_resource(kind, id, &format!("no such {kind}"))
}

fn no_resource(kind: &str, id: &str, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_resource_info(kind, id, "", "not on file, or you may not see it");
    with_details(Code::NotFound, "NOT_FOUND", message, details)
}

fn refused(refusal: Refusal, subject: &str, description: &str) -> Status {
    let mut details = ErrorDetails::new();
    if refusal.is_already_exists() {
        let kind = match refusal {
            Refusal::EmploymentExists => "employment",
            Refusal::ProviderExists => "provider",
            Refusal::PriorNumberTaken => "credential",
            _ => "identifier",
        };
        details.set_resource_info(kind, subject, "", description);
        return with_details(Code::AlreadyExists, refusal.code(), description, details);
    }
    details.add_precondition_failure_violation(refusal.code(), subject, description);
    with_details(Code::FailedPrecondition, refusal.code(), description, details)
}

fn criteria_unmet(criteria: &[Assessment]) -> Status {
    let unmet = || criteria.iter().filter(|found| found.outcome == CriterionOutcome::Unmet);
    let mut details = ErrorDetails::new();
    for found in unmet() {
        let criterion = v1::Criterion::try_from(found.criterion.number()).unwrap_or_default().as_str_name();
        details.add_precondition_failure_violation(
            "CRITERIA_UNMET",
            criterion,
            format!("required: {}", found.required),
        );
    }
    let message = format!("the application does not meet {} of {} criteria", unmet().count(), criteria.len());
    with_details(Code::FailedPrecondition, "CRITERIA_UNMET", message, details)
}

/// The revision in a field is beyond the head.
pub fn revision_out_of_range(field: &str, asked: Revision, head: Revision) -> Status {
    out_of_range(field, format!("{asked} is beyond the head, revision {head}"))
}

/// The revision that an earlier answer relied on is not known yet at the state of knowledge that counts as now.
pub fn relied_on_out_of_range(field: &str, relied_on: Revision, now: Revision) -> Status {
    out_of_range(field, format!("{relied_on} is after revision {now}, up to which the registry is asked now"))
}

/// The instant in a field is in the future.
pub fn time_out_of_range(field: &str) -> Status {
    out_of_range(field, "later than the registry's clock: give an instant in the past, or none for the head")
}

fn out_of_range(field: &str, description: impl Into<String>) -> Status {
    let description = description.into();
    let message = format!("{field}: {description}");
    let details = ErrorDetails::with_bad_request_violation(field, description);
    with_details(Code::OutOfRange, "REVISION_OUT_OF_RANGE", message, details)
}

/// History forked from the epoch that a field names, before the revision or the instant that it names.
pub fn history_changed(field: &str, last_shared: Revision) -> Status {
    let why = format!("history forked after revision {last_shared} of this epoch, and what followed is not part of it");
    other_history(field, &format!("{field}: {why}: {}", ask_again(field)), Some(last_shared))
}

/// The epoch that a field names belongs to another registry, or to a history that was abandoned before this one began.
pub fn unknown_epoch(field: &str) -> Status {
    let why = "this registry has never had that epoch";
    other_history(field, &format!("{field}: {why}: {}", ask_again(field)), None)
}

/// What a client must do if what a field names is not part of this history.
fn ask_again(field: &str) -> &'static str {
    match field {
        "after" => "begin without it, and build the copy again",
        "page_token" => "begin the list again",
        _ => "ask from the head, or from what an answer of this history names",
    }
}

/// What a client must do if its token belongs to a history that no longer continues here.
const RECOVER: &str = "ask without min_token, report again what is missing, and use the new tokens";

/// History forked from the token's epoch before the token's revision.
pub fn token_left(last_shared: Revision) -> Status {
    let why = format!("history forked after revision {last_shared} of its epoch, and later records are not on record");
    other_history("min_token", &format!("min_token: {why}: {RECOVER}"), Some(last_shared))
}

/// The record at the token's revision is not the one that the token names.
pub fn token_of_another_record(at: Revision) -> Status {
    let why = format!("the record at revision {at} is not the one that the token names");
    other_history("min_token", &format!("min_token: {why}: {RECOVER}"), None)
}

/// The token belongs to another registry, or to a history that was abandoned before this one began.
pub fn token_of_unknown_epoch() -> Status {
    let why = "this registry has never had the token's epoch";
    other_history("min_token", &format!("min_token: {why}: {RECOVER}"), None)
}

/// `last_shared`: the last revision that both histories have, if the other one is known.
fn other_history(subject: &str, message: &str, last_shared: Option<Revision>) -> Status {
    let metadata = last_shared.map(|revision| ("last_shared_revision".to_owned(), revision.to_string()));
    let mut details = ErrorDetails::new();
    details.set_error_info("HISTORY_CHANGED", DOMAIN, metadata.into_iter().collect::<HashMap<_, _>>());
    details.add_precondition_failure_violation("HISTORY_CHANGED", subject, message);
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// A request id was used again with different content.
pub fn request_id_reused(request_id: uuid::Uuid) -> Status {
    let message = "this request_id was already used with different content: choose another";
    let mut details = ErrorDetails::new();
    details.set_resource_info("request", request_id.to_string(), "", message);
    with_details(Code::AlreadyExists, "REQUEST_ID_REUSED", message, details)
}

fn try_later(code: Code, reason: &str, message: &str, after: Duration) -> Status {
    with_details(code, reason, message, ErrorDetails::with_retry_info(Some(after)))
}

/// The writer's queue is full.
pub fn writer_busy(retry_after: Duration) -> Status {
    try_later(Code::ResourceExhausted, "WRITER_BUSY", "too many commands are waiting: try again", retry_after)
}

/// The caller exceeds its rate limit.
pub fn too_fast(message: impl Into<String>, retry_after: Duration) -> Status {
    let details = ErrorDetails::with_retry_info(Some(retry_after));
    with_details(Code::ResourceExhausted, "TOO_FAST", message, details)
}

/// The caller has asked too often about people who were not found.
pub fn too_many_misses(retry_after: Duration) -> Status {
    let details = ErrorDetails::with_retry_info(Some(retry_after));
    let seconds = retry_after.as_secs() + 1;
    let message = format!("too many questions about people who were not found: try again in {seconds} s");
    with_details(Code::ResourceExhausted, "TOO_MANY_MISSES", message, details)
}

/// The caller has reached its limit of open connections or streams. One must end before another can be opened.
pub fn too_many(message: impl Into<String>) -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
    with_details(Code::ResourceExhausted, "TOO_MANY", message, details)
}

/// A batch, a list or a message is too large.
pub fn too_large(message: impl Into<String>) -> Status {
    status(Code::ResourceExhausted, "TOO_LARGE", message)
}

/// The answer would be larger than clients accept.
pub fn answer_too_large(remedy: &str) -> Status {
    status(Code::ResourceExhausted, "ANSWER_TOO_LARGE", format!("the answer would be too large: {remedy}"))
}

/// The configuration names nobody who may read backups.
pub fn no_backup_recipient() -> Status {
    let mut details = ErrorDetails::new();
    let remedy = "set backup_recipients in the configuration of the server, and restart it";
    details.add_precondition_failure_violation("NO_BACKUP_RECIPIENT", "backup_recipients", remedy);
    let message = "the server has no key that a backup could be encrypted to";
    with_details(Code::FailedPrecondition, "NO_BACKUP_RECIPIENT", message, details)
}

/// A signature is asked for, and this replica has no key to sign with. `field` asked for it.
pub fn no_signing_key(field: &str) -> Status {
    let mut details = ErrorDetails::new();
    let remedy = "name the directory with the signing keys of all replicas in log.signing_keys, and restart the server";
    details.add_precondition_failure_violation("NO_SIGNING_KEY", field, remedy);
    let message = format!("{field}: this replica has no signing keys: ask without it, or ask another replica");
    with_details(Code::FailedPrecondition, "NO_SIGNING_KEY", message, details)
}

/// The disk is below its reserve. Questions are still answered.
pub fn store_full() -> Status {
    status(Code::ResourceExhausted, "STORE_FULL", "the disk is too full to record anything; reads still work")
}

/// The caller's deadline has passed.
pub fn deadline_exceeded() -> Status {
    status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the call's deadline has passed")
}

/// The registry is shutting down.
pub fn draining() -> Status {
    let message = "the registry is shutting down: try again";
    try_later(Code::Unavailable, "DRAINING", message, Duration::from_secs(1))
}

/// The connection is too old. The next attempt is made on a new one.
pub fn connection_aged() -> Status {
    let message =
        "the connection is older than max_connection_age_seconds: go on with another call, on a new connection";
    try_later(Code::Unavailable, "DRAINING", message, Duration::ZERO)
}

/// The calendar is held, and every write with it.
pub fn calendar_held() -> Status {
    status(Code::Unavailable, "CALENDAR_HELD", "the calendar is held until an operator releases it")
}

/// The log is damaged. Anything recorded now would be lost when a backup is restored.
pub fn store_damaged() -> Status {
    let message =
        "a part of the log is damaged or unreadable: nothing is recorded until it is restored; reads still work";
    status(Code::Unavailable, "STORE_DAMAGED", message)
}

/// The index has failed. The process ends, and the next start rebuilds the index as soon as the disk has room for it.
/// Until then, questions are answered from memory only.
pub fn index_failed() -> Status {
    let message = "the index is damaged and will be rebuilt when the registry restarts: try again";
    try_later(Code::Unavailable, "STORE_DAMAGED", message, Duration::from_secs(1))
}

/// Reads cannot be written to the audit, so they are not answered.
pub fn audit_unavailable() -> Status {
    let message = "reads of persons cannot be written to the audit, and are refused until they can: try again";
    try_later(Code::Unavailable, "AUDIT_UNAVAILABLE", message, Duration::from_secs(1))
}

/// The tree over the records is being built, and no checkpoint is signed yet.
pub fn tree_not_ready() -> Status {
    let message = "no checkpoint is signed yet, because the tree over the records is being built: try again";
    try_later(Code::Unavailable, "TREE_NOT_READY", message, Duration::from_secs(1))
}

/// The disk refused the write; nothing was recorded.
pub fn not_written(retry_after: Duration) -> Status {
    try_later(Code::Unavailable, "NOT_WRITTEN", "the write failed and nothing was recorded: try again", retry_after)
}

/// A command may or may not have been recorded.
pub fn outcome_unknown() -> Status {
    let message = "it is not known whether this was recorded: send it again with the same request_id";
    status(Code::Unavailable, "OUTCOME_UNKNOWN", message)
}

/// Stored bytes fail their checksum.
pub fn data_loss() -> Status {
    status(Code::DataLoss, "STORED_BYTES_DAMAGED", "stored bytes fail their checksum: the operator has been notified")
}

/// An internal error of the registry.
pub fn internal() -> Status {
    status(Code::Internal, "INTERNAL", "internal error of the registry: the operator has been notified")
}

/// The caller could not be identified.
pub fn unauthenticated(message: impl Into<String>) -> Status {
    status(Code::Unauthenticated, "UNAUTHENTICATED", message)
}

/// The caller may not do this.
pub fn permission_denied(message: impl Into<String>) -> Status {
    status(Code::PermissionDenied, "PERMISSION_DENIED", message)
}

/// There is no such method.
pub fn no_such_method() -> Status {
    unimplemented("the contract has no such method or service")
}

/// The requested method or feature does not exist.
pub fn unimplemented(message: impl Into<String>) -> Status {
    status(Code::Unimplemented, "UNIMPLEMENTED", message)
}

/// Returns the status as a message with code, text and details, for an item of a batch or a stream.
pub fn to_rpc_status(status: &Status) -> rpc::Status {
    let details = rpc::Status::decode(status.details()).map(|whole| whole.details).unwrap_or_default();
    rpc::Status { code: status.code().into(), message: status.message().to_owned(), details }
}

#[cfg(test)]
mod tests;
