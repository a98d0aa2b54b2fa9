//! The ops port: health over gRPC, and `/livez`, `/readyz` and `/metrics` over HTTP. It is plaintext, since probes and
//! scrapers have no certificates. It serves no personal data.
//!
//! Anyone who can reach the port may connect, so the resources of its connections are bounded. At the limit, a new
//! connection closes the oldest one: a probe is always accepted.

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
use super::connection_set::ConnectionSet;
use super::vital::Alive;
use crate::grpc::health::HealthBoard;
use crate::grpc::http2::form::CallsOnly;
use crate::registry::{Registry, Rung};
use crate::telemetry::audit::Usage;
use crate::telemetry::metrics::{self, AuditState, LogState, Metrics, State};

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
    pub data_dir: PathBuf,
    /// The audit's disk usage, once the audit is started.
    pub audit: Arc<OnceLock<Arc<Usage>>>,
}

impl Ops {
    /// Creates the state for a registry that is not open yet.
    pub(super) fn new(data_dir: &Path) -> Ops {
        Ops {
            health: HealthBoard::default(),
            metrics: Arc::default(),
            registry: Arc::default(),
            data_dir: data_dir.to_owned(),
            audit: Arc::default(),
        }
    }

    /// The routes of the port.
    fn routes(self) -> Routes {
        let health = self.health.clone();
        let (audit, registry) = (Arc::clone(&self.audit), Arc::clone(&self.registry));
        let ready = move || async move {
            let of_log = registry.load().as_ref().map_or(String::new(), |registry| state_of_log(registry));
            if health.serving().questions {
                let of_audit = audit.get().map_or(String::new(), |usage| warning(usage));
                (StatusCode::OK, format!("ok\n{of_audit}{of_log}"))
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, format!("not ready\n{of_log}"))
            }
        };
        let http = Router::new().route("/livez", get(async || "ok\n")).route("/readyz", get(ready));
        let health = CallsOnly(HealthServer::new(self.health.service()));
        let http = http.route("/metrics", get(move || self.clone().scrape()));
        Routes::from(http).add_service(health)
    }

    async fn scrape(self) -> Result<([(http::HeaderName, &'static str); 1], String), StatusCode> {
        // Reading the disk usage may block.
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
            log: self.registry.load().as_ref().and_then(|registry| registry.log_report()).map(|report| LogState {
                head_confirmed_age: report.age.map(|age| age.as_secs_f64()),
                trouble: report.trouble.map(|trouble| trouble.cause.name()),
                clock_offset: report.clock_ahead.map(|ahead| ahead.as_secs_f64()),
                lag: report.lag,
                appends_lost: report.readings.appends_lost,
                doubts: report.readings.doubts,
            }),
        }
    }

    /// The size of the log in bytes. A segment that is removed during the count is skipped.
    fn log_bytes(&self) -> u64 {
        let Ok(segments) = std::fs::read_dir(self.data_dir.join("log")) else { return 0 };
        segments.flatten().filter_map(|segment| segment.metadata().ok()).map(|file| file.len()).sum()
    }
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

/// What is wrong with a log that is shared, in words. Empty if nothing is.
fn state_of_log(registry: &Registry) -> String {
    let rung = Some(registry.rung()).filter(|rung| matches!(rung, Rung::Late(_) | Rung::Stale(_)));
    let rung = rung.map(|rung| format!("{rung}\n"));
    let trouble = registry.log_report().and_then(|report| report.trouble);
    let trouble = trouble.map(|trouble| format!("writes are refused: {trouble}\n"));
    format!("{}{}", rung.unwrap_or_default(), trouble.unwrap_or_default())
}

/// Warns that the audit's share of the disk will soon be used up. Empty if it will not.
fn warning(usage: &Usage) -> String {
    match usage.days_left() {
        Some(days) => format!("the audit's share of the disk will be used up in {days} days: raise audit_max_bytes\n"),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::domain::id::Revision;
    use crate::registry::Cause;

    #[test]
    fn every_cause_of_trouble_has_a_series() {
        let why = || "a test".to_owned();
        let [ours, head, last_shared] = [Revision::ZERO; 3];
        for cause in [
            Cause::Unreachable { why: why() },
            Cause::NotOpened { waiting_for: Vec::new() },
            Cause::Lost { ours, head, last_shared },
            Cause::ClockSkewed { ahead: SignedDuration::ZERO },
            Cause::DurabilityReduced { why: why() },
            Cause::Damaged { why: why() },
        ] {
            let log = LogState {
                head_confirmed_age: None,
                trouble: Some(cause.name()),
                clock_offset: None,
                lag: 0,
                appends_lost: 0,
                doubts: 0,
            };
            let page = Metrics::default().text(State { log: Some(log), ..State::default() });
            assert!(page.contains(&format!("cpss_log_trouble{{cause=\"{}\"}} 1", cause.name())), "{page}");
            assert!(page.contains("cpss_log_head_confirmed_age_seconds inf"), "{page}");
        }
    }
}
