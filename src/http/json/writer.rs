//! Converts an encoded message to JSON.

use prost::DecodeError;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions, Value};

/// The canonical form: fields at their default are left out.
const CANONICAL: SerializeOptions = SerializeOptions::new();

/// Why a message cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write a message as JSON")]
pub(in crate::http) enum WriteError {
    /// The bytes are not a message of this type.
    Decode(#[from] DecodeError),
    /// It holds a message whose type is not in the contract.
    Write(#[from] serde_json::Error),
}

/// Writes an encoded message as JSON, in one line.
pub(in crate::http) fn to_json(encoded: &[u8], message: &MessageDescriptor) -> Result<Vec<u8>, WriteError> {
    let message = DynamicMessage::decode(message.clone(), encoded)?;
    let mut json = Vec::with_capacity(4 * encoded.len() + 64);
    write(&message, &mut json)?;
    Ok(json)
}

/// Writes the elements of the list in an encoded message in a line each. Its other fields, if it has any, are a line
/// before them.
pub(in crate::http) fn to_json_lines(encoded: &[u8], message: &MessageDescriptor) -> Result<Vec<u8>, WriteError> {
    let list = message.fields().find(|field| field.is_list() && field.kind().as_message().is_some());
    let mut message = DynamicMessage::decode(message.clone(), encoded)?;
    let elements = list.and_then(|list| message.take_field(&list));
    let elements = elements.as_ref().and_then(Value::as_list).unwrap_or_default();
    let rest = message.fields().next().is_some().then_some(&message);
    let mut lines = Vec::with_capacity(4 * encoded.len() + 64);
    for line in rest.into_iter().chain(elements.iter().filter_map(Value::as_message)) {
        write(line, &mut lines)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

fn write(message: &DynamicMessage, into: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    message.serialize_with_options(&mut serde_json::Serializer::new(into), &CANONICAL)
}
