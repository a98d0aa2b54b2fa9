//! Errors in the form of the Connect protocol: a JSON object with the code, the message, and the details.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::StatusCode;
use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use serde::Serialize;
use tonic::{Code, Status};

use crate::proto::google::rpc;

/// The prefix of the type of a detail.
const TYPES: &str = "type.googleapis.com/";

/// An error, in the order in which people read it.
#[derive(Serialize)]
struct Error<'a> {
    code: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
}

/// A detail: its type, its bytes in base 64, and for people the same as JSON.
#[derive(Serialize)]
struct Detail<'a> {
    r#type: &'a str,
    value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    debug: Option<DynamicMessage>,
}

/// The last part of an answer that ends with an error.
#[derive(Serialize)]
struct Ended<'a> {
    error: Error<'a>,
}

/// The status as JSON. `pool` describes the types of the details.
pub(super) fn text(status: &Status, pool: &DescriptorPool) -> String {
    with_error(status, pool, |error| serde_json::to_string(&error))
}

/// An object with the status as its `error`.
pub(super) fn ended(status: &Status, pool: &DescriptorPool) -> String {
    with_error(status, pool, |error| serde_json::to_string(&Ended { error }))
}

fn with_error(
    status: &Status,
    pool: &DescriptorPool,
    write: impl FnOnce(Error<'_>) -> serde_json::Result<String>,
) -> String {
    let whole = rpc::Status::decode(status.details()).unwrap_or_default();
    let details = whole.details.iter().map(|detail| described(detail, pool)).collect();
    let error = Error { code: code(status.code()), message: status.message(), details };
    // Only a detail could fail, and those are of the contract.
    write(error).unwrap_or_else(|_| "{\"code\":\"internal\"}".to_owned())
}

fn described<'a>(detail: &'a prost_types::Any, pool: &DescriptorPool) -> Detail<'a> {
    let name = detail.type_url.strip_prefix(TYPES).unwrap_or(&detail.type_url);
    let debug = pool.get_message_by_name(name).and_then(|of| DynamicMessage::decode(of, &*detail.value).ok());
    Detail { r#type: name, value: STANDARD_NO_PAD.encode(&detail.value), debug }
}

/// The name of a code.
pub(super) fn code(code: Code) -> &'static str {
    match code {
        Code::Cancelled => "canceled",
        Code::InvalidArgument => "invalid_argument",
        Code::DeadlineExceeded => "deadline_exceeded",
        Code::NotFound => "not_found",
        Code::AlreadyExists => "already_exists",
        Code::PermissionDenied => "permission_denied",
        Code::ResourceExhausted => "resource_exhausted",
        Code::FailedPrecondition => "failed_precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out_of_range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data_loss",
        Code::Unauthenticated => "unauthenticated",
        Code::Ok | Code::Unknown => "unknown",
    }
}

/// The HTTP status of a code.
pub(super) fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::Ok | Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::DESCRIPTORS;
    use crate::surface::status;

    /// The codes with their HTTP statuses, as the specification of the protocol lists them.
    const CODES: [(Code, &str, u16); 16] = [
        (Code::Cancelled, "canceled", 499),
        (Code::Unknown, "unknown", 500),
        (Code::InvalidArgument, "invalid_argument", 400),
        (Code::DeadlineExceeded, "deadline_exceeded", 504),
        (Code::NotFound, "not_found", 404),
        (Code::AlreadyExists, "already_exists", 409),
        (Code::PermissionDenied, "permission_denied", 403),
        (Code::ResourceExhausted, "resource_exhausted", 429),
        (Code::FailedPrecondition, "failed_precondition", 400),
        (Code::Aborted, "aborted", 409),
        (Code::OutOfRange, "out_of_range", 400),
        (Code::Unimplemented, "unimplemented", 501),
        (Code::Internal, "internal", 500),
        (Code::Unavailable, "unavailable", 503),
        (Code::DataLoss, "data_loss", 500),
        (Code::Unauthenticated, "unauthenticated", 401),
    ];

    #[test]
    fn every_code_has_its_name_and_its_http_status() {
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
        for (code, name, http) in CODES {
            let status = Status::new(code, "with \n \u{263a} \u{1f608}");
            let written: serde_json::Value = serde_json::from_str(&text(&status, &pool)).unwrap();
            assert_eq!(written, serde_json::json!({ "code": name, "message": status.message() }));
            let end: serde_json::Value = serde_json::from_str(&ended(&status, &pool)).unwrap();
            assert_eq!(end, serde_json::json!({ "error": written }));
            assert_eq!(http_status(code).as_u16(), http, "{name}");
        }
    }

    #[test]
    fn a_detail_is_there_twice() {
        let pool = DescriptorPool::decode(DESCRIPTORS).unwrap();
        let written: serde_json::Value =
            serde_json::from_str(&text(&status::invalid_field("item", "required"), &pool)).unwrap();
        let bad = written["details"].as_array().unwrap().iter().find(|it| it["type"] == "google.rpc.BadRequest");
        let bad = bad.unwrap_or_else(|| panic!("{written}"));
        assert_eq!(bad["debug"]["fieldViolations"][0]["field"], "item");
        let encoded = STANDARD_NO_PAD.decode(bad["value"].as_str().unwrap()).unwrap();
        assert_eq!(rpc::BadRequest::decode(&*encoded).unwrap().field_violations[0].description, "required");
    }
}
