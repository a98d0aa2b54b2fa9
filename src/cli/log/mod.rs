//! `log`: moves records between a log in files and a log in a database.

mod push;
mod relocate;
mod ship;

use clap::Subcommand;

use super::Outcome;
use super::failure::Failure;

/// Keep a copy of the log that follows it; or copy records to the database of a shared log, or move the log there, or
/// back
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
    Move(relocate::ToDatabase),
    Pull(relocate::ToDataDir),
    Ship(ship::Ship),
}

impl Log {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.command {
            Command::Push(push) => push.run(),
            Command::Move(to) => to.run(),
            Command::Pull(to) => to.run(),
            Command::Ship(ship) => ship.run(),
        }
    }
}
