use std::time::Instant;

use jiff::SignedDuration;

use super::shared_log::{log_trouble, log_unreachable};
use super::transport::{compressed_without_encoding, method_not_allowed, unsupported_media_type};
use super::*;
use crate::domain::fact::Criterion;
use crate::registry::{Cause, Trouble};

fn reason(status: &Status) -> String {
    let details = to_rpc_status(status).details;
    let infos = details.iter().filter(|any| any.type_url.ends_with("/google.rpc.ErrorInfo"));
    assert_eq!(infos.count(), 1, "exactly one ErrorInfo");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.domain, DOMAIN);
    info.reason
}

#[test]
fn every_refusal_has_its_code_and_names_its_subject() {
    for refusal in Refusal::ALL.iter().copied() {
        let description = "because".to_owned();
        let status = rejected(&Rejection::Refused { refusal, subject: "CPS-1".into(), description });
        assert_eq!(reason(&status), refusal.code());
        if refusal.is_already_exists() {
            assert_eq!(status.code(), Code::AlreadyExists);
            assert_eq!(status.get_details_resource_info().unwrap().resource_name, "CPS-1");
        } else {
            assert_eq!(status.code(), Code::FailedPrecondition);
            let violations = status.get_details_precondition_failure().unwrap().violations;
            assert_eq!((violations[0].r#type.as_str(), violations[0].subject.as_str()), (refusal.code(), "CPS-1"));
        }
    }
}

#[test]
fn every_invalid_field_is_reported() {
    let faults = ["request_id", "name.family_name"].map(|field| Violation::new(field, "required"));
    let status = rejected(&Rejection::Invalid(Faults::from_iter(faults)));
    assert_eq!((status.code(), reason(&status).as_str()), (Code::InvalidArgument, "INVALID_ARGUMENT"));
    assert_eq!(status.message(), "request_id: required; name.family_name: required");
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(
        violations.iter().map(|violation| violation.field.as_str()).collect::<Vec<_>>(),
        ["request_id", "name.family_name"]
    );
}

#[test]
fn a_thousand_faults_still_fit_into_a_header() {
    let faults: Faults =
        (0..1000).map(|at| Violation::new(format!("application.trainings[{at}].hours"), "wrong")).collect();
    let status = invalid_argument(&faults);
    assert!(status.details().len() < 6144, "{} bytes", status.details().len());
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations.last().unwrap().description, format!("{} more fields are invalid", 1001 - violations.len()));
    let message = status.message();
    assert!(message.len() <= MESSAGE_CHARACTERS, "{} characters", message.len());
    assert!(message.starts_with("invalid fields: application.trainings[0].hours, application.trainings[1].hours, "));
    let named = message.matches("].hours").count();
    assert!(message.ends_with(&format!(" and {} more", 1000 - named)), "{message}");
}

#[test]
fn fields_are_named_before_they_are_described() {
    let faults =
        |count| -> Faults { (0..count).map(|at| Violation::new(format!("items[{at}]"), "x".repeat(85))).collect() };
    assert_eq!(invalid_argument(&faults(4)).message(), "invalid fields: items[0], items[1], items[2], items[3]");
    assert!(invalid_argument(&faults(3)).message().starts_with("items[0]: xxx"));
    assert_eq!(invalid_argument(&faults(0)).message(), "the request is malformed");
}

#[test]
fn every_unmet_criterion_is_reported_and_no_other() {
    let criteria = [
        (Criterion::Residency, CriterionOutcome::Unmet),
        (Criterion::Literacy, CriterionOutcome::Met),
        (Criterion::References, CriterionOutcome::Undetermined),
        (Criterion::Examination, CriterionOutcome::Unmet),
    ];
    let assess = |(criterion, outcome)| Assessment {
        criterion,
        outcome,
        found: "found".into(),
        required: "the rule".into(),
        citation: String::new(),
    };
    let status = rejected(&Rejection::CriteriaUnmet(criteria.map(assess).to_vec()));
    assert_eq!((status.code(), reason(&status).as_str()), (Code::FailedPrecondition, "CRITERIA_UNMET"));
    let violations = status.get_details_precondition_failure().unwrap().violations;
    let subjects: Vec<&str> = violations.iter().map(|violation| violation.subject.as_str()).collect();
    assert_eq!(subjects, ["CRITERION_RESIDENCY", "CRITERION_EXAMINATION"]);
    assert_eq!(violations[0].description, "required: the rule");
}

#[test]
fn a_history_that_was_left_differs_from_one_that_is_unknown() {
    let last_shared = |status: Status| {
        let info = status.get_details_error_info().unwrap();
        info.metadata.get("last_shared_revision").cloned()
    };
    assert_eq!(last_shared(history_changed("known_at", Revision(7))), Some("7".to_owned()));
    assert_eq!(last_shared(token_left(Revision(7))), Some("7".to_owned()));
    assert_eq!([unknown_epoch("after"), token_of_unknown_epoch()].map(last_shared), [None, None]);
}

#[test]
fn situations_have_the_codes_of_the_contract() {
    let soon = Duration::from_millis(250);
    for (status, code, expected, retries) in [
        (not_found("credential", "CPS-1"), Code::NotFound, "NOT_FOUND", false),
        (revision_out_of_range("after", Revision(8), Revision(7)), Code::OutOfRange, "REVISION_OUT_OF_RANGE", false),
        (time_out_of_range("known_at.time"), Code::OutOfRange, "REVISION_OUT_OF_RANGE", false),
        (history_changed("known_at", Revision(7)), Code::FailedPrecondition, "HISTORY_CHANGED", false),
        (unknown_epoch("after"), Code::FailedPrecondition, "HISTORY_CHANGED", false),
        (token_left(Revision(7)), Code::FailedPrecondition, "HISTORY_CHANGED", false),
        (token_of_another_record(Revision(7)), Code::FailedPrecondition, "HISTORY_CHANGED", false),
        (token_of_unknown_epoch(), Code::FailedPrecondition, "HISTORY_CHANGED", false),
        (request_id_reused(uuid::Uuid::nil()), Code::AlreadyExists, "REQUEST_ID_REUSED", false),
        (writer_busy(soon), Code::ResourceExhausted, "WRITER_BUSY", true),
        (too_fast("too many calls", soon), Code::ResourceExhausted, "TOO_FAST", true),
        (too_many("too many streams"), Code::ResourceExhausted, "TOO_MANY", true),
        (too_large("1,001 items"), Code::ResourceExhausted, "TOO_LARGE", false),
        (store_full(), Code::ResourceExhausted, "STORE_FULL", false),
        (deadline_exceeded(), Code::DeadlineExceeded, "DEADLINE_EXCEEDED", false),
        (draining(), Code::Unavailable, "DRAINING", true),
        (connection_aged(), Code::Unavailable, "DRAINING", true),
        (not_written(soon), Code::Unavailable, "NOT_WRITTEN", true),
        (log_unreachable(soon), Code::Unavailable, "LOG_UNREACHABLE", true),
        (audit_unavailable(), Code::Unavailable, "AUDIT_UNAVAILABLE", true),
        (calendar_held(), Code::Unavailable, "CALENDAR_HELD", false),
        (store_damaged(), Code::Unavailable, "STORE_DAMAGED", false),
        (index_failed(), Code::Unavailable, "STORE_DAMAGED", true),
        (outcome_unknown(), Code::Unavailable, "OUTCOME_UNKNOWN", false),
        (data_loss(), Code::DataLoss, "STORED_BYTES_DAMAGED", false),
        (internal(), Code::Internal, "INTERNAL", false),
        (unauthenticated("no token"), Code::Unauthenticated, "UNAUTHENTICATED", false),
        (permission_denied("payers ask"), Code::PermissionDenied, "PERMISSION_DENIED", false),
        (compressed_without_encoding(), Code::Internal, "MALFORMED", false),
        (method_not_allowed("send a POST"), Code::Unknown, "METHOD_NOT_ALLOWED", false),
        (unsupported_media_type("send JSON"), Code::Unknown, "UNSUPPORTED_MEDIA_TYPE", false),
        (unimplemented("not here"), Code::Unimplemented, "UNIMPLEMENTED", false),
    ] {
        assert_eq!((status.code(), reason(&status).as_str()), (code, expected));
        assert_eq!(status.get_details_retry_info().is_some(), retries, "{expected}");
    }
}

#[test]
fn every_trouble_with_a_shared_log_has_a_reason_and_says_what_the_caller_can_know() {
    let why = || "password".to_owned();
    let [ours, head, last_shared] = [9, 7, 6].map(Revision);
    for (cause, expected, retries, says) in [
        (Cause::Unreachable { why: why() }, "LOG_UNREACHABLE", true, "cannot be reached"),
        (Cause::NotOpened { waiting_for: vec!["b".into(), "c".into()] }, "LOG_NOT_OPENED", true, "b, c"),
        (Cause::Lost { ours, head, last_shared }, "DIVERGED", false, "ends with revision 7"),
        (Cause::Lost { ours, head, last_shared }, "DIVERGED", false, "this call recorded nothing"),
        (Cause::Lost { ours, head, last_shared }, "DIVERGED", false, "log push`, or accept the loss"),
        (Cause::ClockSkewed { ahead: SignedDuration::new(61, 49_223) }, "CLOCK_SKEWED", true, "1m 1s ahead"),
        (Cause::DurabilityReduced { why: why() }, "DURABILITY_REDUCED", true, "not durable"),
        (Cause::Damaged { why: why() }, "STORE_DAMAGED", false, "damaged"),
        (Cause::NotCopied { why: why() }, "NOT_WRITTEN", true, "another replica"),
    ] {
        let trouble = Trouble { cause, since: Instant::now() };
        let status = log_trouble(&trouble, Duration::from_millis(250));
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Unavailable, expected));
        assert_eq!(status.get_details_retry_info().is_some(), retries, "{expected}");
        assert!(status.message().contains(says) && !status.message().contains(&why()), "{}", status.message());
    }
}

#[test]
fn an_items_error_is_the_status_that_a_single_call_would_have() {
    let status = invalid_field("item.as_of", "required");
    let rpc_status = to_rpc_status(&status);
    assert_eq!((rpc_status.code, rpc_status.message.as_str()), (3, "item.as_of: required"));
    assert_eq!(rpc_status.encode_to_vec(), status.details());
    let bare = to_rpc_status(&Status::new(Code::Cancelled, "gone"));
    assert_eq!((bare.code, bare.message.as_str(), bare.details.len()), (1, "gone", 0));
}
