//! `create`: makes a registry.

use serde::Serialize;

use super::data_dir_args::DataDirArgs;
use super::failure::Failure;
use super::{Outcome, print, print_json};
use crate::server::setup::create;

/// Make a registry in an empty data directory, and print the line that a configuration pins it with
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
data directory that holds another registry; and it never begins one by itself.";

#[derive(Serialize)]
struct Report {
    data_dir: String,
    registry: String,
}

impl Create {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let data_dir = self.place.data_dir()?;
        let registry = create(&data_dir).map_err(|error| Failure::of("no registry was made", &error))?;
        let report = Report { data_dir: data_dir.display().to_string(), registry: registry.to_string() };
        if self.json {
            print_json(&report)?;
        } else {
            print(&format!("registry = \"{}\"\n", report.registry))?;
        }
        Ok(Outcome::Done)
    }
}
