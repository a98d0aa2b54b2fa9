//! `serve`: runs the service until it is told to stop.

use std::net::SocketAddr;

use tokio::signal::unix::{SignalKind, signal};

use super::failure::Failure;
use super::{Outcome, config, print, print_json};
use crate::server;
use crate::server::config::{Config, Flags};

/// Run the service: prints `listening on ADDR` once it accepts calls, and drains on SIGTERM
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cpss-registry serve --dev --listen 127.0.0.1:0 --data-dir ./data")]
pub struct Serve {
    #[command(flatten)]
    flags: Flags,
    /// Print the address as one JSON object
    #[arg(long)]
    json: bool,
}

impl Serve {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let config = Config::read(&self.flags).map_err(|mistakes| config::refused(&mistakes))?;
        refuse_without_identities(&config)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Failure::of("cannot start", &error))?;
        let served = runtime.block_on(self.serve(config));
        // Whoever has not ended by now, within the drain's deadline or while opening, is not waited for.
        runtime.shutdown_background();
        served.map(|()| Outcome::Done)
    }

    async fn serve(self, config: Config) -> Result<(), Failure> {
        let handler = |kind| signal(kind).map_err(|error| Failure::of("cannot listen for signals", &error));
        let mut terminated = handler(SignalKind::terminate())?;
        let mut interrupted = handler(SignalKind::interrupt())?;
        let shutdown = async move {
            tokio::select! {
                _ = terminated.recv() => {}
                _ = interrupted.recv() => {}
            }
        };
        let serving = server::run(config, shutdown, move |address| self.say_listening(address));
        serving.await.map_err(|error| Failure::of("cannot serve", &error))
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

/// The one place that keeps this release to development servers.
fn refuse_without_identities(config: &Config) -> Result<(), Failure> {
    if config.dev {
        return Ok(());
    }
    Err(Failure::usage(vec![
        "serve needs --dev in this release".to_owned(),
        "TLS and the identities of clients are not part of it yet, and without them the registry would answer anyone."
            .to_owned(),
        "To try it on this machine: cpss-registry serve --dev".to_owned(),
    ]))
}
