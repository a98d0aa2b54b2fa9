//! `report start`: a job began or will begin.

use crate::cli::Outcome;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::cli::personal::{BIRTH_DATE, FAMILY_NAME, Field, PersonalInput};
use crate::cli::recording::{Confirmation, Recording};
use crate::proto::google::r#type::Date;
use crate::proto::v1::ReportEmploymentStartRequest;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::report_employment_start_request::Person;

/// Report that a job began or will begin
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Start {
    /// The employee's credential number; the family name is asked for
    #[arg(value_name = "NUMBER", conflicts_with = "specialist")]
    number: Option<String>,
    /// The employee's id in the registry, instead of the number
    #[arg(long, value_name = "ID")]
    specialist: Option<String>,
    /// The first day of work, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    first_day: Date,
    /// The last day of work, if it is known already
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    last_day: Option<Date>,
    /// The employer [default: that of the profile, else the caller itself]
    #[arg(long, value_name = "ID")]
    provider: Option<String>,
    /// The position
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    position: String,
    /// The work is supervised by a mental health professional
    #[arg(long)]
    supervised: bool,
    #[command(flatten)]
    input: PersonalInput,
    #[command(flatten)]
    recording: Recording,
}

const EXAMPLE: &str = "\
Examples:
  printf 'family_name: Whitfield-Amos\\nbirth_date: 8/17/1993\\n' |
    cpss-registry report start CPS-HCRD-5E1W-A --first-day $(date +%m/%d/%Y) --position 'Peer specialist' \\
      --supervised --as provider:region-1-cmhc --person -
  cpss-registry report start --specialist SP-GC4W-MBDQ-N --first-day $(date +%F) --person birth-date.txt \\
    --as provider:region-2-cmhc --dry-run

On a terminal the names and dates are asked for. A file has one `field: value` a line. The birth date is needed for
somebody who has never worked for the provider.";

/// The birth date is needed for people whom the provider never employed.
const THEIR_BIRTH_DATE: Field =
    Field { prompt: "Birth date (empty: the person works or worked here)", is_optional: true, ..BIRTH_DATE };

impl Start {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        if self.number.is_none() && self.specialist.is_none() {
            let line = "who started? Give the credential number, or --specialist ID for somebody who has none yet";
            return Err(Failure::usage(vec![line.to_owned()]));
        }
        let provider = self.recording.connection.profile()?.provider;
        let fields = if self.number.is_some() { vec![FAMILY_NAME, THEIR_BIRTH_DATE] } else { vec![THEIR_BIRTH_DATE] };
        let mut given = self.input.read(&fields)?;
        let person = self.number.map(Person::CredentialNumber).or(self.specialist.map(Person::SpecialistId));
        let request = ReportEmploymentStartRequest {
            note: self.recording.note.clone(),
            person,
            family_name: given.text(FAMILY_NAME),
            provider_id: self.provider.or(provider).unwrap_or_default(),
            position: self.position,
            first_day: Some(self.first_day),
            supervised: self.supervised,
            last_day: self.last_day,
            birth_date: given.date(BIRTH_DATE)?,
            ..ReportEmploymentStartRequest::default()
        };
        self.recording.record(&Command::ReportEmploymentStart(request), Confirmation::NotNeeded)
    }
}
