//! The ops port: health by gRPC, and by HTTP `/livez`, `/readyz` and `/metrics`. In plaintext, since probes and
//! scrapers show no certificates; there is nothing about anyone on it.
//!
//! Anyone who reaches the port may connect, so what all connections may hold is bounded. When one more comes than there may
//! be, the oldest is closed: a probe always gets in.

mod connection;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_stream::{Stream, StreamExt as _};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;

use self::connection::OpsConnection;
use super::crowd::Crowd;
use super::vital::Alive;
use crate::grpc::health::HealthBoard;
use crate::grpc::http2::form::CallsOnly;
use crate::registry::Registry;
use crate::telemetry::audit::Usage;
use crate::telemetry::metrics::{self, AuditState, Metrics, State};

/// How many connections the port has at a time.
const MOST_CONNECTIONS: usize = 64;

/// What each of them may have under way, and how large the headers of a request may be.
const STREAMS_PER_CONNECTION: u32 = 8;
const HEADERS_BYTES: u32 = 8 * 1024;

/// How long connections may take, at the end of the server, to read their last answers.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// What the ops port reports on.
#[derive(Clone)]
pub(super) struct Ops {
    pub health: HealthBoard,
    pub metrics: Arc<Metrics>,
    /// The registry, from when it is open to when it drains.
    pub registry: Arc<ArcSwapOption<Registry>>,
    pub data_dir: PathBuf,
    /// How much of the disk the audit takes, from when it is open.
    pub audit: Arc<OnceLock<Arc<Usage>>>,
}

impl Ops {
    /// Of a registry that is not open yet.
    pub(super) fn new(data_dir: &Path) -> Ops {
        Ops {
            health: HealthBoard::default(),
            metrics: Arc::default(),
            registry: Arc::default(),
            data_dir: data_dir.to_owned(),
            audit: Arc::default(),
        }
    }

    /// What is served on the port.
    fn routes(self) -> Routes {
        let health = self.health.clone();
        let audit = Arc::clone(&self.audit);
        let ready = move || async move {
            if health.serving().questions {
                (StatusCode::OK, format!("ok\n{}", audit.get().map_or(String::new(), |usage| warning(usage))))
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready\n".to_owned())
            }
        };
        let http = Router::new().route("/livez", get(async || "ok\n")).route("/readyz", get(ready));
        let health = CallsOnly(HealthServer::new(self.health.service()));
        let http = http.route("/metrics", get(move || self.clone().scrape()));
        Routes::from(http).add_service(health)
    }

    async fn scrape(self) -> Result<([(http::HeaderName, &'static str); 1], String), StatusCode> {
        // The disk is asked.
        let text = tokio::task::spawn_blocking(move || self.metrics.text(self.state())).await;
        let text = text.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text))
    }

    fn state(&self) -> State {
        let serving = self.health.serving();
        State {
            head_revision: self.registry.load().as_ref().map_or(0, |registry| registry.head().revision.0),
            log_bytes: self.log_bytes(),
            answers: serving.questions,
            writes: serving.writes,
            index: self.registry.load().as_ref().is_some_and(|registry| registry.index_works()),
            audit: self.audit.get().map(|usage| AuditState {
                bytes: usage.used(),
                limit: usage.limit(),
                seconds_until_full: usage.seconds_until_full(),
            }),
        }
    }

    /// The size of the log. A segment that goes while it is asked for counts nothing.
    fn log_bytes(&self) -> u64 {
        let Ok(segments) = std::fs::read_dir(self.data_dir.join("log")) else { return 0 };
        segments.flatten().filter_map(|segment| segment.metadata().ok()).map(|file| file.len()).sum()
    }
}

/// The port while it is served: also while the server drains.
pub(super) struct OpsServer {
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl OpsServer {
    /// Serves the port from now on. `alive` is held for as long as it is served.
    pub(super) fn start(ops: Ops, incoming: TcpIncoming, alive: Alive) -> OpsServer {
        let mut server = Server::builder()
            .accept_http1(true)
            .max_concurrent_streams(STREAMS_PER_CONNECTION)
            .http2_max_header_list_size(HEADERS_BYTES);
        let (end, ended) = oneshot::channel();
        let router = server.add_routes(ops.routes());
        let served = async move {
            let _alive = alive;
            router.serve_with_incoming_shutdown(bounded(incoming), async { drop(ended.await) }).await.ok();
        };
        OpsServer { end, served: tokio::spawn(served) }
    }

    /// Ends it. Watches of health get their last answers first: also where the server drained in no time.
    pub(super) async fn end(self) {
        drop(self.end);
        tokio::time::timeout(LAST_ANSWERS, self.served).await.ok();
    }
}

/// The connections that come, of which there are so many at a time.
fn bounded(incoming: TcpIncoming) -> impl Stream<Item = io::Result<OpsConnection>> {
    let mut crowd = Crowd::of(MOST_CONNECTIONS);
    incoming.map(move |stream| stream.map(|stream| OpsConnection::new(stream, crowd.join())))
}

/// Says that the audit's share of the disk is used up soon, while there is time to do something about it.
fn warning(usage: &Usage) -> String {
    match usage.days_left() {
        Some(days) => format!("the audit's share of the disk is used up in {days} days: raise audit_max_bytes\n"),
        None => String::new(),
    }
}
