//! Ending a period, and retracting a fact.

use super::Acting;
use crate::cli::Outcome;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::proto::google::r#type::Date;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::{EndPeriodRequest, RetractFactRequest};

/// End a suspension, a limitation, a designation, a qualification of a provider, …, or move its end
#[derive(Debug, clap::Args)]
#[command(after_help = END)]
pub struct End {
    /// The fact that opened the period, as `history` shows it
    #[arg(value_name = "FACT")]
    fact: String,
    /// The last day of the period, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    last_day: Date,
    /// Why; stored with the fact. Write nothing about anyone's health
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

const END: &str = "\
Examples:
  cpss-registry act suspend CPS-28MS-MN2K-Z --basis ce-audit --first-day $(date -d '-9 days' +%F) --yes
  cpss-registry act end 1f0c93a2-141-0 --last-day $(date +%F) --reason 'the audit is over' --yes

The second line has the fact that the first one printed. `history --provider ID` has the facts of a provider: before you
end its qualification, --affected shows everyone who would lose the credential.";

impl End {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = EndPeriodRequest {
            note: self.acting.note(),
            fact_id: self.fact,
            last_day: Some(self.last_day),
            reason: self.reason,
            ..EndPeriodRequest::default()
        };
        self.acting.record(&Command::EndPeriod(request))
    }
}

/// Retract a fact that was recorded by mistake: for all days it counts as never recorded
#[derive(Debug, clap::Args)]
#[command(after_help = RETRACT)]
pub struct Retract {
    /// The fact, as `history` and `review-items` show it
    #[arg(value_name = "FACT")]
    fact: String,
    /// Why it was a mistake; stored with the retraction. Write nothing about anyone's health
    #[arg(long, value_name = "TEXT")]
    reason: String,
    #[command(flatten)]
    acting: Acting,
}

const RETRACT: &str = "\
Examples:
  cpss-registry act suspend CPS-28MS-MN2K-Z --basis ce-audit --first-day $(date -d '-9 days' +%F) --yes
  cpss-registry act retract 1f0c93a2-141-0 --reason 'wrong person' --yes

The second line has the fact that the first one printed.";

impl Retract {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = RetractFactRequest {
            note: self.acting.note(),
            fact_id: self.fact,
            reason: self.reason,
            ..RetractFactRequest::default()
        };
        self.acting.record(&Command::RetractFact(request))
    }
}
