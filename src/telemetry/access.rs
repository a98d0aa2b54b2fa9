//! The access log: one line for every answered call, every ended stream, and every request that is not a call.
//!
//! The thread that answers a call never waits for the log and never wakes the log's thread. That thread polls every few
//! milliseconds and writes all pending lines at once. If calls arrive faster than lines can be written, lines are
//! dropped, and the number of dropped lines is logged. Anything that must not be lost is in the audit of reads or in
//! the log of records.

use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use tracing::{Dispatch, Level, dispatcher};
use uuid::Uuid;

use super::audit::Client;
use super::caller::{CertificateName, TraceId, UserAgent};
use super::json_line::JsonLine;
use super::log::{self, Format};

/// The maximum number of pending lines: far more than a busy server produces in one nap.
const QUEUE: usize = 16_384;

/// How long the thread sleeps between polls, so that it writes lines in groups.
const NAP: Duration = Duration::from_millis(5);

/// A call that has been answered.
pub struct Answered {
    /// The method and its service, without the package. None if it is not a method of the contract.
    pub method: Option<(&'static str, &'static str)>,
    /// The caller. None if it is not identified.
    pub client: Option<Arc<dyn Client>>,
    /// The certificate of a caller that is not identified.
    pub certificate: Option<CertificateName>,
    /// The outcome.
    pub outcome: Outcome,
    /// The time until the call was answered, or until the stream ended.
    pub elapsed: Duration,
    /// The messages of a stream.
    pub messages: Option<Messages>,
    /// The id of the request.
    pub request_id: Uuid,
    /// The trace that the caller says the call is part of.
    pub trace_id: Option<TraceId>,
    /// The user agent of the caller.
    pub user_agent: UserAgent,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A call that ended with this gRPC code.
    Grpc(i32),
    /// A request that is not a call, answered with this HTTP status.
    Http(u16),
}

/// The number of messages of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Messages {
    /// From the caller.
    pub received: u64,
    /// To the caller.
    pub sent: u64,
}

impl Outcome {
    /// The name of the field, and its value.
    fn field(self) -> (&'static str, i64) {
        match self {
            Outcome::Grpc(code) => ("code", code.into()),
            Outcome::Http(status) => ("http", status.into()),
        }
    }
}

/// The access log. Clones share it.
#[derive(Clone)]
pub struct AccessLog {
    shared: Arc<Shared>,
}

struct Shared {
    queue: SyncSender<Answered>,
    left_out: AtomicU64,
    /// The same since the start.
    dropped: AtomicU64,
    is_closing: AtomicBool,
}

/// The running thread.
pub struct AccessThread {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

impl AccessLog {
    /// Starts the thread, which writes to `out`. `now` gives the time of a line. The thread drops `alive` when it ends,
    /// also after a panic.
    pub fn start(
        out: impl io::Write + Send + 'static,
        now: impl Fn() -> Timestamp + Send + 'static,
        alive: impl Send + 'static,
    ) -> io::Result<(AccessLog, AccessThread)> {
        let (queue, lines) = sync_channel(QUEUE);
        let shared = Arc::new(Shared {
            queue,
            left_out: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            is_closing: AtomicBool::new(false),
        });
        let of_thread = Arc::clone(&shared);
        let log = dispatcher::get_default(Clone::clone);
        let thread = std::thread::Builder::new().name("access".to_owned()).spawn(move || {
            let _alive = alive;
            write(&of_thread, &lines, out, now, &log);
        })?;
        Ok((AccessLog { shared: Arc::clone(&shared) }, AccessThread { shared, thread }))
    }

    /// Logs a call, unless the log filter excludes the target `access`.
    pub fn answered(&self, call: Answered) {
        if tracing::enabled!(target: "access", Level::INFO) && self.shared.queue.try_send(call).is_err() {
            self.shared.left_out.fetch_add(1, Ordering::Relaxed);
            self.shared.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The number of lines that were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.shared.dropped.load(Ordering::Relaxed)
    }
}

impl AccessThread {
    /// Writes what is left, and ends.
    pub fn close(self) {
        self.shared.is_closing.store(true, Ordering::Release);
        self.thread.thread().unpark();
        if self.thread.join().is_err() {
            tracing::error!(event = "access_log_died", "the access log thread died");
        }
    }
}

fn write(
    shared: &Shared,
    calls: &Receiver<Answered>,
    mut out: impl io::Write,
    now: impl Fn() -> Timestamp,
    log: &Dispatch,
) {
    let mut lines = String::new();
    loop {
        let is_closing = shared.is_closing.load(Ordering::Acquire);
        let (at, format) = (format!("{:.6}", now()), log::format());
        for call in calls.try_iter().take(QUEUE) {
            match format {
                Format::Text => text_line(&mut lines, &at, &call),
                Format::Json => json_line(&mut lines, &at, &call),
            }
        }
        let left_out = shared.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            dispatcher::with_default(log, || {
                tracing::warn!(event = "access_lines_dropped", left_out, "lines of the access log were dropped");
            });
        }
        if is_closing && lines.is_empty() {
            return;
        }
        // If standard error is closed, the lines are lost, and nothing else happens.
        drop(out.write_all(lines.as_bytes()));
        lines.clear();
        if !is_closing {
            std::thread::park_timeout(NAP);
        }
    }
}

fn text_line(line: &mut String, at: &str, call: &Answered) {
    let (service, method) = call.method.unwrap_or(("-", "-"));
    let client = call.client.as_ref().map_or("-", |client| client.name());
    put(line, format_args!("{at}  INFO access: method=\"{service}/{method}\" client={client:?}"));
    if let Some(name) = &call.certificate {
        put(line, format_args!(" certificate=\"{}\"", name.as_str().escape_default()));
    }
    let (outcome, value) = call.outcome.field();
    put(line, format_args!(" {outcome}={value}"));
    if let Some(Messages { received, sent }) = call.messages {
        put(line, format_args!(" received={received} sent={sent}"));
    }
    put(line, format_args!(" micros={} request_id={}", call.elapsed.as_micros(), call.request_id));
    if let Some(trace_id) = call.trace_id {
        put(line, format_args!(" trace_id={trace_id}"));
    }
    put(line, format_args!(" user_agent={}\n", call.user_agent));
}

fn json_line(line: &mut String, at: &str, call: &Answered) {
    let (service, method) = call.method.unwrap_or(("-", "-"));
    let mut line = JsonLine::begin(line, at, &Level::INFO, "access");
    line.parts("method", &[service, "/", method]);
    line.text("client", call.client.as_ref().map_or("-", |client| client.name()));
    if let Some(name) = &call.certificate {
        line.text("certificate", name.as_str());
    }
    let (outcome, value) = call.outcome.field();
    line.number(outcome, value);
    if let Some(Messages { received, sent }) = call.messages {
        line.number("received", received);
        line.number("sent", sent);
    }
    line.number("micros", u64::try_from(call.elapsed.as_micros()).unwrap_or(u64::MAX));
    line.plain("request_id", call.request_id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
    if let Some(trace_id) = call.trace_id {
        line.plain("trace_id", &trace_id.to_string());
    }
    let agent = call.user_agent.bytes();
    match str::from_utf8(agent) {
        Ok(agent) => line.text("user_agent", agent),
        Err(_) => line.text("user_agent", &String::from_utf8_lossy(agent)),
    }
    line.end();
}

fn put(line: &mut String, text: fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    line.write_fmt(text).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use std::sync::{Mutex, PoisonError};

    use super::*;
    use crate::telemetry::caller::TraceParent;

    /// The written bytes. The test holds the lock to block the writer.
    #[derive(Clone, Default)]
    struct Out(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Out {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Named;

    impl Client for Named {
        fn name(&self) -> &str {
            "region-1-hr"
        }
    }

    fn call() -> Answered {
        Answered {
            method: Some(("VerificationService", "VerifyCredential")),
            client: Some(Arc::new(Named)),
            certificate: None,
            outcome: Outcome::Grpc(0),
            elapsed: Duration::from_micros(57),
            messages: None,
            request_id: Uuid::from_u128(0x67e5_5044_10b1_426f_9247_bb68_0e5f_e0c8),
            trace_id: None,
            user_agent: UserAgent::of(Some(b"claims/4.2")),
        }
    }

    fn line_of(call: &Answered) -> String {
        let mut lines = String::new();
        text_line(&mut lines, "now", call);
        assert_eq!(lines.lines().count(), 1, "{lines}");
        lines
    }

    #[test]
    fn a_line_has_the_messages_of_a_stream_and_the_status_of_a_request_that_is_not_a_call() {
        let stream = Answered { messages: Some(Messages { received: 3, sent: 4 }), ..call() };
        assert!(line_of(&stream).contains(" code=0 received=3 sent=4 micros=57 "), "{}", line_of(&stream));
        let no_call = Answered { method: None, client: None, outcome: Outcome::Http(415), ..call() };
        assert!(line_of(&no_call).contains("method=\"-/-\" client=\"-\" http=415 micros=57 "), "{}", line_of(&no_call));
    }

    #[test]
    fn a_user_agent_is_truncated_and_cannot_end_its_line() {
        let line = |agent: &[u8]| line_of(&Answered { user_agent: UserAgent::of(Some(agent)), ..call() });
        let escaped = line(b"a\" code=13\r\n1970 \xff\\");
        assert!(escaped.ends_with("user_agent=\"a\\\" code=13\\r\\n1970 \\xff\\\\\"\n"), "{escaped}");
        let long = line(&[b'a'; 5000]);
        assert!(long.ends_with(&format!("user_agent=\"{}\"\n", "a".repeat(100))), "{long}");
    }

    #[test]
    fn the_certificate_of_an_unknown_caller_is_truncated_and_cannot_end_its_line() {
        let name = CertificateName::of(&format!("urn:a\" code=0\n{}", "é".repeat(200)));
        let unknown = Answered { client: None, certificate: Some(name), outcome: Outcome::Grpc(16), ..call() };
        let shown = format!(" client=\"-\" certificate=\"urn:a\\\" code=0\\n{}\" code=16 ", "\\u{e9}".repeat(114));
        assert!(line_of(&unknown).contains(&shown), "{}", line_of(&unknown));
        let mut line = String::new();
        json_line(&mut line, "now", &unknown);
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["certificate"], format!("urn:a\" code=0\n{}", "é".repeat(114)));
        assert_eq!((&read["code"], &read["client"], line.lines().count()), (&16.into(), &"-".into(), 1), "{line}");
    }

    #[test]
    fn the_trace_of_the_caller_is_logged() {
        let id = "4bf92f3577b34da6a3ce929d0e0e4736";
        let parent = TraceParent::of_header(&format!("00-{id}-00f067aa0ba902b7-01"));
        let traced = Answered { trace_id: parent.map(|parent| parent.trace_id), ..call() };
        assert!(line_of(&traced).contains(&format!("e0c8 trace_id={id} user_agent=")), "{}", line_of(&traced));
    }

    #[test]
    fn every_call_is_logged_or_counted_as_dropped() {
        let out = Out::default();
        let for_events = out.clone();
        let events = tracing_subscriber::fmt().with_ansi(false).with_writer(move || for_events.clone()).finish();
        tracing::subscriber::with_default(events, || {
            let (log, thread) = AccessLog::start(out.clone(), || Timestamp::UNIX_EPOCH, ()).unwrap();
            let held = out.0.lock().unwrap();
            let calls = 3 * QUEUE;
            for _ in 0..calls {
                log.answered(call());
            }
            log.answered(Answered { method: None, client: None, ..call() });
            drop(held);
            thread.close();
            let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
            let written = text.lines().filter(|line| line.contains("INFO access: ")).count();
            let left_out = text.lines().filter_map(|line| line.split_once("left_out=")?.1.parse::<usize>().ok());
            assert_eq!(written + left_out.sum::<usize>(), calls + 1);
            assert!(written < calls, "a blocked log must not block calls");
            let first = text.lines().find(|line| line.contains("INFO access: ")).unwrap();
            let expected = "1970-01-01T00:00:00.000000Z  INFO access: method=\"VerificationService/VerifyCredential\" \
                            client=\"region-1-hr\" code=0 micros=57 \
                            request_id=67e55044-10b1-426f-9247-bb680e5fe0c8 user_agent=\"claims/4.2\"";
            assert_eq!(first, expected);
        });
    }
}
