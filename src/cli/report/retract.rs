//! `report retract`: a report that was a mistake.

use crate::cli::Outcome;
use crate::cli::failure::Failure;
use crate::cli::recording::{Confirmation, Recording};
use crate::proto::v1::RetractFactRequest;
use crate::proto::v1::import_row::Command;

/// Take a mistaken report back: for all days it counts as never reported
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Retract {
    /// The fact that was reported, as the report and `history` show it
    #[arg(value_name = "FACT")]
    fact: String,
    /// Why it was a mistake; stored with the retraction. Write nothing about anyone's health
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    recording: Recording,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry report end CPS-28MS-MN2K-Z --last-day $(date -d '-3 days' +%F) --reason resigned \\
    --as provider:region-1-cmhc
  cpss-registry report retract 1f0c93a2-141-0 --reason 'wrong person' --as provider:region-1-cmhc

The second line has the fact that the first one printed.";

impl Retract {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = RetractFactRequest {
            note: self.recording.note.clone(),
            fact_id: self.fact,
            reason: self.reason,
            ..RetractFactRequest::default()
        };
        self.recording.record(&Command::RetractFact(request), Confirmation::NotNeeded)
    }
}
