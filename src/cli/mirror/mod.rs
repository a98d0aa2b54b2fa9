//! `mirror`: keeps a copy of the registry's answers in SQLite, built from the change feed alone.
//!
//! The copy is for systems that check every claim and cannot wait for the network. It is one local file that any
//! program can read while it is written. `schema.sql` documents the tables, and `eligibility.sql` answers questions
//! from them. The position in the feed is written in the same transaction as the changes up to it, so the process may
//! be killed at any time.

#[cfg(feature = "mirror")]
mod copy;

use std::path::PathBuf;

use super::connect::Connection;
use super::failure::Failure;
use super::{Outcome, print};

/// The SQL for the eligibility question.
const ELIGIBILITY: &str = include_str!("eligibility.sql");

/// Keep a copy of the registry's answers in an SQLite file, continuing where it stopped
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Mirror {
    /// The file of the copy; created if it does not exist
    #[arg(value_name = "FILE.db", required_unless_present = "query")]
    file: Option<PathBuf>,
    /// End when the copy has reached the head, or when the connection is lost
    #[arg(long)]
    once: bool,
    /// Build a new copy next to the old one, and replace the old one when the new one is complete
    #[arg(long)]
    rebuild: bool,
    /// Print the SQL that answers whether a claim is eligible, and end
    #[arg(long)]
    query: bool,
    #[command(flatten)]
    connection: Connection,
    /// Print one JSON object per line
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry mirror cpss.db                     # runs until it is ended; safe at any time
  cpss-registry mirror cpss.db --once              # from cron
  cpss-registry mirror --query >eligibility.sql
  sqlite3 -readonly cpss.db \".param set :credential_number \\\"'CPS-28MS-MN2K-Z'\\\"\" \\
      \".param set :provider_kind NPI\" \".param set :provider \\\"'2000000010'\\\"\" \\
      \".param set :day \\\"'2026-03-02'\\\"\" '.read eligibility.sql'

The schema documents the file: sqlite3 cpss.db .schema. Read it at any time, but do not write to it. To copy it, use
sqlite3's .backup, or copy FILE.db-wal with it.";

impl Mirror {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.file.as_ref().filter(|_| !self.query) {
            Some(path) => self.keep(path)?,
            None => print(ELIGIBILITY)?,
        }
        Ok(Outcome::Done)
    }

    #[cfg(not(feature = "mirror"))]
    #[expect(clippy::unused_self, reason = "only the build that keeps a copy uses it")]
    fn keep(&self, _: &std::path::Path) -> Result<(), Failure> {
        let line = "this build keeps no copies: build the program with `--features full`, or `--features mirror`";
        Err(Failure::said(vec![line.to_owned()]))
    }
}
