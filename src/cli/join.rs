//! `join`: adds a replica to the database of a shared log.

use std::path::PathBuf;

use serde::Serialize;

use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::server::setup::{SetupError, join};

/// Add a replica: lets a further machine share the log that `init --log-url` began
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Join {
    /// The configuration of this machine: that of the first replica, with this machine's own addresses
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The name of this replica, which is written to the configuration [default: log.replica_id, or the name of this
    /// machine up to the first dot]
    #[arg(long, value_name = "NAME")]
    replica_id: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry join --config /etc/cpss-registry/config.toml

Copy the configuration, request.key, signing-keys and the certificates from the first replica. The data directory stays empty: `serve`
fills it from the log. A replica that has joined may join again, which changes nothing.";

#[derive(Serialize)]
struct Report {
    replica_id: String,
    added: bool,
}

impl Join {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let cannot = |error: SetupError| Failure::of("cannot join", &error).with_usage(error.is_usage());
        let (replica_id, added) = join(&self.config, self.replica_id.as_deref()).map_err(cannot)?;
        if self.json {
            print_json(&Report { replica_id, added })?;
        } else {
            let what = if added { "has joined" } else { "had joined before" };
            let config = self.config.display();
            print(&format!("{replica_id} {what}. Start it:\n  cpss-registry serve --config {config}\n"))?;
        }
        Ok(Outcome::Done)
    }
}
