//! The ops port: health over gRPC, and `/livez`, `/readyz`, `/metrics` and `/status` over HTTP. It is plaintext, since
//! probes and scrapers have no certificates. It serves no personal data.
//!
//! Anyone who can reach the port may connect, so the resources of its connections are bounded. At the limit, a new
//! connection closes the oldest one: a probe is always accepted.

mod checks;
mod connection;
mod probes;
mod process;
mod readings;
mod status;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arc_swap::ArcSwapOption;
use axum::Router;
use axum::routing::get;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode, Uri};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio_stream::{Stream, StreamExt as _};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::pb::health_server::HealthServer;

use self::connection::OpsConnection;
use super::config::Config;
use super::connection_counts::ConnectionCounts;
use super::connection_set::ConnectionSet;
use super::listener::CertificateExpiries;
use super::liveness::Liveness;
use super::open::log_options;
use super::vital::Alive;
use crate::grpc::form::CallsOnly;
use crate::grpc::health::HealthBoard;
use crate::registry::{Registry, WritesOff};
use crate::store::disk::{Disk as _, RealDisk};
use crate::store::log::LogOptions;
use crate::surface::CallsUnderWay;
use crate::telemetry::access::AccessLog;
use crate::telemetry::audit::{Audit, Usage};
use crate::telemetry::metrics::{self, Metrics};
use crate::telemetry::traces::Traces;
use crate::webhooks::board::Board;

/// The maximum number of connections.
const MAX_CONNECTIONS: usize = 64;

/// The maximum number of concurrent streams per connection, and the maximum size of a request's headers in bytes.
const MAX_STREAMS: u32 = 8;
const MAX_HEADER_BYTES: u32 = 8 * 1024;

/// How long clients may take to read their last answers when the server ends.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(1);

/// What the ops port reports.
#[derive(Clone)]
pub(super) struct Ops {
    pub health: HealthBoard,
    pub metrics: Arc<Metrics>,
    /// The registry, while it is open and not draining.
    pub registry: Arc<ArcSwapOption<Registry>>,
    disks: Disks,
    /// Set once the server is about to answer calls.
    pub running: Arc<OnceLock<Running>>,
    /// Why the last check of health found that writes are not accepted.
    pub writes_off: Arc<ArcSwapOption<WritesOff>>,
    pub connections: ConnectionCounts,
    pub expiries: CertificateExpiries,
    pub liveness: Liveness,
    pub webhooks: Board,
}

/// Where the data are, and how much of the disk must stay free.
#[derive(Clone)]
struct Disks {
    data_dir: PathBuf,
    audit_dir: PathBuf,
    /// The size of a file of the audit.
    audit_file_bytes: u64,
    log: LogOptions,
}

/// The space on the disk of the data, in bytes.
struct DataDisk {
    free: u64,
    /// How much must stay free.
    reserve: u64,
}

impl Disks {
    fn data(&self) -> io::Result<DataDisk> {
        let space = RealDisk.space(&self.data_dir)?;
        Ok(DataDisk { free: space.available, reserve: self.log.reserve(space.total) })
    }
}

/// The parts of a server that answers calls.
pub(super) struct Running {
    pub audit: Audit,
    pub access: AccessLog,
    pub traces: Option<Traces>,
    pub calls: CallsUnderWay,
    pub draining: watch::Receiver<bool>,
}

impl Ops {
    /// Creates the state for a registry that is not open yet.
    pub(super) fn new(config: &Config) -> Ops {
        let audit = config.audit();
        let (mut audit_dir, audit_file_bytes) = (audit.path, audit.file_bytes);
        audit_dir.pop();
        Ops {
            health: HealthBoard::default(),
            metrics: Arc::default(),
            registry: Arc::default(),
            disks: Disks { data_dir: config.data_dir.clone(), audit_dir, audit_file_bytes, log: log_options(config) },
            running: Arc::default(),
            writes_off: Arc::default(),
            connections: ConnectionCounts::default(),
            expiries: CertificateExpiries::default(),
            liveness: Liveness::new(config.stuck_after_seconds),
            webhooks: Board::default(),
        }
    }

    fn is_draining(&self) -> bool {
        self.running.get().is_some_and(|running| *running.draining.borrow())
    }

    /// The routes of the port.
    fn routes(self) -> Routes {
        let (live, ready, status) = (self.clone(), self.clone(), self.clone());
        let http = Router::new()
            .route("/livez", get(async move || live.livez()))
            .route("/readyz", get(async move |uri: Uri, headers: HeaderMap| ready.readyz(&uri, &headers).await))
            .merge(status.status_routes());
        let health = CallsOnly(HealthServer::new(self.health.service()));
        let http = http.route("/metrics", get(move || self.clone().scrape()));
        Routes::from(http).add_service(health)
    }

    async fn scrape(self) -> Result<([(http::HeaderName, &'static str); 1], String), StatusCode> {
        // Reading the disk may block.
        let text = tokio::task::spawn_blocking(move || self.metrics.text(self.readings())).await;
        let text = text.map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
        Ok(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], text))
    }
}

/// Why the audit's share of the disk will soon be used up. `None` if it will not.
fn share_used_up(usage: &Usage) -> Option<String> {
    let days = usage.days_left()?;
    Some(format!("the audit's share of the disk will be used up in {days} days: raise audit_max_bytes"))
}

/// The running ops port. It is served during the drain as well.
pub(super) struct OpsServer {
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl OpsServer {
    /// Starts serving the port. `alive` is held while it is served.
    pub(super) fn start(ops: Ops, incoming: TcpIncoming, alive: Alive) -> OpsServer {
        let mut server = Server::builder()
            .accept_http1(true)
            .max_concurrent_streams(MAX_STREAMS)
            .http2_max_header_list_size(MAX_HEADER_BYTES);
        let (end, ended) = oneshot::channel();
        let router = server.add_routes(ops.routes());
        let served = async move {
            let _alive = alive;
            router.serve_with_incoming_shutdown(bounded(incoming), async { drop(ended.await) }).await.ok();
        };
        OpsServer { end, served: tokio::spawn(served) }
    }

    /// Ends the port. Health watches receive their last answers first, even if the drain took no time.
    pub(super) async fn end(self) {
        drop(self.end);
        tokio::time::timeout(SHUTDOWN_GRACE, self.served).await.ok();
    }
}

/// Limits the incoming connections to the maximum number.
fn bounded(incoming: TcpIncoming) -> impl Stream<Item = io::Result<OpsConnection>> {
    let mut set = ConnectionSet::with_limit(MAX_CONNECTIONS);
    incoming.map(move |stream| stream.map(|stream| OpsConnection::new(stream, set.add())))
}
