//! The acts on a person.

use std::time::Duration;

use super::Acting;
use crate::cli::connect::Connection;
use crate::cli::dates::read_date;
use crate::cli::failure::Failure;
use crate::cli::people::{name_of, specialist_of};
use crate::cli::personal::{BIRTH_DATE, FAMILY_NAME, Field, GIVEN_NAME, PersonalInput, SUFFIX};
use crate::cli::{Outcome, block_on};
use crate::proto::google::r#type::Date;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::{ChangeSpecialistNameRequest, PersonName, RecordDeathRequest, RegisterSpecialistRequest};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Register a person, who has no credential yet; name and birth date are asked for
#[derive(Debug, clap::Args)]
#[command(after_help = REGISTER)]
pub struct Register {
    #[command(flatten)]
    input: PersonalInput,
    #[command(flatten)]
    acting: Acting,
}

const REGISTER: &str = "\
Example:
  printf 'given_name: Odalys\\nfamily_name: Example\\nbirth_date: 2/29/1980\\n' |
    cpss-registry act register --person - --yes";

impl Register {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut given = self.input.read(&[GIVEN_NAME, FAMILY_NAME, SUFFIX, BIRTH_DATE])?;
        let request = RegisterSpecialistRequest {
            note: self.acting.note(),
            birth_date: given.date(BIRTH_DATE)?,
            name: Some(given.name()),
            ..RegisterSpecialistRequest::default()
        };
        self.acting.record(&Command::RegisterSpecialist(request))
    }
}

/// Record a person's new name; it is asked for, and what is not given of it stays
#[derive(Debug, clap::Args)]
#[command(after_help = NAME)]
pub struct Name {
    /// The person's credential number or id
    #[arg(value_name = "NUMBER|ID")]
    who: String,
    #[command(flatten)]
    input: PersonalInput,
    #[command(flatten)]
    acting: Acting,
}

const NAME: &str = "\
Example:
  printf 'given_name: Bernice\\nfamily_name: Oakes\\n' |
    cpss-registry act name CPS-28MS-MN2K-Z --person - --yes

A line `given_name:` or `suffix:` without a text removes that part of the name.";

/// The parts of a name that stay if they are not given.
const GIVEN: Field = Field { prompt: "Given name (empty: as it is)", ..GIVEN_NAME };
const AFTER: Field = Field { prompt: "Suffix, such as Jr (empty: as it is)", ..SUFFIX };

impl Name {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let mut given = self.input.read(&[GIVEN, FAMILY_NAME, AFTER])?;
        let connection = &self.acting.recording.connection;
        let (specialist_id, today) = block_on(async {
            let service = connection.open(TIMEOUT).await?;
            let id = specialist_of(service.clone(), self.who).await?;
            let name = name_of(service, id.clone()).await?;
            Ok((id, name))
        })?;
        let name = PersonName {
            given_name: given.text_if_given(GIVEN).unwrap_or(today.given_name),
            family_name: given.text(FAMILY_NAME),
            suffix: given.text_if_given(AFTER).unwrap_or(today.suffix),
        };
        let request = ChangeSpecialistNameRequest {
            note: self.acting.note(),
            specialist_id,
            name: Some(name),
            ..ChangeSpecialistNameRequest::default()
        };
        self.acting.record(&Command::ChangeSpecialistName(request))
    }
}

/// Record the death of a person, or correct its day
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  cpss-registry act death CPS-28MS-MN2K-Z --on $(date -d '-2 days' +%F) --yes")]
pub struct Death {
    /// The person's credential number or id
    #[arg(value_name = "NUMBER|ID")]
    who: String,
    /// The day of death, such as 2026-03-02 or 3/2/2026
    #[arg(long, value_name = "DATE", value_parser = read_date)]
    on: Date,
    #[command(flatten)]
    acting: Acting,
}

impl Death {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let request = RecordDeathRequest {
            note: self.acting.note(),
            specialist_id: specialist(&self.acting.recording.connection, self.who)?,
            death_date: Some(self.on),
            ..RecordDeathRequest::default()
        };
        self.acting.record(&Command::RecordDeath(request))
    }
}

/// The id of a person, by the id itself or by the credential number.
fn specialist(connection: &Connection, who: String) -> Result<String, Failure> {
    block_on(async { specialist_of(connection.open(TIMEOUT).await?, who).await })
}
