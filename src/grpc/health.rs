//! Health, as `grpc.health.v1` has it: an unknown service is NOT_FOUND on Check, and SERVICE_UNKNOWN with the stream
//! kept open on Watch.
//!
//! `""`, `readiness` and `VerificationService` say whether questions are answered; the services that write say whether
//! writes are. `liveness` says that the process runs.

use std::pin::Pin;

use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt as _, wrappers::WatchStream};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::status;

/// What is served at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// Whether questions are answered.
    pub questions: bool,
    /// Whether writes are.
    pub writes: bool,
}

/// Where what is served is written, and read by health.
#[derive(Clone, Debug)]
pub struct HealthBoard {
    serving: watch::Sender<Serving>,
}

impl Default for HealthBoard {
    fn default() -> Self {
        HealthBoard { serving: watch::Sender::new(Serving::default()) }
    }
}

impl HealthBoard {
    /// Says what is served from now on.
    pub fn set(&self, serving: Serving) {
        self.serving.send_replace(serving);
    }

    /// The health service of this board.
    pub fn service(&self) -> HealthService {
        HealthService { board: self.clone() }
    }
}

/// `grpc.health.v1.Health`.
#[derive(Clone, Debug)]
pub struct HealthService {
    board: HealthBoard,
}

/// What a service's health depends on.
#[derive(Clone, Copy)]
enum DependsOn {
    Nothing,
    Questions,
    Writes,
}

fn depends_on(service: &str) -> Option<DependsOn> {
    match service {
        "liveness" => Some(DependsOn::Nothing),
        "" | "readiness" | "ms.dmh.credential.v1.VerificationService" | "ms.dmh.credential.v1.ChangeService" => {
            Some(DependsOn::Questions)
        }
        "ms.dmh.credential.v1.CredentialService"
        | "ms.dmh.credential.v1.EmploymentService"
        | "ms.dmh.credential.v1.ProviderService"
        | "ms.dmh.credential.v1.RecordService" => Some(DependsOn::Writes),
        _ => None,
    }
}

fn response(service: Option<DependsOn>, serving: Serving) -> HealthCheckResponse {
    let serves = |is: bool| if is { ServingStatus::Serving } else { ServingStatus::NotServing };
    let status = match service {
        None => ServingStatus::ServiceUnknown,
        Some(DependsOn::Nothing) => ServingStatus::Serving,
        Some(DependsOn::Questions) => serves(serving.questions),
        Some(DependsOn::Writes) => serves(serving.writes),
    };
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        let known = depends_on(service).ok_or_else(|| status::not_found("service", service))?;
        Ok(Response::new(response(Some(known), *self.board.serving.borrow())))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let service = depends_on(&request.get_ref().service);
        let mut told = None;
        let changes = WatchStream::new(self.board.serving.subscribe()).filter_map(move |serving| {
            let response = response(service, serving);
            let is_news = told.replace(response.status) != Some(response.status);
            is_news.then_some(Ok(response))
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
