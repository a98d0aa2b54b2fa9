//! Errors: the one place that picks gRPC codes.
//!
//! Every status carries exactly one `ErrorInfo` with a reason that clients may decide on, and the detail that fits. No
//! message repeats a name or a date of birth.

use std::collections::HashMap;
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

/// The header that says which compression the server takes.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// The details travel in a header, for which common clients have 8 KiB; the faults that are listed stay well below it.
const FAULTS_BYTES: usize = 4096;

/// The message that names the fields at fault has no more characters than this.
const MESSAGE_CHARACTERS: usize = 300;
/// The room in it for how many fields there are beside those named.
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

/// Fields are malformed, missing or impossible.
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
        details.add_bad_request_violation("", format!("{} more fields are at fault", faults.count() - shown));
    }
    with_details(Code::InvalidArgument, "INVALID_ARGUMENT", message_of(faults), details)
}

/// Every fault, where that is short enough; else the fields at fault, as many as there is room for.
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
    let mut message = String::from("at fault: ");
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

/// One field is malformed, missing or impossible.
pub fn invalid_field(field: &str, description: &str) -> Status {
    invalid_argument(&Faults::from_iter([Violation::new(field, description)]))
}

/// Something named is not on file, or not the caller's to see: the answer is the same.
pub fn not_found(kind: &str, id: &str) -> Status {
    no_resource(kind, id, &format!("no such {kind}"))
}

fn no_resource(kind: &str, id: &str, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.set_resource_info(kind, id, "", "not on file, or not yours to see");
    with_details(Code::NotFound, "NOT_FOUND", message, details)
}

fn refused(refusal: Refusal, subject: &str, description: &str) -> Status {
    let mut details = ErrorDetails::new();
    if refusal.is_already_exists() {
        let kind = match refusal {
            Refusal::EmploymentExists => "employment",
            Refusal::ProviderExists => "provider",
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

/// The revision that a field names is beyond the head.
pub fn revision_out_of_range(field: &str, asked: Revision, head: Revision) -> Status {
    out_of_range(field, format!("{asked} is beyond the head, revision {head}"))
}

/// The instant that a field names has not come.
pub fn time_out_of_range(field: &str) -> Status {
    out_of_range(field, "later than the registry's clock: name an instant that has passed, or none for the head")
}

fn out_of_range(field: &str, description: impl Into<String>) -> Status {
    let description = description.into();
    let message = format!("{field}: {description}");
    let details = ErrorDetails::with_bad_request_violation(field, description);
    with_details(Code::OutOfRange, "REVISION_OUT_OF_RANGE", message, details)
}

/// The epoch asked for was left before the revision asked for.
pub fn history_changed(last_shared: Revision) -> Status {
    let message = format!("this epoch was left after revision {last_shared}: what came later is not part of history");
    other_history("epoch", &message)
}

/// The epoch asked for is of another registry, or of a history that was left before this one began.
pub fn unknown_epoch() -> Status {
    other_history("epoch", "this registry has never had that epoch: name one from an answer of this registry, or none")
}

/// What a client does whose token is of a history that goes on without what the client knows.
const RECOVER: &str = "ask without min_token, report again what is missing, and use the new tokens";

/// The history of the token was left before the token's revision.
pub fn token_left(last_shared: Revision) -> Status {
    let why = format!("the token's epoch was left after revision {last_shared}, and what came later is not on record");
    other_history("min_token", &format!("min_token: {why}: {RECOVER}"))
}

/// Another record is on file at the token's revision.
pub fn token_of_another_record(at: Revision) -> Status {
    let why = format!("another history is on record up to revision {at} than the token's");
    other_history("min_token", &format!("min_token: {why}: {RECOVER}"))
}

/// The token is of another registry, or of a history that was left before this one began.
pub fn token_of_unknown_epoch() -> Status {
    let message = "min_token: this registry has never had the token's epoch: send a token of this registry, or none";
    other_history("min_token", message)
}

fn other_history(subject: &str, message: &str) -> Status {
    let mut details = ErrorDetails::new();
    details.add_precondition_failure_violation("HISTORY_CHANGED", subject, message);
    with_details(Code::FailedPrecondition, "HISTORY_CHANGED", message, details)
}

/// A request id came again with other content.
pub fn request_id_reused(request_id: uuid::Uuid) -> Status {
    let message = "this request_id was used with other content: choose another";
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

/// The caller calls more often than it may.
pub fn too_fast(message: impl Into<String>, retry_after: Duration) -> Status {
    let details = ErrorDetails::with_retry_info(Some(retry_after));
    with_details(Code::ResourceExhausted, "TOO_FAST", message, details)
}

/// The caller has asked too often about people who are not there.
pub fn too_many_misses(retry_after: Duration) -> Status {
    let details = ErrorDetails::with_retry_info(Some(retry_after));
    let seconds = retry_after.as_secs() + 1;
    let message = format!("too many questions about people who were not found: the next is taken in {seconds} s");
    with_details(Code::ResourceExhausted, "TOO_MANY_MISSES", message, details)
}

/// The caller has as many connections or streams open as it may: they have to end before it may have another.
pub fn too_many(message: impl Into<String>) -> Status {
    let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(1)));
    with_details(Code::ResourceExhausted, "TOO_MANY", message, details)
}

/// A batch, a list or a message holds more than it may.
pub fn too_large(message: impl Into<String>) -> Status {
    status(Code::ResourceExhausted, "TOO_LARGE", message)
}

/// An answer would be larger than clients take.
pub fn answer_too_large(remedy: &str) -> Status {
    status(Code::ResourceExhausted, "ANSWER_TOO_LARGE", format!("the answer would be too large: {remedy}"))
}

/// The disk is below its floor. Questions are answered still.
pub fn store_full() -> Status {
    status(Code::ResourceExhausted, "STORE_FULL", "the disk is too full to record anything; questions are answered")
}

/// The time that the caller gave has passed.
pub fn deadline_exceeded() -> Status {
    status(Code::DeadlineExceeded, "DEADLINE_EXCEEDED", "the call's deadline has passed")
}

/// The registry is going down.
pub fn draining() -> Status {
    let message = "the registry is shutting down: ask again";
    try_later(Code::Unavailable, "DRAINING", message, Duration::from_secs(1))
}

/// The calendar is held, and with it every write.
pub fn calendar_held() -> Status {
    status(Code::Unavailable, "CALENDAR_HELD", "the calendar is held until an operator releases it")
}

/// What is recorded is damaged: what would be recorded now would have to be thrown away by a restore.
pub fn store_damaged() -> Status {
    let message =
        "a part of the record is damaged or cannot be read: nothing is recorded until it can; questions are answered";
    status(Code::Unavailable, "STORE_DAMAGED", message)
}

/// The index has failed. The process ends and the next start makes the index again, as soon as the disk has room for
/// it; until then only what is in memory is answered.
pub fn index_failed() -> Status {
    let message = "the index is damaged, and the registry's next start makes it again: try again";
    try_later(Code::Unavailable, "STORE_DAMAGED", message, Duration::from_secs(1))
}

/// Nobody can write down who asks about whom, so nobody is answered.
pub fn audit_unavailable() -> Status {
    let message = "reads of persons cannot be written down, and are refused until they can: try again";
    try_later(Code::Unavailable, "AUDIT_UNAVAILABLE", message, Duration::from_secs(1))
}

/// The disk refused, and nothing was recorded.
pub fn not_written(retry_after: Duration) -> Status {
    try_later(Code::Unavailable, "NOT_WRITTEN", "nothing could be recorded, and nothing was: try again", retry_after)
}

/// A command may or may not have been recorded.
pub fn outcome_unknown() -> Status {
    let message = "nobody can say yet whether this was recorded: ask again with the same request_id";
    status(Code::Unavailable, "OUTCOME_UNKNOWN", message)
}

/// Stored bytes fail their check.
pub fn data_loss() -> Status {
    status(Code::DataLoss, "STORED_BYTES_DAMAGED", "stored bytes fail their check: the operator has been notified")
}

/// A fault of the registry's own.
pub fn internal() -> Status {
    status(Code::Internal, "INTERNAL", "the registry is at fault: the operator has been notified")
}

/// Nobody known calls.
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

/// What a request ends with that its caller does not finish: it cancelled the call, or went away. Nobody reads it.
pub fn broken_off() -> Status {
    // Of a request that ends with CANCELLED tonic says that it is whole.
    Status::new(Code::Unknown, "the caller cancelled the call")
}

/// There is no such thing here.
pub fn unimplemented(message: impl Into<String>) -> Status {
    status(Code::Unimplemented, "UNIMPLEMENTED", message)
}

/// What the transport refuses before a service sees it, said as every other refusal is.
pub fn of_transport(refused: Status) -> Status {
    if !refused.details().is_empty() {
        return refused;
    }
    let mut status = match refused.code() {
        Code::OutOfRange | Code::ResourceExhausted => too_large(refused.message()),
        Code::Internal => status(Code::InvalidArgument, "MALFORMED", "the message is not one of this method's request"),
        Code::Unimplemented if refused.message().is_empty() => no_such_method(),
        Code::Unimplemented => unimplemented(refused.message()),
        Code::Unknown => status(Code::Cancelled, "CANCELLED", refused.message()),
        _ => return refused,
    };
    // What compression could be used.
    if let Some(accepted) = refused.metadata().get(ACCEPT_ENCODING) {
        status.metadata_mut().insert(ACCEPT_ENCODING, accepted.clone());
    }
    status
}

/// The same status as a message, for an item of a batch or a stream: code, message and details.
pub fn to_rpc_status(status: &Status) -> rpc::Status {
    let details = rpc::Status::decode(status.details()).map(|whole| whole.details).unwrap_or_default();
    rpc::Status { code: status.code().into(), message: status.message().to_owned(), details }
}

#[cfg(test)]
mod tests;
