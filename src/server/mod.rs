//! The server: config → open → bind → serve → drain.
//!
//! The ops port is there first, and says NOT_SERVING until the registry is open. At the signal to stop it says so again
//! before anything else, and goes on to the end. Calls that may last end with DRAINING; the others are answered within
//! the drain's deadline, or until a second signal. Then the writer ends, and the index is closed.

pub mod check;
pub mod config;
mod connection;
mod crowd;
mod file_modes;
pub mod generate;
pub mod listener;
mod open;
mod ops;
mod sample;
pub mod setup;
mod vital;
mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_stream::{Stream, StreamExt as _};
use tonic::transport::server::TcpIncoming;

use self::config::{Config, Mistake};
use self::listener::certificates::CertificateError;
use self::listener::{Listener, Watch};
use self::ops::{Ops, OpsServer};
use self::vital::{Vital, restarted};
use self::workers::{Threads, Workers};
use crate::auth::Identities;
use crate::auth::quotas::Quotas;
use crate::domain::day::Day;
use crate::grpc::GrpcListener;
use crate::grpc::health::{HealthBoard, Serving};
use crate::registry::clock;
use crate::registry::scrub::{Pace, Scrub};
use crate::registry::{OpenError, Opened, Registry, WriterFailed};
use crate::store::Store;
use crate::store::backup::LossError;
use crate::store::priority::{BACKGROUND, lower_priority};
use crate::surface::{Admission, LimitsLayer, Surface};
use crate::telemetry;
use crate::telemetry::access::AccessLog;
use crate::telemetry::audit::{Audit, AuditFileError};
use crate::telemetry::metrics::Metrics;

pub use crate::telemetry::log_panics;

/// How often a peer that says nothing is asked whether it is there, and how long it may take to say so.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How often it is asked whether writes are possible: that fast does their health follow.
const WRITES_WATCHED: Duration = Duration::from_secs(1);

/// The server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The registry does not open.
    #[error("the registry does not open")]
    Open(#[from] OpenError),
    /// The server's certificate, or the authority of its clients', cannot be used.
    #[error("the certificates cannot be used")]
    Certificates(#[from] CertificateError),
    /// The list of clients cannot be used.
    #[error("{0}")]
    Clients(Mistake),
    /// The signal to read the files again cannot be listened for.
    #[error("SIGHUP cannot be listened for")]
    Hangup(#[source] std::io::Error),
    /// The loss that the operator would accept is not the one that there is.
    #[error("the loss was not accepted")]
    Loss(#[from] LossError),
    /// The sample data were not accepted.
    #[error(
        "the sample data could not be loaded on {today}, and nothing of them was kept: try a later day (--today), or leave \
         them out (--no-sample)"
    )]
    Sample {
        /// The civil day.
        today: Day,
        /// Why.
        source: sample::SampleError,
    },
    /// The contract's descriptors cannot be shown.
    #[error("the descriptors of the contract cannot be shown")]
    Reflection(#[source] tonic_reflection::server::Error),
    /// The writer ended because the disk or the index failed.
    #[error(transparent)]
    Writer(#[from] WriterFailed),
    /// The audit of reads does not start.
    #[error("the audit of reads could not be started")]
    Audit(#[from] AuditFileError),
    /// The access log does not start.
    #[error("the access log could not be started")]
    Access(#[source] std::io::Error),
    /// The threads of the handshakes and of the workers do not start.
    #[error("cannot accept connections")]
    Listener(#[source] std::io::Error),
    /// A part of the program broke off.
    #[error("a part of the program broke off")]
    Broken,
    /// A part ended that the service cannot do without.
    #[error("a part that the service cannot do without broke off: {part}")]
    Ended {
        /// Which.
        part: &'static str,
    },
}

impl ServeError {
    /// Whether the directory or the file that was named is not what it has to be: nothing helps but to name another
    /// one, or to mount the disk.
    pub fn is_wrong_place(&self) -> bool {
        match self {
            ServeError::Open(refused) => refused.is_wrong_place(),
            ServeError::Audit(refused) => matches!(refused, AuditFileError::NotAFile { .. }),
            _ => false,
        }
    }
}

/// A server that takes calls.
pub struct Listening {
    /// Where it takes them by gRPC.
    pub address: SocketAddr,
    /// What another listener of the same server calls. The server closes its registry in order only once this is
    /// dropped.
    pub surface: Surface,
}

/// Runs the server until the first of `signals`, or until it cannot go on; the next one cuts the drain short.
/// `on_listening` is called once calls are taken.
pub async fn run(
    config: Config,
    signals: impl Stream<Item = ()> + Send,
    on_listening: impl FnOnce(Listening),
) -> Result<(), ServeError> {
    telemetry::log_to_stderr();
    let ops = Ops::new(&config.data_dir);
    let (listener, watch) = configured_listener(&config, &ops.metrics)?;
    let health = ops.health.clone();
    let (stop, mut vital) = (watch::Sender::new(false), Vital::new());
    let ops_listener = listen(config.ops_listen).await?;
    let ops_server = OpsServer::start(ops.clone(), incoming(ops_listener), vital.part("ops port"));

    let socket = listen(config.listen).await?;
    let address = socket.local_addr().map_err(|source| ServeError::Listen { address: config.listen, source })?;
    tokio::pin!(signals);
    let opened = tokio::select! {
        opened = open::open(&config) => opened?,
        // What was being opened is as it would be after a kill: nothing has been acknowledged.
        _ = signals.next() => return Ok(()),
    };
    let Opened { registry, writer } = opened;
    let days = registry.clone();
    let calendar = tokio::spawn(restarted("calendar", move || keep_calendar(days.clone())));
    let waking = registry.clone();
    let waking = tokio::spawn(restarted("watchers", move || wake_watchers(waking.clone())));
    let writer = tokio::task::spawn_blocking(move || writer.join());
    tokio::pin!(writer);

    let (audit, audit_thread) =
        Audit::start(config.audit(), clock::now, || lower_priority(BACKGROUND), vital.part("audit"))?;
    // It is set once, here.
    ops.audit.set(audit.usage()).ok();
    ops.registry.store(Some(Arc::new(registry.clone())));
    let access = AccessLog::start(std::io::stderr(), clock::now, vital.part("access log"));
    let (access, access_thread) = access.map_err(ServeError::Access)?;
    let (identities, shares) = (listener.identities.clone(), listener.shares.clone());
    let admission = Admission::new(registry.clone(), identities.clone(), shares.clone(), ops.metrics, access);
    let limits = LimitsLayer::new(shares, identities, stop.subscribe());
    let (workers, threads) = start_workers(&health, &audit, &admission, &limits, &stop, &vital)?;
    let listening = Listening { address, surface: Surface::new(&audit, &admission, &limits) };
    // When it closes the registry is the last of its kind.
    drop(admission);
    listener.open(socket, workers, vital.part("listener")).map_err(ServeError::Listener)?;
    let watch = watch.map(|watch| tokio::spawn(watch.keep()));
    health.set(Serving { questions: *audit.watch().borrow(), writes: registry.takes_writes().await });
    let watched = (registry.clone(), audit.watch(), health.clone());
    let health_task = tokio::spawn(restarted("health", move || report_health(watched.clone())));
    on_listening(listening);
    let scrub = begin_to_read(&registry);

    let (mut early, mut broken) = (None, None);
    tokio::select! {
        _ = signals.next() => tracing::info!(event = "draining", "draining"),
        ended = &mut writer => early = Some(ended),
        part = vital.ended() => {
            tracing::error!(event = "vital_thread_died", part, "the process ends: a thread it depends on died");
            broken = Some(part);
        }
    }
    health.end();
    health_task.abort();
    stop.send_replace(true);
    calendar.abort();
    waking.abort();
    drop(scrub);
    watch.inspect(JoinHandle::abort);
    warn_of_calls_cut_off(threads.end(config.drain_seconds, signals.next(), &limits.calls).await);
    ops.registry.store(None);
    registry.close().await;
    let ended = match early {
        Some(ended) => ended,
        None => writer.await,
    };
    ops_server.end().await;
    // What was answered is written down, before anything else is let go of.
    drop(tokio::task::spawn_blocking(move || (audit_thread.close(), access_thread.close())).await);
    drop(registry);
    close(ended.map_err(|_| ServeError::Broken)?.map_err(|_| ServeError::Broken)??);
    broken.map_or(Ok(()), |part| Err(ServeError::Ended { part }))
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

/// Begins what reads the log and the index while calls are answered.
fn begin_to_read(registry: &Registry) -> Option<Scrub> {
    if let Err(error) = registry.begin_to_read_in() {
        tracing::warn!(
            event = "timeline_warm_up_skipped",
            error = &error as &dyn std::error::Error,
            "timeline cache warm-up did not start: timelines are loaded on demand"
        );
    }
    let scrub = registry.begin_scrub(Pace::default());
    scrub
        .inspect_err(|error| {
            tracing::error!(
                event = "scrub_not_started",
                error = error as &dyn std::error::Error,
                "the log scrub did not start"
            );
        })
        .ok()
}

async fn wake_watchers(registry: Registry) {
    registry.wake_watchers().await;
}

/// How connections are taken, and what keeps that up to date: nothing does on a development server.
fn configured_listener(config: &Config, metrics: &Arc<Metrics>) -> Result<(Listener, Option<Watch>), ServeError> {
    let shares = Quotas::new(config.limits());
    let Some(access) = config.access() else {
        return Ok((Listener { tls: None, identities: Identities::Dev, shares }, None));
    };
    let watch = Watch::begin(&access, metrics)?;
    let listener = Listener { tls: Some(Arc::clone(&watch.tls)), identities: watch.identities.clone(), shares };
    Ok((listener, Some(watch)))
}

/// A worker for each core.
fn start_workers(
    health: &HealthBoard,
    audit: &Audit,
    admission: &Arc<Admission>,
    limits: &LimitsLayer,
    stop: &watch::Sender<bool>,
    vital: &Vital,
) -> Result<(Workers, Threads), ServeError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let listener = |_| GrpcListener::new(Surface::new(audit, admission, limits), health, limits);
    let listeners = (0..cores).map(listener).collect::<Result<_, _>>().map_err(ServeError::Reflection)?;
    Workers::start(listeners, stop, || vital.part("worker")).map_err(ServeError::Listener)
}

async fn keep_calendar(registry: Registry) {
    registry.keep_calendar().await;
}

/// Says what is served: questions while they can be written down; writes while the disk has room and the calendar goes
/// on.
async fn report_health((registry, mut is_written_down, health): (Registry, watch::Receiver<bool>, HealthBoard)) {
    let mut before = true;
    loop {
        let writes = registry.takes_writes().await;
        if std::mem::replace(&mut before, writes) != writes {
            tracing::warn!(event = "write_health_changed", writes, "write health changed");
        }
        health.set(Serving { questions: *is_written_down.borrow_and_update(), writes });
        tokio::select! {
            () = tokio::time::sleep(WRITES_WATCHED) => {}
            changed = is_written_down.changed() => if changed.is_err() { return },
        }
    }
}

/// Closes the store. An index that is not closed is no loss: it is folded again if the machine goes down.
fn close(store: Store) {
    if let Err(error) = store.close() {
        tracing::warn!(
            event = "index_not_closed",
            error = &error as &dyn std::error::Error,
            "the index was not closed cleanly: the next start folds it again"
        );
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })
}

fn incoming(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(KEEPALIVE))
}
