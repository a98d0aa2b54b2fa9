//! `log`: moves records between a log in files and a log in a database.

mod push;

use clap::Subcommand;

use super::Outcome;
use super::failure::Failure;

/// Bring records from a data directory into the database of a shared log
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Log {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry log push --config /etc/cpss-registry/config.toml";

#[derive(Debug, Subcommand)]
enum Command {
    Push(push::Push),
}

impl Log {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.command {
            Command::Push(push) => push.run(),
        }
    }
}
