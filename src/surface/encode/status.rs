//! The status of the server.

use crate::proto::v1;
use crate::telemetry::checks::Status;

/// Encodes the status of the server.
pub fn status(status: Status) -> v1::GetStatusResponse {
    let checks = status.checks.into_iter().map(|checked| v1::StatusCheck {
        name: checked.check.name().to_owned(),
        ok: checked.failure.is_none(),
        failure: checked.failure.unwrap_or_default(),
    });
    v1::GetStatusResponse { ready: status.is_ready, checks: checks.collect() }
}
