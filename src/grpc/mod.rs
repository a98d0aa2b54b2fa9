//! The gRPC listener: HTTP/2, request validation, and deadlines. It serves the contract, health and reflection.
//!
//! Calls of the contract go to the [`Surface`], which admits and answers them. Health is open to everyone, because it
//! contains no personal data. Reflection is for clients of the list, whatever their role, because its responses are
//! large.

mod deadline;
pub(crate) mod form;
pub mod health;

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::TryFutureExt as _;
use futures_util::future::{Either, MapOk};
use http::{Request, Response};
use tonic::body::Body;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::{Builder, Error};
use tower::Service;

use self::deadline::deadline;
use self::health::HealthBoard;
use crate::proto::DESCRIPTORS;
use crate::surface::{Answering, LARGEST_PLAIN, Limited, LimitsLayer, Surface, explained};

/// The service that answers the requests of a connection.
#[derive(Clone)]
pub(crate) struct GrpcListener {
    surface: Surface,
    health: Limited<Routes>,
    reflection: Limited<Routes>,
}

impl GrpcListener {
    /// Creates a listener that calls this surface.
    pub(crate) fn new(surface: Surface, health: &HealthBoard, limits: &LimitsLayer) -> Result<GrpcListener, Error> {
        let health = Routes::default()
            .add_service(HealthServer::new(health.service()).max_decoding_message_size(LARGEST_PLAIN))
            .prepare();
        let reflection = Routes::default()
            .add_service(reflection().build_v1()?.max_decoding_message_size(LARGEST_PLAIN))
            .add_service(reflection().build_v1alpha()?.max_decoding_message_size(LARGEST_PLAIN))
            .prepare();
        let (health, reflection) = (limits.open_to_all(health), limits.for_clients(reflection));
        Ok(GrpcListener { surface, health, reflection })
    }
}

fn reflection() -> Builder<'static> {
    Builder::configure()
        .register_encoded_file_descriptor_set(DESCRIPTORS)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
}

/// Returns the service of a call that is not part of the contract.
fn other_service<'a>(listener: &'a mut GrpcListener, path: &str) -> Option<&'a mut Limited<Routes>> {
    if path.starts_with("/grpc.health.") {
        Some(&mut listener.health)
    } else if path.starts_with("/grpc.reflection.") {
        Some(&mut listener.reflection)
    } else {
        None
    }
}

type Answer = Result<Response<Body>, Infallible>;
type Open = MapOk<<Limited<Routes> as Service<Request<Body>>>::Future, fn(Response<Body>) -> Response<Body>>;

impl Service<Request<Body>> for GrpcListener {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<Answering, Either<Open, Ready<Answer>>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if let Some(refusal) = form::refusal(&request) {
            self.surface.answered(&request, refusal.status());
            return Either::Right(Either::Right(ready(Ok(refusal))));
        }
        if let Some(service) = other_service(self, request.uri().path()) {
            return Either::Right(Either::Left(service.call(request).map_ok(explained as fn(_) -> _)));
        }
        let deadline = deadline(request.headers());
        Either::Left(self.surface.answer(request, deadline))
    }
}
