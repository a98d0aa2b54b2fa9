//! The reading of a list for the page. It is no call of the contract, since it reads nothing of the registry. Its
//! caller must be one that may ask about the people on the list, and it counts against the quota of its client as a
//! stream does.

use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;

use super::leaving::TrackedCall;
use super::{Admission, Refusal};
use crate::auth::memory::Held;
use crate::auth::peer::Peer;
use crate::auth::quotas::Permit;
use crate::auth::{Caller, PACKAGE};
use crate::surface::limits::{CallsUnderWay, STREAM_BYTES, UnderWay, counted, counted_as_large};
use crate::surface::redaction::CallContext;
use crate::telemetry::audit::Audit;

/// The method that asks about the people on a list.
const ASKS: &str = "VerificationService/BatchVerifyCredentials";

/// A request for the reading of a list. It is in the access log once it is answered or dropped.
pub(crate) struct ListRequest {
    admission: Arc<Admission>,
    audit: Audit,
    calls: CallsUnderWay,
    tracked: TrackedCall,
}

/// What a list takes of the quota of its client until this is dropped.
pub(crate) struct ListPlace {
    caller: Arc<Caller>,
    longest: Option<Duration>,
    under_way: UnderWay,
    _permit: Permit,
    _held: Held,
}

impl ListRequest {
    /// Starts tracking a request that has arrived.
    pub(in crate::surface) fn new(
        admission: &Arc<Admission>,
        audit: &Audit,
        calls: &CallsUnderWay,
        request: &Request<()>,
    ) -> ListRequest {
        let tracked = TrackedCall::new(admission, request);
        ListRequest { admission: Arc::clone(admission), audit: audit.clone(), calls: calls.clone(), tracked }
    }

    /// Admits the request, or refuses it as a call would be refused.
    pub(crate) async fn admit(&mut self, request: &Request<()>) -> Result<ListPlace, Status> {
        let admission = &self.admission;
        let method = crate::auth::method(&format!("/{PACKAGE}.{ASKS}"));
        let CallContext { caller, headers_bytes, .. } = match admission.context(request, &mut self.tracked, method) {
            Ok(context) => context,
            Err(Refusal::Other(refusal)) => return Err(refusal),
            Err(Refusal::Role(denied)) => return Err(admission.deny(&self.audit, denied).await),
        };
        let peer: Option<&Peer> = request.extensions().get();
        let share = counted(&admission.shares, peer, &caller)?;
        let (permit, held) = counted_as_large(&share, STREAM_BYTES + headers_bytes)?;
        let under_way = UnderWay::new(&self.calls, peer.cloned(), true);
        let longest = admission.shares.limits().longest_call;
        Ok(ListPlace { caller, longest, under_way, _permit: permit, _held: held })
    }

    /// Writes the line of the access log, and adds the id of the request to its response.
    pub(crate) fn answered(self, mut response: Response<Body>) -> Response<Body> {
        self.tracked.request_id.put_into(response.headers_mut());
        self.tracked.leave_as(response.status());
        response
    }
}

impl ListPlace {
    /// The name of the client.
    pub(crate) fn client(&self) -> &str {
        &self.caller.client
    }

    /// How long a call of the client may take.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.longest
    }

    /// Marks the list as answered.
    pub(crate) fn answered(&self) {
        self.under_way.answered();
    }
}
