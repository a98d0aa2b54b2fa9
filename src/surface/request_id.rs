//! Request ids: each call has one, in the logs, in the audit of reads, and in the answer.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;
use prost_types::Any;
use uuid::Uuid;

use crate::proto::google::rpc;

/// The metadata of a request with the caller's id, and of its answer with the id that was used.
pub(super) static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The details of an error: an encoded `google.rpc.Status` in base 64.
static DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");

const REQUEST_INFO: &str = "type.googleapis.com/google.rpc.RequestInfo";

/// Senders may pad base 64, or not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The id of a request: the caller's own if it is a UUID, which cannot contain a name; otherwise a generated one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId(pub(super) Uuid);

impl RequestId {
    /// Adds the id to the headers of an answer.
    pub(super) fn put_into(self, headers: &mut HeaderMap) {
        if let Ok(mut id) = HeaderValue::from_str(self.0.hyphenated().encode_lower(&mut Uuid::encode_buffer())) {
            // Every answer has another id. A sensitive value stays out of the header table of the connection, where it
            // would displace headers that repeat.
            id.set_sensitive(true);
            headers.insert(&REQUEST_ID, id);
        }
    }

    /// Adds the id to the error details in headers or trailers, if there are any.
    pub(super) fn put_into_details(self, headers: &mut HeaderMap) {
        let Some(details) = headers.get(&DETAILS).and_then(|details| BASE64.decode(details).ok()) else { return };
        let info = rpc::RequestInfo { request_id: self.text(), serving_data: String::new() };
        let info = Any { type_url: REQUEST_INFO.to_owned(), value: info.encode_to_vec() };
        let added = rpc::Status { details: vec![info], ..rpc::Status::default() };
        // Two encoded messages in sequence are one message with the details of both.
        let details = BASE64.encode([details, added.encode_to_vec()].concat());
        if let Ok(details) = HeaderValue::try_from(details) {
            headers.insert(&DETAILS, details);
        }
    }

    fn text(self) -> String {
        self.0.hyphenated().to_string()
    }
}

/// Generates ids for requests without one.
#[derive(Debug)]
pub(super) struct RequestIds {
    /// Random, and fixed for the life of the process.
    prefix: u64,
    next: AtomicU64,
}

impl RequestIds {
    pub(super) fn new() -> RequestIds {
        RequestIds { prefix: Uuid::new_v4().as_u64_pair().0, next: AtomicU64::new(0) }
    }

    /// Returns the id that the caller gave, or else the next generated one.
    pub(super) fn of(&self, given: Option<&str>) -> RequestId {
        let made = || {
            let next = self.next.fetch_add(1, Ordering::Relaxed);
            let bytes = Uuid::from_u64_pair(self.prefix, next).into_bytes();
            uuid::Builder::from_custom_bytes(bytes).into_uuid()
        };
        RequestId(given.and_then(|text| Uuid::parse_str(text).ok()).unwrap_or_else(made))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_the_callers_id_if_it_is_a_uuid() {
        let ids = RequestIds::new();
        let given = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(ids.of(Some(given)).0.to_string(), given);
        assert_eq!(ids.of(Some(&format!("urn:uuid:{}", given.to_uppercase()))).0.to_string(), given);
        let made: Vec<_> = [None, Some("Rosalind"), Some("1984-02-29")].map(|given| ids.of(given).0).into();
        assert!(made[0] != made[1] && made[1] != made[2], "{made:?}");
    }

    #[test]
    fn the_id_is_added_to_the_details_of_a_refusal_and_to_no_others() {
        use tonic_types::StatusExt as _;
        let id = RequestIds::new().of(Some("67e55044-10b1-426f-9247-bb680e5fe0c8"));
        let before = crate::surface::status::invalid_field("item.as_of", "required");
        let mut headers = HeaderMap::new();
        before.add_header(&mut headers).unwrap();
        id.put_into_details(&mut headers);
        let after = tonic::Status::from_header_map(&headers).unwrap();
        let [old, new] = [&before, &after].map(|status| rpc::Status::decode(status.details()).unwrap().details);
        assert_eq!(new[..old.len()], old);
        let info = after.get_details_request_info().unwrap();
        assert_eq!((new.len() - old.len(), &*info.request_id), (1, "67e55044-10b1-426f-9247-bb680e5fe0c8"));
        assert_eq!((after.code(), after.message()), (before.code(), before.message()));

        let mut headers = HeaderMap::new();
        id.put_into_details(&mut headers);
        assert!(headers.is_empty());
        id.put_into(&mut headers);
        assert_eq!(
            (headers.len(), headers["x-request-id"].to_str().unwrap()),
            (1, "67e55044-10b1-426f-9247-bb680e5fe0c8")
        );
    }
}
