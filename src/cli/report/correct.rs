//! `report correct`: both days of a job, as they should have been reported.

use crate::cli::Outcome;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::cli::recording::{Confirmation, Recording};
use crate::proto::google::r#type::Date;
use crate::proto::v1::CorrectEmploymentRequest;
use crate::proto::v1::import_row::Command;

/// Correct the days of a job; they replace both days on record
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Correct {
    /// The id of the job, as `staff` and `history` show it
    #[arg(value_name = "JOB")]
    job: String,
    /// The first day of work, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    first_day: Date,
    /// The last day of work; --open if the job has none
    #[arg(long, value_name = "DATE", value_parser = read_date, conflicts_with = "open")]
    last_day: Option<Date>,
    /// The job has no last day: an end that was reported is taken away
    #[arg(long)]
    open: bool,
    #[command(flatten)]
    recording: Recording,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry report correct EM-1C6A-348J-N --first-day $(date -d '-850 days' +%F) --open \\
    --as provider:region-1-cmhc --dry-run";

impl Correct {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if self.last_day.is_none() && !self.open {
            let line = "both days of the job are replaced: give --last-day DATE, or --open if the job has no last day";
            return Err(Failure::usage(vec![line.to_owned()]));
        }
        let request = CorrectEmploymentRequest {
            note: self.recording.note.clone(),
            employment_id: self.job,
            first_day: Some(self.first_day),
            last_day: self.last_day,
            ..CorrectEmploymentRequest::default()
        };
        self.recording.record(&Command::CorrectEmployment(request), Confirmation::NotNeeded)
    }
}
