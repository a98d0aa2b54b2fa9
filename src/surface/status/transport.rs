//! Refusals of what comes to no service: a request that cannot be decoded, that is no call, or whose caller has left.

use tonic::{Code, Status};

use super::{no_such_method, status, too_large, unimplemented};

/// The header that lists the compressions that the server accepts.
const ACCEPT_ENCODING: &str = "grpc-accept-encoding";

/// Ends a request that its caller does not complete, because it canceled the call or disconnected. Nobody receives it.
pub fn canceled_by_caller() -> Status {
    // Not CANCELLED: tonic treats a request that ends with CANCELLED as complete.
    Status::new(Code::Unknown, "the caller canceled the call")
}

/// A message is compressed, although its call names no compression. The Connect protocol demands this code.
pub fn compressed_without_encoding() -> Status {
    let message = "a message is marked as compressed, but the call names no compression";
    status(Code::Internal, "MALFORMED", message)
}

/// The path takes another HTTP method. The Connect protocol demands this code.
pub fn method_not_allowed(message: impl Into<String>) -> Status {
    status(Code::Unknown, "METHOD_NOT_ALLOWED", message)
}

/// The path takes another content type. The Connect protocol demands this code.
pub fn unsupported_media_type(message: impl Into<String>) -> Status {
    status(Code::Unknown, "UNSUPPORTED_MEDIA_TYPE", message)
}

/// Converts a refusal by the transport, before any service, into one with the usual details.
pub fn of_transport(refused: Status) -> Status {
    if !refused.details().is_empty() {
        return refused;
    }
    let mut status = match refused.code() {
        Code::OutOfRange | Code::ResourceExhausted => too_large(refused.message()),
        Code::Internal => status(Code::InvalidArgument, "MALFORMED", "cannot be decoded as a request of this method"),
        Code::Unimplemented if refused.message().is_empty() => no_such_method(),
        Code::Unimplemented => unimplemented(refused.message()),
        Code::Unknown => status(Code::Cancelled, "CANCELLED", refused.message()),
        _ => return refused,
    };
    // Keep the list of supported compressions.
    if let Some(accepted) = refused.metadata().get(ACCEPT_ENCODING) {
        status.metadata_mut().insert(ACCEPT_ENCODING, accepted.clone());
    }
    status
}
