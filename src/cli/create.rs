//! `create`: creates a registry.

use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::server::setup::create;

/// Create a registry in an empty data directory, and print the configuration line that pins it
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Create {
    #[command(flatten)]
    place: DataDirArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry create --data-dir /var/lib/cpss-registry

`init` does this and everything else that a production start needs. With the line in its configuration, `serve` refuses a
data directory with another registry, and it never creates one.";

#[derive(Serialize)]
struct Report {
    data_dir: String,
    registry: String,
}

impl Create {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let data_dir = self.place.data_dir()?;
        let registry = create(&data_dir).map_err(|error| Failure::of("the registry was not created", &error))?;
        let report = Report { data_dir: data_dir.display().to_string(), registry: registry.to_string() };
        if self.json {
            print_json(&report)?;
        } else {
            print(&format!("registry = \"{}\"\n", report.registry))?;
        }
        Ok(Outcome::Done)
    }
}
