//! `verify`: asks a server whether a credential is good on a day.

mod answer;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use tonic::Status;
use tonic_types::StatusExt as _;

use super::connect::Connection;
use super::failure::Failure;
use super::new_file::NewFile;
use super::personal::{FAMILY_NAME, PersonalInput, can_ask};
use super::question::Question;
use super::{Outcome, block_on, message_json, print, print_aside, print_json, terminal};
use crate::proto::v1::verification_item::Subject;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{Verification, VerificationItem, VerifyCredentialRequest};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Check whether a credential is good: exit 0 if it is, 3 if not, 4 if it is undetermined
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Verify {
    /// The credential number
    #[arg(value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    #[arg(required_unless_present = "prior_number")]
    credential_number: Option<String>,
    /// The number of an earlier certificate, in place of the credential number
    #[arg(long, value_name = "NUMBER", value_parser = NonEmptyStringValueParser::new())]
    #[arg(conflicts_with = "credential_number")]
    prior_number: Option<String>,
    #[command(flatten)]
    input: PersonalInput,
    #[command(flatten)]
    question: Question,
    /// Write the answer as a signed statement to a new file, for `verify-answer`
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry verify CPS-28MS-MN2K-Z
  cpss-registry verify --prior-number MS-00417
  echo \"family_name: O'Neal\" | cpss-registry verify --prior-number MS-00417 --person -
  cpss-registry verify CPS-28MS-MN2K-Z --sign signed-answer.jws
  cpss-registry verify cps28msmn2kz --as-of 2026-03-01 --known-at 100 --provider region-1-cmhc

With --person, the family name is checked, too. A provider that asks by prior number about somebody who is not its staff
must give it: on a terminal it is asked for then.";

impl Verify {
    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        self.question = self.question.filled(self.connection.profile()?);
        let family_name = if self.input.is_given() { self.family_name()? } else { String::new() };
        let (verification, signed) = block_on(self.ask(family_name))?;
        if let Some(path) = &self.sign {
            NewFile::write(path, format!("{signed}\n").as_bytes()).map_err(|error| not_written(path, &error))?;
        }
        if self.json {
            print_json(&message_json::of("Verification", &verification)?)?;
        } else {
            // A number that cannot exist has no canonical form, and a prior number may have no credential: print it as
            // given.
            let canonical = Some(verification.credential_number.as_str()).filter(|number| !number.is_empty());
            let given = self.credential_number.as_ref().or(self.prior_number.as_ref());
            let asked = canonical.or(given.map(String::as_str)).unwrap_or_default();
            print(&answer::text(asked, self.question.provider(), &verification, terminal::width()))?;
        }
        Ok(Outcome::of(verification.verdict()))
    }

    fn family_name(&self) -> Result<String, Failure> {
        Ok(self.input.read(&[FAMILY_NAME])?.text(FAMILY_NAME))
    }

    async fn ask(&self, family_name: String) -> Result<(Verification, String), Failure> {
        let mut service = VerificationServiceClient::new(self.connection.open(TIMEOUT).await?);
        let mut asked = service.verify_credential(self.request(family_name)).await;
        if let Err(status) = &asked
            && lacks_family_name(status)
        {
            let failure = Failure::answered(status);
            if !can_ask() {
                return Err(failure.with_remedy("give it with --person FILE, or --person - for standard input"));
            }
            print_aside(&failure.to_string());
            asked = service.verify_credential(self.request(self.family_name()?)).await;
        }
        let answer = asked.map_err(|status| Failure::answered(&status))?.into_inner();
        let missing = || Failure::answered(&Status::internal("the server answered without a verification"));
        Ok((answer.verification.ok_or_else(missing)?, answer.signed_answer))
    }

    fn request(&self, family_name: String) -> VerifyCredentialRequest {
        let prior = self.prior_number.clone().map(Subject::PriorNumber);
        let number = || Subject::CredentialNumber(self.credential_number.clone().unwrap_or_default());
        let item = VerificationItem { family_name, ..self.question.about(prior.unwrap_or_else(number)) };
        let (known_at, sign) = (self.question.known_at(), self.sign.is_some());
        VerifyCredentialRequest { item: Some(item), known_at, sign, ..Default::default() }
    }
}

/// The failure of a file for the signed answer.
fn not_written(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::of(format!("cannot write {}", path.display()), error);
    if error.kind() == io::ErrorKind::AlreadyExists {
        failure.with_usage(true).with_remedy("name another file")
    } else {
        failure
    }
}

/// Whether a question was refused only because it must have the family name.
fn lacks_family_name(status: &Status) -> bool {
    let details = status.get_error_details();
    let violations = details.bad_request().map_or(&[][..], |request| &request.field_violations);
    matches!(violations, [violation] if violation.field == "item.family_name" && violation.description.starts_with("required"))
}
