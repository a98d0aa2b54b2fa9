//! `affected`: everyone whom a record affected, with names.

use std::time::Duration;

use super::connect::Connection;
use super::failure::Failure;
use super::impact::print_impact;
use super::listing::ListFormat;
use super::{Outcome, block_on};
use crate::proto::v1::preview_impact_request::Subject;

const TIMEOUT: Duration = Duration::from_secs(600);

/// Show everyone whom a record affected, with names
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Affected {
    /// The revision of the record, as every report, act and history shows it
    #[arg(value_name = "REVISION")]
    revision: u64,
    #[command(flatten)]
    format: ListFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry act suspend CPS-28MS-MN2K-Z --basis ce-audit --first-day $(date +%F) --affected
  cpss-registry affected 45

For a report or an act that is not recorded yet: add --affected to its line.";

impl Affected {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let subject = Subject::Revision(self.revision);
        block_on(Box::pin(async { print_impact(self.connection.open(TIMEOUT).await?, subject, self.format).await }))?;
        Ok(Outcome::Done)
    }
}
