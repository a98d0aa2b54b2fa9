//! `serve`: runs the service until it is stopped.

use std::net::SocketAddr;
use std::task::Poll;

use futures_util::stream::poll_fn;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::{Outcome, config, print, print_json};
use crate::server;
use crate::server::config::{Config, Flags};

/// Run the service: prints `listening on ADDR` once it accepts calls, and drains on SIGTERM; a second one cuts that
/// short
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
        let config = Config::read(&self.flags).map_err(|mistakes| config::refused(&mistakes))?;
        raise_open_files();
        server::log_panics();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::of("cannot start", &error))?;
        let served = runtime.block_on(self.serve(config));
        // A task that has not ended by now, within the drain's deadline or while opening, is not waited for.
        runtime.shutdown_background();
        served.map(|()| Outcome::Done)
    }

    async fn serve(self, config: Config) -> Result<(), Failure> {
        let handler = |kind| signal(kind).map_err(|error| Failure::of("cannot listen for signals", &error));
        let mut terminated = handler(SignalKind::terminate())?;
        let mut interrupted = handler(SignalKind::interrupt())?;
        let signals = poll_fn(move |cx| match terminated.poll_recv(cx) {
            Poll::Pending => interrupted.poll_recv(cx),
            signalled => signalled,
        });
        let serving = server::run(config, signals, move |listening| self.say_listening(listening.address));
        serving.await.map_err(|error| Failure::of("cannot serve", &error).with_usage(error.is_wrong_place()))
    }

    fn say_listening(&self, address: SocketAddr) {
        let said = if self.json {
            print_json(&serde_json::json!({ "listening_on": address }))
        } else {
            print(&format!("listening on {address}\n"))
        };
        // A service goes on though nobody reads what it says.
        drop(said);
    }
}

/// Every connection is a descriptor, and shells give a program 1024 of them unless it asks for those that it may have.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    // Where it is refused, the listener still copes with having no more.
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).ok();
}
