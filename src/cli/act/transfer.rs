//! `act transfer`: all open jobs at one provider go on at another, as in a merger.

use super::Acting;
use crate::cli::Outcome;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::proto::google::r#type::Date;
use crate::proto::v1::TransferEmploymentsRequest;
use crate::proto::v1::import_row::Command;

/// Transfer all open jobs from one provider to another, as in a merger: they end there, and begin here on the next day
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Transfer {
    /// The provider where the jobs end
    #[arg(value_name = "FROM")]
    from: String,
    /// The provider where they begin
    #[arg(value_name = "TO")]
    to: String,
    /// The last day at the first provider, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    last_day: Date,
    #[command(flatten)]
    acting: Acting,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry act transfer region-3-cmhc region-1-cmhc --last-day $(date +%F) --affected
  cpss-registry act transfer region-3-cmhc region-1-cmhc --last-day $(date +%F) --yes";

impl Transfer {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = TransferEmploymentsRequest {
            note: self.acting.note(),
            from_provider_id: self.from,
            to_provider_id: self.to,
            last_day: Some(self.last_day),
            ..TransferEmploymentsRequest::default()
        };
        self.acting.record(&Command::TransferEmployments(request))
    }
}
