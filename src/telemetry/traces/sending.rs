//! The thread that sends spans, and the queue before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, channel, sync_channel};
use std::thread::Thread;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::trace::{
    IdGenerator as _, RandomIdGenerator, SamplingDecision, ShouldSample as _, SpanData, SpanExporter as _,
};
use tokio::runtime::Handle;

use super::settings::{Sampling, Settings};
use super::{Ended, TracesError};

/// The maximum number of spans that wait to be sent.
const QUEUE: usize = 2_048;

/// The maximum number of spans in one message to the collector.
const BATCH: usize = 512;

/// How long the last spans may take when the process ends.
const FAREWELL: Duration = Duration::from_secs(1);

/// The gRPC codes that are a failure of the server. Others are an answer to what the caller asked.
const FAILURES: [&str; 6] = ["UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"];

/// A span that waits to be sent.
#[derive(Debug)]
struct Waiting {
    call: Ended,
    trace_id: TraceId,
    ended_at: SystemTime,
}

/// Where spans go. Clones share it.
#[derive(Clone, Debug)]
pub struct Traces(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    sampling: Sampling,
    queue: SyncSender<Waiting>,
    exported: AtomicU64,
    dropped: AtomicU64,
    is_closing: AtomicBool,
    now: fn() -> Timestamp,
}

/// The running thread that sends.
pub struct TracesThread {
    shared: Arc<Shared>,
    thread: Thread,
    ended: Receiver<()>,
}

/// An instant as OpenTelemetry has it. No clock shows one that it does not have.
fn system_time(instant: Timestamp) -> SystemTime {
    instant.try_into().unwrap_or(SystemTime::UNIX_EPOCH)
}

impl Traces {
    /// Starts the thread if the environment of the process asks for traces. Must be called in a runtime of tokio, which
    /// sends them.
    pub fn start(now: fn() -> Timestamp) -> Result<Option<(Traces, TracesThread)>, TracesError> {
        let Some(settings) = Settings::read(|name| std::env::var(name).ok())? else { return Ok(None) };
        Traces::sending(settings, now).map(Some)
    }

    fn sending(settings: Settings, now: fn() -> Timestamp) -> Result<(Traces, TracesThread), TracesError> {
        let Settings { sampling, exporter, delay } = settings;
        let (queue, waiting) = sync_channel(QUEUE);
        let (exported, dropped) = (AtomicU64::new(0), AtomicU64::new(0));
        let is_closing = AtomicBool::new(false);
        let shared = Arc::new(Shared { sampling, queue, exported, dropped, is_closing, now });
        let (has_ended, ended) = channel();
        let (of_thread, runtime) = (Arc::clone(&shared), Handle::current());
        let sends = move || {
            // Dropped at the end, which the other side notices.
            let _has_ended: std::sync::mpsc::Sender<()> = has_ended;
            send(&of_thread, &waiting, &exporter, &runtime, delay);
        };
        let thread = std::thread::Builder::new().name("traces".to_owned()).spawn(sends);
        let thread = thread.map_err(|error| TracesError::of_thread(&error))?.thread().clone();
        Ok((Traces(Arc::clone(&shared)), TracesThread { shared, thread, ended }))
    }

    /// Notes a call that has ended, if it is sampled.
    pub fn ended(&self, call: Ended) {
        let parent = call.parent.map(|parent| TraceId::from(parent.trace_id.0));
        let trace_id = parent.unwrap_or_else(|| RandomIdGenerator::default().new_trace_id());
        if !self.0.sampling.takes(&call, trace_id) {
            return;
        }
        if self.0.queue.try_send(Waiting { call, trace_id, ended_at: system_time((self.0.now)()) }).is_err() {
            self.0.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many spans the collector has taken since the start.
    pub fn exported(&self) -> u64 {
        self.0.exported.load(Ordering::Relaxed)
    }

    /// How many spans were dropped since the start, because too many waited or the collector did not take them.
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }
}

impl Sampling {
    /// Whether a call is traced.
    fn takes(&self, call: &Ended, trace_id: TraceId) -> bool {
        if let Some(parent) = call.parent.filter(|_| self.by_parent && call.is_known) {
            return parent.is_sampled;
        }
        let sampled = self.root.should_sample(None, trace_id, "", &SpanKind::Server, &[], &[]);
        sampled.decision == SamplingDecision::RecordAndSample
    }
}

impl TracesThread {
    /// Sends what waits, for a second at most.
    pub fn close(self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.thread.unpark();
        if self.ended.recv_timeout(FAREWELL) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!(
                event = "traces_cut_off",
                "the last spans were not sent: the collector did not take them in time"
            );
        }
    }
}

/// Sends what waits, again and again, until the process ends.
fn send(
    shared: &Shared,
    waiting: &Receiver<Waiting>,
    exporter: &opentelemetry_otlp::SpanExporter,
    runtime: &Handle,
    delay: Duration,
) {
    let mut is_refused = false;
    loop {
        let is_closing = shared.is_closing.load(Ordering::Acquire);
        loop {
            let batch: Vec<SpanData> = waiting.try_iter().take(BATCH).map(Waiting::into_span).collect();
            if batch.is_empty() {
                break;
            }
            let spans = batch.len() as u64;
            match runtime.block_on(exporter.export(batch)) {
                Ok(()) => {
                    shared.exported.fetch_add(spans, Ordering::Relaxed);
                    if std::mem::take(&mut is_refused) {
                        tracing::info!(event = "traces_sent_again", "the collector takes spans again");
                    }
                }
                Err(error) => {
                    shared.dropped.fetch_add(spans, Ordering::Relaxed);
                    if !std::mem::replace(&mut is_refused, true) {
                        let error = error.to_string();
                        tracing::warn!(
                            event = "traces_not_sent",
                            error,
                            "the collector takes no spans: they are dropped"
                        );
                    }
                }
            }
        }
        if is_closing {
            return;
        }
        std::thread::park_timeout(delay);
    }
}

impl Waiting {
    fn into_span(self) -> SpanData {
        let Waiting { call, trace_id, ended_at } = self;
        let Ended { method, code, parent, elapsed, request_id, .. } = call;
        let (service, name) = method.unwrap_or(("other", "other"));
        let context = SpanContext::new(
            trace_id,
            RandomIdGenerator::default().new_span_id(),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let status = if FAILURES.contains(&code) { Status::error(code) } else { Status::Unset };
        SpanData {
            span_context: context,
            parent_span_id: parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.span_id)),
            parent_span_is_remote: parent.is_some(),
            span_kind: SpanKind::Server,
            name: format!("{service}/{name}").into(),
            start_time: ended_at.checked_sub(elapsed).unwrap_or(ended_at),
            end_time: ended_at,
            attributes: vec![
                KeyValue::new("rpc.system", "grpc"),
                KeyValue::new("rpc.service", service),
                KeyValue::new("rpc.method", name),
                KeyValue::new("rpc.response.status_code", code),
                KeyValue::new("cpss.request_id", request_id.to_string()),
            ],
            dropped_attributes_count: 0,
            events: opentelemetry_sdk::trace::SpanEvents::default(),
            links: opentelemetry_sdk::trace::SpanLinks::default(),
            status,
            instrumentation_scope: InstrumentationScope::builder(env!("CARGO_PKG_NAME")).build(),
        }
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::Sampler;
    use uuid::Uuid;

    use super::*;
    use crate::telemetry::caller::TraceParent;

    fn call(parent: Option<&str>, is_known: bool) -> Ended {
        Ended {
            method: Some(("VerificationService", "VerifyCredential")),
            code: "OK",
            parent: parent.map(|header| TraceParent::of_header(header).unwrap()),
            is_known,
            elapsed: Duration::from_millis(3),
            request_id: Uuid::nil(),
        }
    }

    const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const NOT_SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    #[test]
    fn a_client_decides_about_its_own_trace_and_nobody_else_does() {
        let takes = |by_parent: bool, root: Sampler, call: &Ended| {
            Sampling { by_parent, root }.takes(call, TraceId::from(u128::MAX))
        };
        assert!(takes(true, Sampler::AlwaysOff, &call(Some(SAMPLED), true)));
        assert!(!takes(true, Sampler::AlwaysOn, &call(Some(NOT_SAMPLED), true)));
        assert!(!takes(true, Sampler::AlwaysOff, &call(Some(SAMPLED), false)), "anyone can send the flag");
        assert!(takes(true, Sampler::AlwaysOn, &call(None, true)));
        assert!(!takes(false, Sampler::AlwaysOff, &call(Some(SAMPLED), true)));
    }

    #[test]
    fn a_ratio_takes_that_share_of_the_traces() {
        let sampling = Sampling { by_parent: true, root: Sampler::TraceIdRatioBased(0.01) };
        let ids = RandomIdGenerator::default();
        let taken = (0..100_000).filter(|_| sampling.takes(&call(None, true), ids.new_trace_id())).count();
        assert!((850..1_150).contains(&taken), "{taken}");
    }

    #[test]
    fn a_span_has_the_parent_and_the_failure_of_its_call() {
        let ended_at = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
        let span = |call: Ended| Waiting { call, trace_id: TraceId::from(5), ended_at }.into_span();
        let answered = span(call(Some(SAMPLED), true));
        assert_eq!(answered.parent_span_id, SpanId::from(0x00f0_67aa_0ba9_02b7));
        assert_eq!(answered.end_time.duration_since(answered.start_time).unwrap(), Duration::from_millis(3));
        assert_eq!((answered.status, answered.span_context.trace_id()), (Status::Unset, TraceId::from(5)));
        let root = span(Ended { code: "INTERNAL", ..call(None, true) });
        assert_eq!((root.parent_span_id, root.status), (SpanId::INVALID, Status::error("INTERNAL")));
        let refused = span(Ended { code: "NOT_FOUND", method: None, ..call(None, true) });
        assert_eq!((&*refused.name, refused.status), ("other/other", Status::Unset));
    }
}
