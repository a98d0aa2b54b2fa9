//! `clients`: says who may call.

mod list;

use clap::Subcommand;

use super::Outcome;
use super::failure::Failure;

/// Show the clients that may call
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Clients {
    #[command(subcommand)]
    command: Command,
}

const EXAMPLE: &str = "\
Example:
  cpss-registry clients list /etc/cpss-registry";

#[derive(Debug, Subcommand)]
enum Command {
    List(list::List),
}

impl Clients {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.command {
            Command::List(list) => list.run(),
        }
    }
}
