//! `report`: what an employer reports about its staff.

mod correct;
mod end;
mod retract;
mod start;

use clap::Subcommand;

use super::Outcome;
use super::failure::Failure;

/// Report who started and who left, and take mistakes back
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE, subcommand_required = true, arg_required_else_help = true)]
pub struct Report {
    #[command(subcommand)]
    kind: Kind,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry report end CPS-28MS-MN2K-Z --last-day $(date -d '-3 days' +%F) --reason resigned \\
    --as provider:region-1-cmhc --dry-run

A line that is run again is a retry: it is recorded once. The journal ~/.config/cpss-registry/requests.jsonl has the
request id of each line, with a keyed digest of its content, but no name.";

#[derive(Debug, Subcommand)]
enum Kind {
    Start(start::Start),
    End(end::End),
    Correct(correct::Correct),
    Retract(retract::Retract),
}

impl Report {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        match self.kind {
            Kind::Start(start) => start.run(),
            Kind::End(end) => end.run(),
            Kind::Correct(correct) => correct.run(),
            Kind::Retract(retract) => retract.run(),
        }
    }
}
