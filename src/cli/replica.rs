//! `replica`: the replicas that share a log, and having one forgotten.

use std::path::PathBuf;

use clap::Subcommand;
use jiff::SignedDuration;
use serde::Serialize;

use super::data_dir_args::ask_whether;
use super::failure::Failure;
use super::table::table;
use super::{Outcome, print, print_aside, print_json, terminal};
use crate::server::setup::{self, OwnerAccess, ReplicaRow, SetupError};

/// List the replicas that share the log in a database, and have one forgotten that does not come back
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Replica {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry replica list --config /etc/cpss-registry/config.toml
  cpss-registry replica forget registry-2 --config /etc/cpss-registry/config.toml --yes \\
      --log-owner-url postgresql://cpss_install@db1.example.org/cpss --log-owner-password-file install.password";

#[derive(Debug, Subcommand)]
enum Action {
    List(List),
    Forget(Forget),
}

/// List the replicas that have joined, and when each was last seen
#[derive(Debug, clap::Args)]
#[command(after_help = LIST_EXAMPLE)]
struct List {
    /// The configuration of a replica
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const LIST_EXAMPLE: &str = "\
Example:
  cpss-registry replica list --config /etc/cpss-registry/config.toml

`checked` says whether the replica has compared what it knows with the database since the database was last started or
restored. Nothing is recorded before all have.";

/// Remove a replica that does not come back, so that a database that was restarted does not wait for it: exit 3 if
/// there is no such replica
#[derive(Debug, clap::Args)]
#[command(after_help = FORGET_EXAMPLE)]
struct Forget {
    /// The name of the replica
    #[arg(value_name = "ID")]
    id: String,
    /// The configuration of a replica
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// The database, with the role that installed the schema; a URL without a password
    #[arg(long, value_name = "URL")]
    log_owner_url: String,
    /// The file with the password of that role
    #[arg(long, value_name = "FILE")]
    log_owner_password_file: Option<PathBuf>,
    /// Forget it even if it runs: it then ends, and can join again
    #[arg(long)]
    even_if_it_runs: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const FORGET_EXAMPLE: &str = "\
Example:
  cpss-registry replica forget registry-2 --config /etc/cpss-registry/config.toml \\
      --log-owner-url postgresql://cpss_install@db1.example.org/cpss --log-owner-password-file install.password

If the database was restored, ask first whether this replica has records that the database has lost: its data directory is
then the copy to keep.";

/// What is printed of a replica.
#[derive(Serialize)]
struct Shown {
    replica_id: String,
    seen_at: Option<String>,
    applied: u64,
    checked: bool,
    semantics: u32,
    record_format: u32,
}

impl From<&ReplicaRow> for Shown {
    fn from(row: &ReplicaRow) -> Shown {
        Shown {
            replica_id: row.id.clone(),
            seen_at: row.seen_at.map(|at| at.to_string()),
            applied: row.applied.0,
            checked: row.has_checked,
            semantics: row.semantics,
            record_format: row.record_format,
        }
    }
}

impl Replica {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.action {
            Action::List(list) => list.run(),
            Action::Forget(forget) => forget.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<Outcome, Failure> {
        let cannot = |error: SetupError| Failure::of("cannot list the replicas", &error);
        let (node, rows) = setup::replicas(&self.config).map_err(cannot)?;
        if self.json {
            let replicas: Vec<_> = rows.iter().map(Shown::from).collect();
            print_json(&serde_json::json!({ "node": node, "replicas": replicas }))?;
            return Ok(Outcome::Done);
        }
        print_aside(&format!("the database answered at {node}\n"));
        let columns = ["replica", "last_seen", "applied", "checked", "semantics", "record_format"];
        let cells = |row: &ReplicaRow| {
            let checked = if row.has_checked { "yes" } else { "no" };
            let (semantics, format) = (row.semantics.to_string(), row.record_format.to_string());
            vec![row.id.clone(), last_seen(row), row.applied.0.to_string(), checked.to_owned(), semantics, format]
        };
        print(&table(&columns, &rows.iter().map(cells).collect::<Vec<_>>(), terminal::width()))?;
        Ok(Outcome::Done)
    }
}

impl Forget {
    fn run(self) -> Result<Outcome, Failure> {
        let Forget { id, config, log_owner_url: url, log_owner_password_file: password_file, .. } = &self;
        if !self.yes {
            ask_whether(&format!("Forget the replica {id}? The database then waits for it no longer."))?;
        }
        let owner = OwnerAccess { url: url.clone(), password_file: password_file.clone() };
        let cannot = |error: SetupError| Failure::of(format!("cannot forget {id}"), &error);
        let forgotten = setup::forget(config, &owner, id, self.even_if_it_runs).map_err(cannot)?;
        if self.json {
            print_json(&serde_json::json!({ "forgotten": forgotten.as_ref().map(Shown::from) }))?;
        }
        let Some(row) = forgotten else {
            print_aside(&format!(
                "the database has no replica {id}: `cpss-registry replica list` shows which it has\n"
            ));
            return Ok(Outcome::No);
        };
        if !self.json {
            let (seen, applied) = (last_seen(&row), row.applied);
            print(&format!("{id} is forgotten. It was last seen {seen}, with the records up to {applied}.\n"))?;
        }
        Ok(Outcome::Done)
    }
}

/// How long ago a replica was seen, by the database's clock.
fn last_seen(row: &ReplicaRow) -> String {
    let Some(at) = row.seen_at else { return "never".to_owned() };
    let ago = row.now.duration_since(at).max(SignedDuration::ZERO);
    format!("{:#} ago", SignedDuration::from_secs(ago.as_secs()))
}
