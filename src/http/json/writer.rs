//! Converts an encoded message to JSON.

use prost::DecodeError;
use prost_reflect::{DynamicMessage, MessageDescriptor, SerializeOptions};

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
    let mut json = serde_json::Serializer::new(Vec::with_capacity(4 * encoded.len() + 64));
    message.serialize_with_options(&mut json, &CANONICAL)?;
    Ok(json.into_inner())
}
