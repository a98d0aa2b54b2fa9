//! How messages are written: as JSON or encoded.

use std::sync::{Arc, Mutex, PoisonError};

use prost::bytes::Bytes;
use prost_reflect::MessageDescriptor;
use tonic::Status;

use super::contract::Method;
use super::json::{WriteError, from_json, to_json, to_json_lines};
use crate::surface::status;

/// A form of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// JSON.
    Json,
    /// Encoded.
    Proto,
}

/// The fields of a question that the contract does not have. A newer client may ask an older replica, so they are
/// answered in a header, and ignored.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknown(Arc<Mutex<Vec<String>>>);

impl Unknown {
    fn add(&self, names: Vec<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(names);
    }

    /// The names, for a header; `None` if there are none.
    pub(super) fn named(&self) -> Option<String> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (!names.is_empty()).then(|| names.join(", "))
    }
}

impl Codec {
    /// Reads a request of a method.
    pub(super) fn read(self, sent: Bytes, method: &Method, unknown: &Unknown) -> Result<Bytes, Status> {
        if self == Codec::Proto {
            return Ok(sent);
        }
        let read = from_json(&sent, &method.input);
        let read = read.map_err(|fault| status::invalid_field(&fault.place, &fault.description))?;
        let Some(first) = read.unknown.first() else { return Ok(read.message) };
        // A question of which nothing is known would be another question.
        if method.writes || read.message.is_empty() {
            let remedy = match &read.nearest {
                Some(nearest) => format!("the contract has no such field; did you mean {nearest}?"),
                None => "the contract has no such field".to_owned(),
            };
            return Err(status::invalid_field(first, &remedy));
        }
        unknown.add(read.unknown);
        Ok(read.message)
    }

    /// Writes a response.
    pub(super) fn write(self, response: Bytes, of: &MessageDescriptor) -> Result<Bytes, Status> {
        if self == Codec::Proto {
            return Ok(response);
        }
        written(to_json(&response, of), response, of)
    }
}

/// The elements of the list in a response, in a line of JSON each.
pub(super) fn lines(response: Bytes, of: &MessageDescriptor) -> Result<Bytes, Status> {
    written(to_json_lines(&response, of), response, of)
}

fn written(json: Result<Vec<u8>, WriteError>, response: Bytes, of: &MessageDescriptor) -> Result<Bytes, Status> {
    match json {
        Ok(json) => Ok(Bytes::from_owner(Written { json, _counted: response })),
        Err(error) => {
            tracing::error!(
                event = "json_not_written",
                message = of.full_name(),
                error = &error as &dyn std::error::Error,
                "an answer cannot be written as JSON"
            );
            Err(status::internal())
        }
    }
}

/// JSON that is sent. The encoded message counts against the quota of the client until then.
struct Written {
    json: Vec<u8>,
    _counted: Bytes,
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        &self.json
    }
}
