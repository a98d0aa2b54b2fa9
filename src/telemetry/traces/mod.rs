//! Traces: a span for each sampled call, sent to a collector by OTLP over gRPC. Only where the environment of the
//! process asks for them.
//!
//! The thread that answers a call never waits for the collector and never wakes the thread that sends. If that one
//! cannot keep up, or the collector takes nothing, spans are dropped and counted. A span has no attribute about a
//! person on file.

#[cfg(not(feature = "traces"))]
mod absent;
mod asked;
#[cfg(feature = "traces")]
mod sending;
#[cfg(feature = "traces")]
mod settings;

use std::time::Duration;

use uuid::Uuid;

#[cfg(not(feature = "traces"))]
pub use self::absent::{Traces, TracesThread};
#[cfg(feature = "traces")]
pub use self::sending::{Traces, TracesThread};
use super::caller::TraceParent;

/// A variable has a value that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot send traces: {0}")]
pub struct TracesError(String);

/// A call that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    /// The method and its service, without the package. None if it is not a method of the contract.
    pub method: Option<(&'static str, &'static str)>,
    /// The gRPC code.
    pub code: &'static str,
    /// The span of the caller.
    pub parent: Option<TraceParent>,
    /// True if the caller is a client of the list. Nobody else decides what is traced.
    pub is_known: bool,
    /// The duration.
    pub elapsed: Duration,
    /// The id of the request.
    pub request_id: Uuid,
}
