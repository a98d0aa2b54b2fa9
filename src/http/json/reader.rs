//! Converts JSON to an encoded message, guided by the descriptor of the message. What is not in the descriptor takes no
//! memory, and the result is never much longer than the text. No error repeats a value of the text.

use prost::bytes::Bytes;
use prost_reflect::MessageDescriptor;
use serde::de::DeserializeSeed as _;
use serde_json::error::Category;

use super::object::Object;
use super::reading::Reading;

/// A place in the text that does not fit the message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The path of the field, such as `item.as_of`, or `body` if the text is not JSON.
    pub place: String,
    /// What is wrong, and what would be right.
    pub description: String,
}

/// A message that was read from JSON.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::http) struct MessageFromJson {
    /// The encoded message.
    pub message: Bytes,
    /// The paths of the fields that the message does not have, in the order of the text, at most [`MOST_UNKNOWN`].
    pub unknown: Vec<String>,
    /// The known field that is spelled most like the first unknown one.
    pub nearest: Option<String>,
}

/// Reads a message from its JSON text.
pub(in crate::http) fn from_json(text: &[u8], message: &MessageDescriptor) -> Result<MessageFromJson, Fault> {
    let mut reading = Reading::new(text.len());
    let mut json = serde_json::Deserializer::from_slice(text);
    let read = Object { reading: &mut reading, message }.deserialize(&mut json).and_then(|()| json.end());
    match read {
        Ok(()) => {
            Ok(MessageFromJson { message: reading.out.into(), unknown: reading.unknown, nearest: reading.nearest })
        }
        Err(error) => Err(fault(&reading, &error, text)),
    }
}

/// Describes an error without the text that serde has for it, which may repeat a value.
fn fault(reading: &Reading, error: &serde_json::Error, text: &[u8]) -> Fault {
    let at = format!("line {}, column {}", error.line(), error.column());
    let description = match (&reading.wrong, error.classify()) {
        (Some(wrong), _) => wrong.clone(),
        (None, Category::Data) => format!("expected {}", reading.expected.description()),
        (None, _) if text.is_empty() => "the body is empty: send at least {}".to_owned(),
        (None, Category::Eof) => {
            return Fault { place: "body".into(), description: format!("the JSON ends too early, at {at}") };
        }
        (None, _) if std::str::from_utf8(text).is_err() => {
            return Fault { place: "body".into(), description: "not valid UTF-8".to_owned() };
        }
        (None, _) => return Fault { place: "body".into(), description: format!("not valid JSON at {at}") },
    };
    let place = reading.place();
    Fault { place: if place.is_empty() { "body".to_owned() } else { place }, description }
}
