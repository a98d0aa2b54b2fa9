//! Reading errors like a careful client.

use cpss_registry::proto::google::rpc;
use prost::Message as _;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

/// The domain of every reason.
pub const DOMAIN: &str = "credential.dmh.ms.gov";

/// The details of an error.
pub trait Refusal {
    /// The stable reason. There is exactly one, with the registry's domain.
    fn reason(&self) -> String;
    /// The invalid fields, in order.
    fn fields(&self) -> Vec<String>;
    /// The reason and the subject of each precondition violation.
    fn preconditions(&self) -> Vec<(String, String)>;
    /// The code and the reason.
    fn code_and_reason(&self) -> (Code, String);
    /// The encoded details without the id of the request, which differs for each call. A refusal has it once.
    fn details_of_any_request(&self) -> Vec<u8>;
}

impl Refusal for Status {
    fn reason(&self) -> String {
        let whole = rpc::Status::decode(self.details()).expect("a google.rpc.Status");
        assert_eq!(whole.code, i32::from(self.code()), "the code of the details is that of the status");
        assert_eq!(whole.message, self.message(), "the message of the details is that of the status");
        let infos = whole.details.iter().filter(|any| any.type_url == "type.googleapis.com/google.rpc.ErrorInfo");
        assert_eq!(infos.count(), 1, "exactly one ErrorInfo: {self:?}");
        let info = self.get_details_error_info().unwrap();
        assert_eq!(info.domain, DOMAIN);
        assert!(!info.reason.is_empty() && !self.message().is_empty(), "a reason and a message: {self:?}");
        info.reason
    }

    fn fields(&self) -> Vec<String> {
        let violations = self.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
        assert!(violations.iter().all(|violation| !violation.description.is_empty()), "says what is wrong: {self:?}");
        violations.into_iter().map(|violation| violation.field).collect()
    }

    fn preconditions(&self) -> Vec<(String, String)> {
        let violations = self.get_details_precondition_failure().map(|bad| bad.violations).unwrap_or_default();
        violations.into_iter().map(|violation| (violation.r#type, violation.subject)).collect()
    }

    fn code_and_reason(&self) -> (Code, String) {
        (self.code(), self.reason())
    }

    fn details_of_any_request(&self) -> Vec<u8> {
        let mut whole = rpc::Status::decode(self.details()).expect("a google.rpc.Status");
        let before = whole.details.len();
        whole.details.retain(|any| any.type_url != "type.googleapis.com/google.rpc.RequestInfo");
        assert_eq!(whole.details.len() + 1, before, "exactly one RequestInfo: {self:?}");
        whole.encode_to_vec()
    }
}
