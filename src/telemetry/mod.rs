//! Logs, metrics, and the audit of reads. Logs never contain names or birth dates: a call is logged with its method,
//! its caller and its outcome.

pub mod access;
pub mod audit;
pub mod metrics;

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

/// The default log filter. `h2` warns about each connection that floods it; this server counts and closes such
/// connections itself.
const FILTER: &str = "info,h2=error";

/// Sends logs to standard error: level `info` and above, unless the environment variable `RUST_LOG` sets another
/// filter. A terminal gets colors; files and log collectors get plain text.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(true);
    let subscriber = subscriber.with_ansi(stderr().is_terminal());
    // A subscriber that is already installed, as in tests, is kept.
    drop(subscriber.try_init());
}

/// Logs each panic in one line instead of a backtrace. The code that waits for the thread decides what to do.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let place = panic.location().map(ToString::to_string);
        let reason = panic.payload_as_str().unwrap_or_default().replace('\n', " ");
        tracing::error!(event = "thread_panicked", thread, place, reason, "a thread panicked");
    }));
}
