//! Logs. Names and birth dates never reach them: what is logged of a call is its method, its caller and its outcome.

pub mod access;
pub mod audit;
pub mod metrics;

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::EnvFilter;

/// What is logged by default. `h2` warns of each connection that floods it: those are counted and closed here.
const FILTER: &str = "info,h2=error";

/// Sends logs to standard error: at `info` and up, unless the environment variable `RUST_LOG` says otherwise. A
/// terminal gets colors; a file and a log collector get plain text.
pub fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(FILTER));
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(stderr).with_target(true);
    let subscriber = subscriber.with_ansi(stderr().is_terminal());
    // A subscriber that is there already, as in tests, stays.
    drop(subscriber.try_init());
}

/// Logs a panic in one line, in place of a backtrace. The code that waits for the thread decides what follows.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let place = panic.location().map(ToString::to_string);
        let reason = panic.payload_as_str().unwrap_or_default().replace('\n', " ");
        tracing::error!(event = "thread_panicked", thread, place, reason, "a thread panicked");
    }));
}
