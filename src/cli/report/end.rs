//! `report end`: a job ended or will end.

use clap::ValueEnum;

use crate::cli::Outcome;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::cli::recording::{Confirmation, Recording};
use crate::proto::google::r#type::Date;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::report_employment_end_request::Job;
use crate::proto::v1::{EmploymentEndReason, ReportEmploymentEndRequest};

/// Report the last day of a job; it still counts as a day of work
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct End {
    /// The employee's credential number, if there is one open job with the provider
    #[arg(value_name = "NUMBER", required_unless_present = "job", conflicts_with = "job")]
    number: Option<String>,
    /// The id of the job, as `staff` shows it, instead of the number
    #[arg(long, value_name = "ID")]
    job: Option<String>,
    /// The last day of work, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    last_day: Date,
    /// Why the job ended
    #[arg(long, value_enum)]
    reason: Reason,
    #[command(flatten)]
    recording: Recording,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry report end CPS-28MS-MN2K-Z --last-day $(date -d '-3 days' +%F) --reason resigned \\
    --as provider:region-1-cmhc --dry-run
  cpss-registry report end CPS-28MS-MN2K-Z --last-day $(date -d '-3 days' +%m/%d/%Y) --reason resigned \\
    --as provider:region-1-cmhc";

/// The reasons of the contract.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Reason {
    Resigned,
    Dismissed,
    PositionEnded,
    Transferred,
    Other,
}

impl Reason {
    fn of_contract(self) -> EmploymentEndReason {
        match self {
            Reason::Resigned => EmploymentEndReason::Resigned,
            Reason::Dismissed => EmploymentEndReason::Dismissed,
            Reason::PositionEnded => EmploymentEndReason::PositionEnded,
            Reason::Transferred => EmploymentEndReason::Transferred,
            Reason::Other => EmploymentEndReason::Other,
        }
    }
}

impl End {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let job = self.number.map(Job::CredentialNumber).or(self.job.map(Job::EmploymentId));
        let request = ReportEmploymentEndRequest {
            note: self.recording.note.clone(),
            job,
            last_day: Some(self.last_day),
            reason: self.reason.of_contract().into(),
            ..ReportEmploymentEndRequest::default()
        };
        self.recording.record(&Command::ReportEmploymentEnd(request), Confirmation::NotNeeded)
    }
}
