//! `upgrade`: brings the tables of a shared log to the form that this release uses.

use std::path::PathBuf;

use super::failure::Failure;
use super::{Outcome, print};
use crate::server::setup::{SetupError, upgrade};

/// Bring the tables and functions of a shared log to the form that this release uses
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Upgrade {
    /// The configuration of a replica
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry upgrade --config /etc/cpss-registry/config.toml

Run it once when a release is installed. A database that a later release has changed is refused.";

impl Upgrade {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let cannot = |error: SetupError| Failure::of("cannot upgrade", &error).with_usage(error.is_usage());
        let format = upgrade(&self.config).map_err(cannot)?;
        print(&format!("nothing to do: the tables are in format {format}, which this release uses\n"))?;
        Ok(Outcome::Done)
    }
}
