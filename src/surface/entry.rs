//! The entry to the surface: admission, the limits and the services, in this order.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, StatusCode};
use prost::bytes::Bytes;
use tokio_stream::Stream;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::admission::{Admission, Entering, ListRequest, enter};
use super::call::{Answers, Call};
use super::limits::{Limited, LimitsLayer};
use super::services::Services;
use crate::registry::Registry;
use crate::telemetry::audit::Audit;

/// What listeners call. Clones belong to the same worker thread, whose batches take turns.
#[derive(Clone)]
pub struct Surface {
    admission: Arc<Admission>,
    audit: Audit,
    services: Limited<Services>,
}

/// A call that is being answered.
pub(crate) type Answering = Entering<<Limited<Services> as Service<Request<Body>>>::Future, Infallible>;

impl Surface {
    /// Creates the surface for the listeners of one thread.
    pub(crate) fn new(audit: &Audit, admission: &Arc<Admission>, limits: &LimitsLayer) -> Surface {
        let services = Services::new(admission, audit, limits);
        let audit = audit.for_worker();
        Surface { admission: Arc::clone(admission), audit, services: limits.by_client(services) }
    }

    /// Answers a call. `messages` are the encoded request messages of the method, and the result contains the encoded
    /// responses: one of each unless the method streams. A message that is an error ends the call with that status.
    pub async fn call<M>(&self, call: Call<'_>, messages: M) -> Result<Answers, Status>
    where
        M: Stream<Item = Result<Bytes, Status>> + Send + 'static,
    {
        let deadline = call.deadline;
        let Ok(response) = self.clone().answer(call.request(messages), deadline).await;
        Answers::of(response)
    }

    /// Answers a call that is already in gRPC form.
    pub(crate) fn answer(&mut self, request: Request<Body>, deadline: Option<Duration>) -> Answering {
        enter(&self.admission, &self.audit, &mut self.services, request, deadline)
    }

    /// The registry, for what anyone may read.
    pub(super) fn registry(&self) -> &Registry {
        &self.admission.registry
    }

    /// Starts a request for the reading of a list.
    pub(crate) fn list_request(&self, request: &Request<()>) -> ListRequest {
        ListRequest::new(&self.admission, &self.audit, self.services.calls(), request)
    }

    /// Records a request that is not a call, and that a listener answered itself with an HTTP status.
    pub(crate) fn answered<B>(&self, request: &Request<B>, status: StatusCode) {
        self.admission.note(request, status);
    }
}
