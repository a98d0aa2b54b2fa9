//! `serve`: runs the service until it is stopped.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::stream::poll_fn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::{Outcome, config, print, print_json};
use crate::server::config::{Config, Flags};
use crate::server::logging;
use crate::server::{self, Listening};

/// Run the service: prints `listening on ADDR` once it accepts calls. SIGTERM drains it; a second SIGTERM stops it at
/// once
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Serve {
    #[command(flatten)]
    flags: Flags,
    /// Print the address as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry init /etc/cpss-registry
  cpss-registry serve --config /etc/cpss-registry/config.toml
  cpss-registry serve --dev --listen 127.0.0.1:0 --data-dir ./data";

impl Serve {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        logging::begin(&self.flags);
        Ok(self.serve_until_stopped().unwrap_or_else(|failure| log_failure(&failure)))
    }

    fn serve_until_stopped(self) -> Result<Outcome, Failure> {
        let config = Config::read(&self.flags).map_err(|mistakes| config::refused(&mistakes))?;
        raise_open_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::of("cannot start", &error))?;
        let served = runtime.block_on(self.serve(config));
        // Tasks that are still running after the drain deadline, or while opening, are abandoned.
        runtime.shutdown_background();
        served.map(|()| Outcome::Done)
    }

    async fn serve(self, mut config: Config) -> Result<(), Failure> {
        let handler = |kind| signal(kind).map_err(|error| Failure::of("cannot listen for signals", &error));
        let mut terminated = handler(SignalKind::terminate())?;
        let mut interrupted = handler(SignalKind::interrupt())?;
        let is_stopped = AtomicBool::new(false);
        let mut signals = poll_fn(|cx| {
            let signaled = match terminated.poll_recv(cx) {
                Poll::Pending => interrupted.poll_recv(cx),
                signaled => signaled,
            };
            is_stopped.fetch_or(signaled.is_ready(), Ordering::AcqRel);
            signaled
        });
        let served = loop {
            let (mut address, mut http_address) = (config.listen, config.http_listen);
            let serving = server::run(config.clone(), &mut signals, |listening| {
                (address, http_address) = (listening.address, listening.http);
                self.print_listening(&listening);
            });
            match serving.await {
                Err(error) if error.must_reopen() => {
                    if is_stopped.load(Ordering::Acquire) {
                        break Ok(());
                    }
                    (config.listen, config.http_listen) = (address, http_address);
                }
                ended => break ended,
            }
        };
        served.map_err(|error| Failure::of("cannot serve", &error).with_usage(error.is_wrong_place()))
    }

    fn print_listening(&self, listening: &Listening) {
        let Listening { address, http, .. } = listening;
        let said = if self.json {
            print_json(&serde_json::json!({ "listening_on": address, "http_listening_on": http }))
        } else {
            let http = http.map(|http| format!("listening on {http} (HTTP)\n")).unwrap_or_default();
            print(&format!("listening on {address}\n{http}"))
        };
        // A failure to print must not stop the service.
        drop(said);
    }
}

/// Logs why the service ended, in the format of the log. Returns the outcome with the exit code.
fn log_failure(failure: &Failure) -> Outcome {
    for line in failure.lines() {
        tracing::error!(event = "serve_failed", "{line}");
    }
    if failure.is_usage() { Outcome::Faulty } else { Outcome::Failed }
}

/// Raises the limit of open files to the maximum allowed. Each connection needs one, and shells set the limit to 1024.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // If this fails, the listener still handles running out of them.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}
