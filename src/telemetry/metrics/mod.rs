//! Metrics in the OpenMetrics text format, as read by Prometheus. A call is described by its method and outcome, never
//! by its subject. Only misses are labeled with the caller.
//!
//! Calls and reloads count what happens in [`Metrics`]. Everything else is read when the page is requested
//! ([`Readings`]), so it costs nothing until then.

pub mod list;
mod reading;

use std::hash::{Hash, Hasher};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric as Registered, Registry};

use self::list::Metric;
pub use self::reading::{Readings, Value};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of the call duration histogram, in seconds.
const BOUNDS: [f64; 11] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

/// The reasons of refusals that have a series of their own.
pub const REFUSALS: [&str; 20] = [
    "TOO_FAST",
    "TOO_MANY",
    "TOO_MANY_MISSES",
    "TOO_LARGE",
    "ANSWER_TOO_LARGE",
    "WRITER_BUSY",
    "STORE_FULL",
    "STORE_DAMAGED",
    "NOT_WRITTEN",
    "OUTCOME_UNKNOWN",
    "CALENDAR_HELD",
    "AUDIT_UNAVAILABLE",
    "DRAINING",
    "LOG_UNREACHABLE",
    "LOG_NOT_OPENED",
    "CLOCK_SKEWED",
    "DURABILITY_REDUCED",
    "REPLICA_STALE",
    "DIVERGED",
    OTHER,
];

/// Stands for every value that has no series of its own, so that callers cannot create series.
const OTHER: &str = "other";

#[derive(Clone, Copy, Debug, PartialEq, Eq, EncodeLabelSet)]
struct Method {
    service: &'static str,
    method: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, EncodeLabelSet)]
struct Outcome {
    service: &'static str,
    method: &'static str,
    code: &'static str,
}

// Every call is looked up twice, and the hash of the name alone tells nearly all series apart.
impl Hash for Method {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.method.hash(state);
    }
}

impl Hash for Outcome {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.method.hash(state);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Missed {
    client: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Client {
    client: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cause {
    cause: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reload {
    files: &'static str,
    outcome: &'static str,
}

/// Why a handshake failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeFailure {
    /// The two sides could not agree, or the certificate of the client was refused.
    Tls,
    /// The client closed the connection.
    Disconnected,
    /// It took too long.
    Timeout,
    /// Newer connections took its place.
    Displaced,
}

impl HandshakeFailure {
    const ALL: [HandshakeFailure; 4] =
        [HandshakeFailure::Tls, HandshakeFailure::Disconnected, HandshakeFailure::Timeout, HandshakeFailure::Displaced];

    fn name(self) -> &'static str {
        match self {
            HandshakeFailure::Tls => "tls",
            HandshakeFailure::Disconnected => "disconnected",
            HandshakeFailure::Timeout => "timeout",
            HandshakeFailure::Displaced => "displaced",
        }
    }
}

/// Files that are reloaded together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reloaded {
    /// The certificates, the key, and the authority.
    Certificates,
    /// The list of clients.
    Clients,
}

/// What is counted while it happens.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<Outcome, Counter>,
    seconds: Family<Method, Histogram>,
    streams: Gauge,
    refusals: Family<Reason, Counter>,
    misses: Family<Missed, Counter>,
    misses_refused: Family<Client, Counter>,
    handshakes_failed: Family<Cause, Counter>,
    reloads: Family<Reload, Counter>,
}

fn register(registry: &mut Registry, metric: &Metric, counted: impl Registered) {
    match metric.unit() {
        Some(unit) => registry.register_with_unit(metric.without_unit(), metric.help, unit, counted),
        None => registry.register(metric.without_unit(), metric.help, counted),
    }
}

impl Default for Metrics {
    /// Creates the metrics of a new process.
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::default(),
            calls: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            streams: Gauge::default(),
            refusals: Family::default(),
            misses: Family::default(),
            misses_refused: Family::default(),
            handshakes_failed: Family::default(),
            reloads: Family::default(),
        };
        let registry = &mut metrics.registry;
        register(registry, &list::CALLS, metrics.calls.clone());
        register(registry, &list::CALL_SECONDS, metrics.seconds.clone());
        register(registry, &list::STREAMS_OPEN, metrics.streams.clone());
        register(registry, &list::REFUSALS, metrics.refusals.clone());
        register(registry, &list::MISSES, metrics.misses.clone());
        register(registry, &list::MISSES_REFUSED, metrics.misses_refused.clone());
        register(registry, &list::HANDSHAKES_FAILED, metrics.handshakes_failed.clone());
        register(registry, &list::RELOADS, metrics.reloads.clone());
        // A series that begins with its first event hides that event from a rate.
        REFUSALS.iter().for_each(|reason| drop(metrics.refusals.get_or_create(&Reason { reason })));
        for failure in HandshakeFailure::ALL {
            drop(metrics.handshakes_failed.get_or_create(&Cause { cause: failure.name() }));
        }
        for files in [Reloaded::Certificates, Reloaded::Clients] {
            for is_loaded in [true, false] {
                drop(metrics.reloads.get_or_create(&Reload::of(files, is_loaded)));
            }
        }
        metrics
    }
}

impl Reload {
    fn of(files: Reloaded, is_loaded: bool) -> Reload {
        let files = match files {
            Reloaded::Certificates => "certificates",
            Reloaded::Clients => "clients",
        };
        Reload { files, outcome: if is_loaded { "loaded" } else { "rejected" } }
    }
}

impl Metrics {
    /// Counts an answered call of a method, given with its service. Unknown methods share one series, so that callers
    /// cannot create new series.
    pub fn called(&self, method: Option<(&'static str, &'static str)>, code: &'static str, elapsed: Duration) {
        let (service, method) = method.unwrap_or((OTHER, OTHER));
        self.calls.get_or_create(&Outcome { service, method, code }).inc();
        self.seconds.get_or_create(&Method { service, method }).observe(elapsed.as_secs_f64());
    }

    /// Counts a refusal by its reason.
    pub fn refused(&self, reason: &str) {
        let reason = REFUSALS.into_iter().find(|known| *known == reason).unwrap_or(OTHER);
        self.refusals.get_or_create(&Reason { reason }).inc();
    }

    /// Counts a streaming call that begins.
    pub fn stream_begun(&self) {
        self.streams.inc();
    }

    /// Counts a streaming call that ended.
    pub fn stream_ended(&self) {
        self.streams.dec();
    }

    /// Counts an answer to a client of the list that a person is not on file.
    pub fn missed(&self, client: &str, kind: &'static str) {
        self.misses.get_or_create(&Missed { client: client.to_owned(), kind }).inc();
    }

    /// Counts a refused question of a client that had too many misses.
    pub fn miss_refused(&self, client: &str) {
        self.misses_refused.get_or_create(&Client { client: client.to_owned() }).inc();
    }

    /// Counts a handshake that failed.
    pub fn handshake_failed(&self, failure: HandshakeFailure) {
        self.handshakes_failed.get_or_create(&Cause { cause: failure.name() }).inc();
    }

    /// Counts a reload of some files, which took effect or was rejected.
    pub fn reloaded(&self, files: Reloaded, is_loaded: bool) {
        self.reloads.get_or_create(&Reload::of(files, is_loaded)).inc();
    }

    /// Encodes all metrics, with these values of the moment.
    pub fn text(&self, readings: Readings) -> String {
        let (mut text, mut page) = (String::new(), Registry::default());
        page.register_collector(Box::new(readings));
        let encoded = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &page))
            .and_then(|()| encode_eof(&mut text));
        // Writing to a string cannot fail.
        if encoded.is_err() { String::new() } else { text }
    }
}

#[cfg(test)]
mod tests;
