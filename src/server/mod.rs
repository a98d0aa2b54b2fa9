//! The server's life cycle: load the configuration, open the registry, bind the ports, serve, drain.
//!
//! The ops port opens first and reports NOT_SERVING until the registry is open. On a stop signal the server first
//! reports NOT_SERVING again. Long-lived calls then end with DRAINING. Other calls are answered until the drain
//! deadline or a second signal. Finally the writer stops and the index is closed.

mod build;
pub mod check;
pub mod config;
mod connection;
mod connection_counts;
mod connection_set;
pub mod file_modes;
pub mod generate;
mod health;
pub mod listener;
mod liveness;
pub mod logging;
pub mod moving;
mod open;
mod ops;
mod reload;
pub mod replica;
pub mod restored;
mod sample;
pub mod scratch;
mod service_manager;
pub mod setup;
mod sinks;
mod sockets;
mod started;
mod supervision;
mod vital;
mod webhooks;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;

use self::config::{Config, Mistake};
use self::connection::Protocol;
use self::health::Health;
use self::listener::certificates::CertificateError;
use self::listener::{Listener, Places, Watch};
use self::liveness::{Liveness, Seen, WRITER};
use self::ops::{Ops, OpsServer, Running};
use self::reload::Reload;
use self::replica::ReplicaError;
use self::sinks::Sinks;
use self::sockets::{Sockets, listen};
use self::supervision::Supervision;
use self::vital::{AbortOnDrop, Vital, restarted};
use self::workers::{Listeners, Threads, Workers};
use crate::auth::Identities;
use crate::auth::quotas::Quotas;
use crate::domain::day::Day;
use crate::grpc::GrpcListener;
use crate::http::{self, HttpListener};
use crate::registry::backup::Backups;
use crate::registry::scrub::{Pace, Scrub};
use crate::registry::{OpenError, Opened, Registry, TreeFollower, WriterFailed};
use crate::store::Store;
use crate::store::backup::LossError;
use crate::surface::{Admission, LimitsLayer, Operations, Surface};
use crate::telemetry::audit::{Audit, AuditFileError};
use crate::telemetry::checks::Checks;
use crate::telemetry::traces::TracesError;

/// The idle time before a TCP keep-alive probe on the ops port.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// The command of this program that reads a list for the page. It is `cli/roster/rows.rs`.
const READS_LISTS: &str = "read-roster";

/// The server cannot start or cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The server cannot listen on an address.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The registry cannot be opened.
    #[error("cannot open the registry")]
    Open(#[from] OpenError),
    /// The table `log` of the configuration cannot be used.
    #[error("{0}")]
    Log(String),
    /// This replica may not take part in the shared log.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The server's certificate or the authority of client certificates cannot be used.
    #[error("cannot use the certificates")]
    Certificates(#[from] CertificateError),
    /// The list of clients cannot be used.
    #[error("{0}")]
    Clients(Mistake),
    /// The handler of the reload signal (SIGHUP) cannot be installed.
    #[error("cannot listen for SIGHUP")]
    Hangup(#[source] std::io::Error),
    /// The loss that the operator accepts differs from the loss found.
    #[error("the loss was not accepted")]
    Loss(#[from] LossError),
    /// The sample data were rejected.
    #[error(
        "cannot load the sample data on {today}; nothing of them was kept: try a later day (--today), or leave them out \
         (--no-sample)"
    )]
    Sample {
        /// The civil day on which they were loaded.
        today: Day,
        /// The cause.
        source: sample::SampleError,
    },
    /// The descriptors of the contract cannot be read.
    #[error("cannot read the descriptors of the contract")]
    Descriptors(#[source] http::ContractError),
    /// The descriptors of the contract cannot be served by reflection.
    #[error("cannot serve the descriptors of the contract")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The writer ended because the disk or the index failed.
    #[error(transparent)]
    Writer(#[from] WriterFailed),
    /// The audit of reads cannot be started.
    #[error("cannot start the audit of reads")]
    Audit(#[from] AuditFileError),
    /// The access log cannot be started.
    #[error("cannot start the access log")]
    Access(#[source] std::io::Error),
    /// The environment asks for traces that cannot be sent.
    #[error(transparent)]
    Traces(#[from] TracesError),
    /// The handshake thread or the worker threads cannot be started.
    #[error("cannot accept connections")]
    Listener(#[source] std::io::Error),
    /// A background task panicked.
    #[error("a background task panicked")]
    Broken,
    /// A thread ended that the service depends on.
    #[error("a thread that the service depends on ended: {part}")]
    Ended {
        /// The name of the thread.
        part: &'static str,
    },
}

impl ServeError {
    /// True if the named directory or file is the wrong one. A retry does not help: the operator must name another
    /// path, or mount the disk.
    pub fn is_wrong_place(&self) -> bool {
        match self {
            ServeError::Open(refused) => refused.is_wrong_place(),
            ServeError::Log(_) | ServeError::Replica(_) | ServeError::Traces(_) => true,
            ServeError::Audit(refused) => matches!(refused, AuditFileError::NotAFile { .. }),
            _ => false,
        }
    }

    /// True if the registry must be opened again: the shared log continues in another epoch, or somebody was redacted.
    pub fn must_reopen(&self) -> bool {
        match self {
            ServeError::Writer(failed) | ServeError::Open(OpenError::Failed(failed)) => failed.must_reopen(),
            _ => false,
        }
    }
}

/// A server that accepts calls.
pub struct Listening {
    /// The address of the gRPC port.
    pub address: SocketAddr,
    /// The address of the HTTP port, if there is one.
    pub http: Option<SocketAddr>,
    /// The operations, for another listener of the same server. The server closes its registry cleanly only after this
    /// is dropped.
    pub surface: Surface,
}

/// Runs the server until the first of `signals`, or until it cannot continue. The second signal cuts the drain short.
/// Calls `on_listening` once the server accepts calls.
pub async fn run(
    config: Config,
    signals: impl Stream<Item = ()> + Send,
    on_listening: impl FnOnce(Listening),
) -> Result<(), ServeError> {
    let ops = Ops::new(&config);
    let (supervision, _watching) = Supervision::begin(&ops);
    let (listener, watch) = configured_listener(&config, &ops)?;
    let requests = watch.as_ref().map(|watch| watch.requests.clone());
    let reload = Reload::begin(&config, &supervision, requests, &ops.registry).map_err(ServeError::Hangup)?;
    let (stop, mut vital) = (watch::Sender::new(false), Vital::new());
    let (ops_listener, ops_address) = listen(config.ops_listen).await?;
    let ops_server = OpsServer::start(ops.clone(), incoming(ops_listener), vital.part("ops port"));

    let sockets = Sockets::bind(&config, ops_address).await?;
    tokio::pin!(signals);
    let Opened { registry, writer } = tokio::select! {
        opened = open::open(&config) => opened?,
        // An interrupted start leaves the same state as a kill: nothing has been acknowledged.
        _ = signals.next() => return Ok(()),
    };
    let registry = registry.serving_stale_for(config.log_serve_stale_for_seconds);
    let upkeep = start_upkeep(&registry, &ops.liveness);
    let writer = tokio::task::spawn_blocking(move || writer.join());
    tokio::pin!(writer);

    let (Sinks { audit, access, traces }, sinks) = Sinks::start(&config, &vital)?;
    ops.registry.store(Some(Arc::new(registry.clone())));
    let (identities, quotas) = (listener.identities.clone(), listener.quotas.clone());
    let (metrics, known) = (Arc::clone(&ops.metrics), (identities.clone(), quotas.clone()));
    let operations = operations(&config, ops.checks());
    let admission = Admission::new(registry.clone(), operations, known, metrics, access.clone(), traces.clone());
    let limits = LimitsLayer::new(quotas, identities, stop.subscribe());
    let (calls, draining) = (limits.calls.clone(), stop.subscribe());
    // Set once, here.
    ops.running.set(Running { audit: audit.clone(), access, traces, calls, draining }).ok();
    let (workers, threads) = start_workers(&config, &ops, &audit, &admission, &limits, &stop, &vital)?;
    let surface = Surface::new(&audit, &admission, &limits);
    let listening = Listening { address: sockets.ports.grpc, http: sockets.ports.http, surface };
    let hooks = watch.as_ref().map(|watch| watch.webhooks.subscribe());
    let hooks = hooks.map(|list| webhooks::start(&config, list, &listening.surface, &registry, &ops.webhooks));
    // `registry.close` needs every other handle to be dropped.
    drop(admission);
    let (board, writes_off) = (ops.health.clone(), ops.writes_off);
    let watched = Health { registry: registry.clone(), audit_works: audit.watch(), board, writes_off };
    watched.begin().await;
    let ports = sockets.open(listener, workers, &vital)?;
    started::log(&config, &registry, ports, watch.as_ref().map(|it| it.expiries));
    let watch = watch.map(|watch| AbortOnDrop::spawn(watch.keep()));
    let health_task = AbortOnDrop::spawn(restarted("health", move || watched.clone().keep()));
    on_listening(listening);
    supervision.is_ready();
    let (scrub, tree) = start_background(&config, &registry);

    let (mut early, mut broken) = (None, None);
    tokio::select! {
        _ = signals.next() => tracing::info!(event = "draining", "draining"),
        ended = &mut writer => early = Some(ended),
        part = vital.ended() => {
            tracing::error!(event = "vital_thread_died", part, "the process ends: a thread it depends on died");
            broken = Some(part);
        }
    }
    supervision.ends(early.as_ref().is_some_and(goes_on));
    ops.health.end();
    drop(health_task);
    stop.send_replace(true);
    drop((reload, upkeep, scrub, watch, hooks));
    warn_of_calls_cut_off(threads.end(config.drain_seconds, signals.next(), &limits.calls).await);
    // Proofs that calls waited for needed it until now.
    drop(tokio::task::spawn_blocking(move || drop(tree)).await);
    ops.registry.store(None);
    registry.close().await;
    let ended = if let Some(ended) = early { ended } else { writer.await };
    ops_server.end().await;
    // Write the audit, the access log and the spans of all answered calls before the store is closed.
    drop(tokio::task::spawn_blocking(move || sinks.close()).await);
    drop(registry);
    let ended = ended.map_err(|_| ServeError::Broken)?.map_err(|_| ServeError::Broken)?;
    close(ended.map_err(|failed| replica::ended(failed, &config))?);
    broken.map_or(Ok(()), |part| Err(ServeError::Ended { part }))
}

/// What OperationsService needs.
fn operations(config: &Config, checks: Checks) -> Operations {
    Operations { backups: Backups::new(config.data_dir.clone(), config.backup_recipients.clone()), checks }
}

/// True if the writer ended because the registry must be opened again: this process then does.
fn goes_on(ended: &Result<std::thread::Result<Result<Store, WriterFailed>>, tokio::task::JoinError>) -> bool {
    matches!(ended, Ok(Ok(Err(failed))) if failed.must_reopen())
}

/// Starts the tasks that open days, follow other processes, and wake watchers. From now on the writer is watched.
fn start_upkeep(registry: &Registry, liveness: &Liveness) -> [AbortOnDrop; 2] {
    let writer = registry.writer_progress();
    liveness.watch(WRITER, move || Some(Seen { steps: writer.steps(), is_awaited: writer.is_awaited() }));
    let (days, waking) = (registry.clone(), registry.clone());
    let calendar = AbortOnDrop::spawn(restarted("calendar", move || keep_up(days.clone())));
    [calendar, AbortOnDrop::spawn(restarted("watchers", move || wake_watchers(waking.clone())))]
}

fn warn_of_calls_cut_off(calls: usize) {
    if calls > 0 {
        tracing::warn!(
            event = "calls_cut_off",
            calls,
            "calls were cut off: they did not end before the drain deadline or a second signal"
        );
    }
}

/// Starts what runs in the background: the timeline warm-up, the scrub, and the tree over the records with its signed
/// checkpoints.
fn start_background(config: &Config, registry: &Registry) -> (Option<Scrub>, Option<TreeFollower>) {
    if let Err(error) = registry.start_warm_up() {
        tracing::warn!(
            event = "timeline_warm_up_skipped",
            error = &error as &dyn std::error::Error,
            "timeline cache warm-up did not start: timelines are loaded on demand"
        );
    }
    let scrub = registry.begin_scrub(Pace::default()).inspect_err(|error| {
        let error = error as &dyn std::error::Error;
        tracing::error!(event = "scrub_not_started", error, "the log scrub did not start");
    });
    let tree = registry.follow_tree(&config.data_dir).inspect_err(|error| {
        let error = error as &dyn std::error::Error;
        tracing::error!(event = "tree_not_started", error, "the thread that signs checkpoints did not start");
    });
    (scrub.ok(), tree.ok())
}

async fn wake_watchers(registry: Registry) {
    registry.wake_watchers().await;
}

/// Returns the listener, and the watch that reloads its files. A development server has no files to reload.
fn configured_listener(config: &Config, ops: &Ops) -> Result<(Listener, Option<Watch>), ServeError> {
    let quotas = Quotas::new(config.limits());
    let metrics = Arc::clone(&ops.metrics);
    let (connections, expiries) = (ops.connections.clone(), ops.expiries.clone());
    let watch = config.access().map(|access| Watch::begin(&access, &metrics, &expiries)).transpose()?;
    let tls = watch.as_ref().map(|watch| Arc::clone(&watch.tls));
    let identities = watch.as_ref().map_or(Identities::Dev, |watch| watch.identities.clone());
    let (protocol, places) = (Protocol::Grpc, Places::default());
    Ok((Listener { protocol, tls, identities, quotas, metrics, connections, expiries, places }, watch))
}

/// Starts one worker thread per core, with the services of every port.
fn start_workers(
    config: &Config,
    ops: &Ops,
    audit: &Audit,
    admission: &Arc<Admission>,
    limits: &LimitsLayer,
    stop: &watch::Sender<bool>,
    vital: &Vital,
) -> Result<(Workers, Threads), ServeError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let origins = http::Origins { configured: config.http_origins.0.clone(), is_dev: config.dev };
    let shared = http::Shared::new(origins, READS_LISTS).map_err(ServeError::Descriptors)?;
    let listeners = |_| {
        let surface = Surface::new(audit, admission, limits);
        let http = HttpListener::new(surface.clone(), &shared);
        let grpc = GrpcListener::new(surface, &ops.health, limits).map_err(ServeError::Reflection)?;
        Ok(Listeners { grpc, http })
    };
    let listeners = (0..cores).map(listeners).collect::<Result<_, ServeError>>()?;
    let alive = || vital.part("worker");
    Workers::start(listeners, config.connection_age(), stop, &ops.liveness, alive).map_err(ServeError::Listener)
}

/// Opens the days that begin, and publishes what other processes record.
async fn keep_up(registry: Registry) {
    tokio::join!(registry.keep_calendar(), registry.keep_following());
}

/// Closes the store. If the index is not closed cleanly, nothing is lost: after a crash of the machine it is folded
/// again.
fn close(store: Store) {
    if let Err(error) = store.close() {
        tracing::warn!(
            event = "index_not_closed",
            error = &error as &dyn std::error::Error,
            "the index was not closed cleanly: the next start folds it again"
        );
    }
}

fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE))
}
