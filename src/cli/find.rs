//! `find`: people on file by the beginning of a name or by birth date, with or without a credential.

use std::time::Duration;

use tonic::Code;

use super::connect::Connection;
use super::display_text::{day, full_name, standing};
use super::failure::Failure;
use super::listing::ListFormat;
use super::pages::all_pages;
use super::personal::{BIRTH_DATE, FAMILY_NAME, Field, GIVEN_NAME, Given, PersonalInput};
use super::question::Knowledge;
use super::{Outcome, block_on, message_json};
use crate::proto::v1::credential_service_client::CredentialServiceClient;
use crate::proto::v1::{FindSpecialistsRequest, FoundSpecialist};

const TIMEOUT: Duration = Duration::from_secs(60);

const COLUMNS: [&str; 5] = ["name", "other_names", "birth_date", "credentials", "specialist_id"];

/// Find people on file, with or without a credential: exit 0 if anybody matches, 3 if nobody does. For registrars and
/// auditors
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Find {
    /// The number of an earlier certificate, instead of a name; nothing is asked for then
    #[arg(long, value_name = "NUMBER", conflicts_with = "person")]
    prior_number: Option<String>,
    #[command(flatten)]
    input: PersonalInput,
    #[command(flatten)]
    knowledge: Knowledge,
    #[command(flatten)]
    format: ListFormat,
    #[command(flatten)]
    connection: Connection,
}

const EXAMPLE: &str = "\
Examples:
  echo 'family_name: merr' | cpss-registry find --person -
  printf 'family_name: quill\\nbirth_date: 3/27/1999\\n' | cpss-registry find --person -
  cpss-registry find --prior-number MS-00417

Names and the birth date are asked for; each may be left empty. A name matches from its beginning, whatever its accents,
capitals and dashes; former names match too.";

/// The fields that people are found by.
const FAMILY: Field = Field { prompt: "Family name, or its beginning (empty: any)", is_optional: true, ..FAMILY_NAME };
const GIVEN: Field = Field { prompt: "Given name, or its beginning (empty: any)", ..GIVEN_NAME };
const BORN: Field = Field { prompt: "Birth date (empty: any)", is_optional: true, ..BIRTH_DATE };

impl Find {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let given = match self.prior_number {
            Some(_) => Given::default(),
            None => {
                block_on(self.check_right())?;
                self.input.read(&[FAMILY, GIVEN, BORN])?
            }
        };
        let mut list = self.format.begin(&COLUMNS)?;
        let mut count = 0_u64;
        block_on(self.ask(given, |found| {
            count += 1;
            list.row(cells(&found), || message_json::of("FoundSpecialist", &found))
        }))?;
        list.end(&[match count {
            0 => "Nobody matches.".to_owned(),
            1 => "1 person matches.".to_owned(),
            _ => format!("{count} people match."),
        }])?;
        Ok(if count > 0 { Outcome::Done } else { Outcome::No })
    }

    /// Asks for nothing, so that somebody who may not search is refused before typing a name. For the others
    /// only a name or a date is missing.
    async fn check_right(&self) -> Result<(), Failure> {
        let mut client = CredentialServiceClient::new(self.connection.open(TIMEOUT).await?);
        match client.find_specialists(FindSpecialistsRequest::default()).await {
            Err(status) if status.code() != Code::InvalidArgument => Err(Failure::answered(&status)),
            _ => Ok(()),
        }
    }

    async fn ask(
        &self,
        mut given: Given,
        take: impl FnMut(FoundSpecialist) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let request = FindSpecialistsRequest {
            family_name: given.text(FAMILY),
            given_name: given.text(GIVEN),
            birth_date: given.date(BORN)?,
            prior_number: self.prior_number.clone().unwrap_or_default(),
            known_at: self.knowledge.known_at(),
            page_size: 1000,
            ..FindSpecialistsRequest::default()
        };
        let mut client = CredentialServiceClient::new(self.connection.open(TIMEOUT).await?);
        let ask = async |page_token: String| {
            let request = FindSpecialistsRequest { page_token, ..request.clone() };
            let page = client.find_specialists(request).await?.into_inner();
            Ok((page.specialists, page.next_page_token))
        };
        all_pages(ask, take).await
    }
}

fn cells(found: &FoundSpecialist) -> Vec<String> {
    let mut names = found.names.iter().map(full_name);
    let credentials = found.credentials.iter();
    let credentials = credentials.map(|it| format!("{} {}", it.credential_number, standing(it.standing())));
    vec![
        names.next().unwrap_or_default(),
        names.collect::<Vec<_>>().join("; "),
        found.birth_date.map(day).unwrap_or_default(),
        credentials.collect::<Vec<_>>().join("; "),
        found.specialist_id.clone(),
    ]
}
