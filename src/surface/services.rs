//! All services of the contract, as listed in the descriptor set. Only the surface can reach them.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::future::{BoxFuture, Either};
use http::{Request, Response};
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::service::Routes;
use tower::Service;

use super::limits::{BodyLimit, FairScheduler, LARGEST_MESSAGE, LimitsLayer};
use super::preencoded::service::VerificationServiceServer;
use super::{Admission, Contract, v1};
use crate::telemetry::audit::Audit;

/// All gRPC services. VerificationService is dispatched separately because it is the hot path.
#[derive(Clone)]
pub(crate) struct Services {
    verification: VerificationServiceServer<Contract>,
    others: Routes,
}

/// Returns the routes of some servers, which all share one [`Contract`].
macro_rules! routes {
    ($contract:ident $($module:ident::$server:ident)*) => {
        Routes::default()
            $(.add_service(
                v1::$module::$server::new($contract.clone()).max_decoding_message_size(LARGEST_MESSAGE),
            ))*
            .prepare()
    };
}

impl Services {
    /// Creates the services of a registry, under these limits.
    pub(super) fn new(admission: &Admission, audit: &Audit, limits: &LimitsLayer) -> Services {
        let contract = Contract {
            registry: admission.registry.clone(),
            audit: audit.for_worker(),
            scheduler: FairScheduler::new(),
            lists: limits.lists.clone(),
            quotas: limits.shares.clone(),
            misses: limits.misses.clone(),
            metrics: Arc::clone(&admission.metrics),
            operations: Arc::clone(&admission.operations),
            draining: limits.draining.clone(),
        };
        let others = v1::servers!(routes!(contract));
        let verification = VerificationServiceServer::new(contract).max_decoding_message_size(LARGEST_MESSAGE);
        Services { verification, others }
    }
}

impl Service<Request<BodyLimit>> for Services {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future =
        Either<BoxFuture<'static, Result<Response<Body>, Infallible>>, <Routes as Service<Request<BodyLimit>>>::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<BodyLimit>) -> Self::Future {
        if is_of::<VerificationServiceServer<Contract>>(request.uri().path()) {
            Either::Left(self.verification.call(request))
        } else {
            Either::Right(self.others.call(request))
        }
    }
}

/// True if a path is a method of the service.
fn is_of<S: NamedService>(path: &str) -> bool {
    path.strip_prefix('/').and_then(|path| path.strip_prefix(S::NAME)).is_some_and(|path| path.starts_with('/'))
}
