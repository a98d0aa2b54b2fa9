//! Calls that the caller's role may not make. Such an attempt is in the audit of reads before it is refused. The
//! request is not read, so the line names nobody.

use std::sync::Arc;

use tonic::Status;

use super::Admission;
use crate::auth::{Caller, Method};
use crate::surface::limits::refused;
use crate::surface::read_audit::{REFUSED, written};
use crate::surface::request_id::RequestId;
use crate::surface::status;
use crate::telemetry::audit::{Audit, Call, Client, Question};

/// A call that the caller's role may not make.
pub(super) struct Denied {
    pub(super) caller: Arc<Caller>,
    pub(super) method: &'static Method,
    pub(super) request_id: RequestId,
}

impl Admission {
    /// Returns the refusal of a call once its line is in the audit. The call counts against the quota of the client, so
    /// that refused calls cannot fill the audit faster than questions can.
    pub(super) fn deny(&self, audit: &Audit, denied: Denied) -> impl Future<Output = Status> + use<> {
        let Denied { caller, method, request_id } = denied;
        let counted = self.shares.of(&caller.client).call().map_err(refused);
        let revision = self.registry.head_revision().0;
        let reported = counted.map(|()| {
            audit.report(Question {
                call: Call {
                    client: caller as Arc<dyn Client>,
                    method: method.qualified_name,
                    request_id: request_id.0,
                    known_at: revision,
                    revision,
                },
                number: None,
                named: None,
                as_of: None,
                verdict: Some(REFUSED),
            })
        });
        async move {
            match reported {
                Err(exhausted) => exhausted,
                Ok(reported) => written(reported)
                    .await
                    .err()
                    .unwrap_or_else(|| status::permission_denied("the caller's role may not call this method")),
            }
        }
    }
}
