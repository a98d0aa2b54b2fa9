//! The status of the server, and who a caller is to it.

use crate::auth::{Caller, methods, role_word};
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

/// Encodes who a caller is, and what its role may call.
pub fn caller(caller: &Caller) -> v1::GetCallerResponse {
    let allowed = methods().filter(|method| method.right(&caller.role).is_some());
    let mut allowed: Vec<_> = allowed.map(|method| method.qualified_name.to_owned()).collect();
    allowed.sort_unstable();
    v1::GetCallerResponse {
        client: caller.client.clone(),
        role: role_word(&caller.role).to_owned(),
        provider_id: caller.own_provider().map(ToString::to_string).unwrap_or_default(),
        methods: allowed,
    }
}
