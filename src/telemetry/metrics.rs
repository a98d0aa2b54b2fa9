//! Metrics in the OpenMetrics text format, as read by Prometheus. A call is described by its method and outcome, never
//! by its subject. Only misses are labeled with the caller.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The upper bounds of the call duration histogram, in seconds.
const BOUNDS: [f64; 11] = [0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.025, 0.1, 0.5, 2.5, 10.0];

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Method {
    service: &'static str,
    method: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    service: &'static str,
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Missed {
    client: String,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Refused {
    client: String,
}

/// All metrics. Counters are updated by calls; gauges are set when the metrics are scraped.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    calls: Family<Outcome, Counter>,
    seconds: Family<Method, Histogram>,
    misses: Family<Missed, Counter>,
    misses_refused: Family<Refused, Counter>,
    state: StateGauges,
}

/// The state of the registry, for the gauges.
#[derive(Clone, Copy, Debug, Default)]
pub struct State {
    /// The latest revision.
    pub head_revision: u64,
    /// The size of the log on disk, in bytes.
    pub log_bytes: u64,
    /// True if questions are answered.
    pub answers: bool,
    /// True if writes are accepted.
    pub writes: bool,
    /// True if the index has not failed.
    pub index: bool,
    /// The audit's disk usage, once the audit is open.
    pub audit: Option<AuditState>,
    /// The shared log. None: the log is shared with nobody, or not open.
    pub log: Option<LogState>,
}

/// How this process stands with a log that several replicas share.
#[derive(Clone, Copy, Debug)]
pub struct LogState {
    /// The seconds since every record of the log was last known. None: never since the start.
    pub head_confirmed_age: Option<f64>,
    /// The name of what is wrong with the log.
    pub trouble: Option<&'static str>,
    /// How far the clock of this machine is ahead of the log's, in seconds. None: it was never compared.
    pub clock_offset: Option<f64>,
    /// The number of records of the log that are not known here yet.
    pub lag: u64,
    /// The number of appends that were too late.
    pub appends_lost: u64,
    /// The number of appends whose outcome was not known at first.
    pub doubts: u64,
}

/// The audit's share of the disk.
#[derive(Clone, Copy, Debug)]
pub struct AuditState {
    /// The size of its files, in bytes.
    pub bytes: u64,
    /// The limit of that size, in bytes.
    pub limit: u64,
    /// The time until the limit is reached. None: never.
    pub seconds_until_full: Option<u64>,
}

#[derive(Debug, Default)]
struct StateGauges {
    head_revision: Gauge,
    log_bytes: Gauge,
    answers: Gauge,
    writes: Gauge,
    index: Gauge,
    certificate_expires: Gauge,
    audit_bytes: Gauge,
    audit_limit_bytes: Gauge,
    audit_seconds_until_full: Gauge<f64, AtomicU64>,
    log: LogMetrics,
}

/// The causes of trouble with a shared log. Each has a series from the start.
const CAUSES: [&str; 6] = ["unreachable", "not_opened", "diverged", "clock_skewed", "durability_reduced", "damaged"];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Trouble {
    cause: &'static str,
}

#[derive(Debug, Default)]
struct LogMetrics {
    head_confirmed_age: Gauge<f64, AtomicU64>,
    trouble: Family<Trouble, Gauge>,
    clock_offset: Gauge<f64, AtomicU64>,
    lag: Gauge,
    appends_lost: Counter,
    doubts: Counter,
}

impl LogMetrics {
    fn register(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "log_head_confirmed_age",
            "Time since every record of the shared log was last known; +Inf: never since the start; 0: not shared",
            Unit::Seconds,
            self.head_confirmed_age.clone(),
        );
        registry.register(
            "log_trouble",
            "1 if the shared log takes no writes for this cause, else 0",
            self.trouble.clone(),
        );
        registry.register_with_unit(
            "log_clock_offset",
            "How far the clock of this machine is ahead of the clock of the shared log",
            Unit::Seconds,
            self.clock_offset.clone(),
        );
        registry.register(
            "log_lag_revisions",
            "Records of the shared log that are not known here yet",
            self.lag.clone(),
        );
        registry.register(
            "log_appends_lost",
            "Appends to the shared log that were too late, because another replica was first",
            self.appends_lost.clone(),
        );
        registry.register(
            "log_doubts",
            "Appends to the shared log whose outcome was not known at first",
            self.doubts.clone(),
        );
        for cause in CAUSES {
            self.trouble.get_or_create(&Trouble { cause }).set(0);
        }
    }

    fn set(&self, log: &LogState) {
        self.head_confirmed_age.set(log.head_confirmed_age.unwrap_or(f64::INFINITY));
        for cause in CAUSES {
            self.trouble.get_or_create(&Trouble { cause }).set((log.trouble == Some(cause)).into());
        }
        self.clock_offset.set(log.clock_offset.unwrap_or_default());
        self.lag.set(amount(log.lag));
        for (counter, counted) in [(&self.appends_lost, log.appends_lost), (&self.doubts, log.doubts)] {
            counter.inner().fetch_max(counted, Ordering::Relaxed);
        }
    }
}

fn amount(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl Default for Metrics {
    /// Creates the metrics of a new process.
    fn default() -> Metrics {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("cpss"),
            calls: Family::default(),
            misses: Family::default(),
            misses_refused: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(BOUNDS)),
            state: StateGauges::default(),
        };
        let Metrics { registry, calls, seconds, misses, misses_refused, state } = &mut metrics;
        registry.register("calls", "Calls, by method and gRPC code", calls.clone());
        registry.register("misses", "Answers that a person is not on file, by client and kind", misses.clone());
        registry.register(
            "misses_refused",
            "Questions refused because their client had too many misses",
            misses_refused.clone(),
        );
        registry.register_with_unit(
            "call",
            "Duration of calls until they were answered, and of streams until they ended",
            Unit::Seconds,
            seconds.clone(),
        );
        for (name, help, gauge) in [
            ("head_revision", "The latest revision; it grows with each commit", &state.head_revision),
            ("log_bytes", "The size of the log on disk", &state.log_bytes),
            ("audit_bytes", "The size of the audit files in bytes", &state.audit_bytes),
            ("audit_limit_bytes", "The maximum size of the audit files in bytes", &state.audit_limit_bytes),
            ("answers", "1 if questions are answered, else 0", &state.answers),
            ("writes", "1 if writes are accepted, else 0", &state.writes),
            ("index", "1 if the index can be read; 0: the next start rebuilds it", &state.index),
            (
                "certificate_expires",
                "The expiry of the server certificate, in seconds since 1970; 0: no certificate",
                &state.certificate_expires,
            ),
        ] {
            registry.register(name, help, gauge.clone());
        }
        registry.register(
            "audit_seconds_until_full",
            "Seconds until the audit has used up its share of the disk, at the rate of the last days; +Inf: never",
            state.audit_seconds_until_full.clone(),
        );
        state.log.register(registry);
        metrics
    }
}

impl Metrics {
    /// Counts an answered call of a method, given with its service. Unknown methods share one series, so that callers
    /// cannot create new series.
    pub fn called(&self, method: Option<(&'static str, &'static str)>, code: &'static str, elapsed: Duration) {
        let (service, method) = method.unwrap_or(("other", "other"));
        self.calls.get_or_create(&Outcome { service, method, code }).inc();
        self.seconds.get_or_create(&Method { service, method }).observe(elapsed.as_secs_f64());
    }

    /// Counts an answer to a client of the list that a person is not on file.
    pub fn missed(&self, client: &str, kind: &'static str) {
        self.misses.get_or_create(&Missed { client: client.to_owned(), kind }).inc();
    }

    /// Counts a refused question of a client that had too many misses.
    pub fn miss_refused(&self, client: &str) {
        self.misses_refused.get_or_create(&Refused { client: client.to_owned() }).inc();
    }

    /// Sets the expiry of the server certificate, in seconds since 1970.
    pub fn certificate_expires(&self, second: i64) {
        self.state.certificate_expires.set(second);
    }

    /// Encodes all metrics, with this state of the registry.
    pub fn text(&self, state: State) -> String {
        self.state.head_revision.set(amount(state.head_revision));
        self.state.log_bytes.set(amount(state.log_bytes));
        self.state.answers.set(state.answers.into());
        self.state.writes.set(state.writes.into());
        self.state.index.set(state.index.into());
        if let Some(AuditState { bytes, limit, seconds_until_full }) = state.audit {
            self.state.audit_bytes.set(amount(bytes));
            self.state.audit_limit_bytes.set(amount(limit));
            let seconds =
                seconds_until_full.map_or(f64::INFINITY, |seconds| Duration::from_secs(seconds).as_secs_f64());
            self.state.audit_seconds_until_full.set(seconds);
        }
        if let Some(log) = &state.log {
            self.state.log.set(log);
        }
        let mut text = String::new();
        // Writing to a string cannot fail.
        if encode(&mut text, &self.registry).is_err() { String::new() } else { text }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_method_and_code_and_callers_cannot_create_series() {
        let metrics = Metrics::default();
        metrics.called(Some(("VerificationService", "VerifyCredential")), "OK", Duration::from_micros(300));
        for _ in 0..3 {
            metrics.called(None, "UNIMPLEMENTED", Duration::ZERO);
        }
        metrics.missed("region-1-hr", "NAME_MISMATCH");
        metrics.miss_refused("region-1-hr");
        let text = metrics.text(State {
            head_revision: 57,
            writes: true,
            audit: Some(AuditState { bytes: 5, limit: 9, seconds_until_full: None }),
            log: Some(LogState {
                head_confirmed_age: Some(0.25),
                trouble: Some("not_opened"),
                clock_offset: Some(-1.5),
                lag: 3,
                appends_lost: 4,
                doubts: 5,
            }),
            ..State::default()
        });
        for line in [
            "cpss_log_head_confirmed_age_seconds 0.25",
            r#"cpss_log_trouble{cause="not_opened"} 1"#,
            r#"cpss_log_trouble{cause="unreachable"} 0"#,
            "cpss_log_clock_offset_seconds -1.5",
            "cpss_log_lag_revisions 3",
            "cpss_log_appends_lost_total 4",
            "cpss_log_doubts_total 5",
            r#"cpss_calls_total{service="VerificationService",method="VerifyCredential",code="OK"} 1"#,
            r#"cpss_calls_total{service="other",method="other",code="UNIMPLEMENTED"} 3"#,
            r#"cpss_call_seconds_bucket{le="0.0005",service="VerificationService",method="VerifyCredential"} 1"#,
            r#"cpss_call_seconds_bucket{le="0.00025",service="VerificationService",method="VerifyCredential"} 0"#,
            r#"cpss_misses_total{client="region-1-hr",kind="NAME_MISMATCH"} 1"#,
            r#"cpss_misses_refused_total{client="region-1-hr"} 1"#,
            "cpss_head_revision 57",
            "cpss_writes 1",
            "cpss_answers 0",
            "cpss_audit_bytes 5",
            "cpss_audit_limit_bytes 9",
            "cpss_audit_seconds_until_full inf",
        ] {
            assert!(text.contains(line), "{line}: {text}");
        }
    }
}
