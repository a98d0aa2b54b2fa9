//! `log move` and `log pull`: move the log from a data directory to a database, and back.

use serde::Serialize;

use super::super::data_dir_args::SharedLogArgs;
use super::super::failure::Failure;
use super::super::progress::Progress;
use super::super::{Outcome, print, print_json};
use crate::server::moving::{Move, MoveError};

/// Move the log from the data directory to the database of a configuration, where further replicas can share it
#[derive(Debug, clap::Args)]
#[command(after_help = MOVE_EXAMPLE)]
pub struct ToDatabase {
    #[command(flatten)]
    place: SharedLogArgs,
}

const MOVE_EXAMPLE: &str = "\
Example:
  cpss-registry log move --config /etc/cpss-registry/replica.toml

Before: `init --from-file` prepares the database, `log push` copies the records while the service runs, and then the
service is stopped. The last record in the data directory names the database: from then on no configuration appends to
the data directory, and the database takes records. If it is interrupted, run it again.";

/// Move the log from a database to the data directory of a replica, which then is a registry on one machine
#[derive(Debug, clap::Args)]
#[command(after_help = PULL_EXAMPLE)]
pub struct ToDataDir {
    #[command(flatten)]
    place: SharedLogArgs,
}

const PULL_EXAMPLE: &str = "\
Example:
  cpss-registry log pull --config /etc/cpss-registry/replica.toml

Stop the replica first. The last record in the database names the data directory: the other replicas end when they see
it, and the database takes no record any more. If it is interrupted, run it again.";

#[derive(Serialize)]
struct Report<'a> {
    moved: bool,
    last_revision: Option<u64>,
    data_dir: &'a std::path::Path,
    database: &'a str,
}

impl ToDatabase {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let moving = Move::open(&self.place.flags()).map_err(|error| failed(&error))?;
        let (from, to) = (moving.data_dir().display(), &moving.database().name);
        self.place.require_confirmed(&format!("Move the log from {from} to the database {to}?"))?;
        let mut progress = Progress::new();
        let last =
            moving.to_database(&mut |step| progress.show(step)).map_err(|error| failed(&error))?.map(|last| last.0);
        let when = last.map_or_else(|| "it had moved before".to_owned(), moved_with);
        let text = format!("the log is in the database {to}, and {from} has a copy: {when}");
        report(&moving, self.place.json, last, &text)
    }
}

impl ToDataDir {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let moving = Move::open(&self.place.flags()).map_err(|error| failed(&error))?;
        let (to, from) = (moving.data_dir().display(), &moving.database().name);
        self.place.require_confirmed(&format!("Move the log from the database {from} to {to}?"))?;
        let last = moving.to_data_dir().map_err(|error| failed(&error))?.map(|last| last.0);
        let text = last.map_or_else(
            || format!("nothing to do: {to} keeps its own log"),
            |last| {
                format!("the log is in {to}, and the database {from} takes no record any more: {}", moved_with(last))
            },
        );
        report(&moving, self.place.json, last, &text)
    }
}

fn failed(error: &MoveError) -> Failure {
    Failure::of("the move did not end", error).with_usage(error.is_usage())
}

fn moved_with(last: u64) -> String {
    format!("it moved with revision {last}")
}

fn report(moving: &Move, json: bool, last: Option<u64>, text: &str) -> Result<Outcome, Failure> {
    if json {
        let (data_dir, database) = (moving.data_dir(), &*moving.database().name);
        print_json(&Report { moved: last.is_some(), last_revision: last, data_dir, database })?;
    } else {
        print(&format!("{text}\n"))?;
    }
    Ok(Outcome::Done)
}
