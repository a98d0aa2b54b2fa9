//! The `grpc.health.v1` service. An unknown service is NOT_FOUND on Check; on Watch it is SERVICE_UNKNOWN, and the
//! stream stays open.
//!
//! `""`, `readiness` and the services that only read report whether questions are answered. The services that write
//! report whether writes are possible. `liveness` reports that no thread is stuck, also while the server ends.

use std::pin::Pin;

use tokio::sync::watch;
use tokio_stream::Stream;
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::proto::SERVICES;
use crate::surface::status;

/// What the server currently serves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Serving {
    /// True if questions are answered.
    pub questions: bool,
    /// True if writes are possible.
    pub writes: bool,
}

/// The current health, set by the server and read by the health service.
#[derive(Clone, Debug, Default)]
pub struct HealthBoard {
    current: watch::Sender<Board>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Board {
    serving: Serving,
    /// True if a thread is stuck.
    is_stuck: bool,
    /// True if no more changes follow. Watches then end with DRAINING, so that they do not delay the drain.
    is_last: bool,
}

impl HealthBoard {
    /// Sets what is served. Has no effect after [`HealthBoard::end`].
    pub fn set(&self, serving: Serving) {
        self.current.send_if_modified(|board| {
            let is_news = !board.is_last && board.serving != serving;
            if is_news {
                board.serving = serving;
            }
            is_news
        });
    }

    /// Reports that nothing is served any more, and ends every watch.
    pub fn end(&self) {
        self.current.send_modify(|board| {
            board.serving = Serving::default();
            board.is_last = true;
        });
    }

    /// Sets whether a thread is stuck, also after [`HealthBoard::end`].
    pub fn set_stuck(&self, is_stuck: bool) {
        self.current.send_if_modified(|board| std::mem::replace(&mut board.is_stuck, is_stuck) != is_stuck);
    }

    /// Returns what is currently served.
    pub fn serving(&self) -> Serving {
        self.current.borrow().serving
    }

    /// Returns a health service that reads this board.
    pub fn service(&self) -> HealthService {
        HealthService { board: self.clone() }
    }
}

/// `grpc.health.v1.Health`.
#[derive(Clone, Debug)]
pub struct HealthService {
    board: HealthBoard,
}

/// The condition that a service's health depends on.
#[derive(Clone, Copy)]
enum DependsOn {
    Liveness,
    Questions,
    Writes,
}

fn depends_on(name: &str) -> Option<DependsOn> {
    match name {
        "liveness" => Some(DependsOn::Liveness),
        "" | "readiness" => Some(DependsOn::Questions),
        _ => {
            let service = SERVICES.iter().find(|service| service.name == name)?;
            let writes = service.methods.iter().any(|method| method.writes);
            Some(if writes { DependsOn::Writes } else { DependsOn::Questions })
        }
    }
}

fn response(service: Option<DependsOn>, board: Board) -> HealthCheckResponse {
    let serves = |is: bool| if is { ServingStatus::Serving } else { ServingStatus::NotServing };
    let status = match service {
        None => ServingStatus::ServiceUnknown,
        Some(DependsOn::Liveness) => serves(!board.is_stuck),
        Some(DependsOn::Questions) => serves(board.serving.questions),
        Some(DependsOn::Writes) => serves(board.serving.writes),
    };
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for HealthService {
    async fn check(&self, request: Request<HealthCheckRequest>) -> Result<Response<HealthCheckResponse>, Status> {
        let service = &request.get_ref().service;
        let known = depends_on(service).ok_or_else(|| status::not_found("service", service))?;
        Ok(Response::new(response(Some(known), *self.board.current.borrow())))
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    async fn watch(&self, request: Request<HealthCheckRequest>) -> Result<Response<Self::WatchStream>, Status> {
        let service = depends_on(&request.get_ref().service);
        let watch = Some((self.board.current.subscribe(), None));
        let changes = futures_util::stream::unfold(watch, move |watch| async move {
            let (mut watched, last) = watch?;
            loop {
                let board = *watched.borrow_and_update();
                let response = response(service, board);
                if last != Some(response.status) {
                    return Some((Ok(response), Some((watched, Some(response.status)))));
                }
                if board.is_last || watched.changed().await.is_err() {
                    return Some((Err(status::draining()), None));
                }
            }
        });
        Ok(Response::new(Box::pin(changes)))
    }
}
