//! `verify`: asks a server whether a credential is good on a day.

mod answer;

use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;

use super::connect::Connection;
use super::failure::Failure;
use super::question::Question;
use super::{Outcome, block_on, message_json, print, print_json, terminal};
use crate::proto::v1::verification_item::Subject;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{Verification, VerifyCredentialRequest};

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
    question: Question,
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
  cpss-registry verify cps28msmn2kz --as-of 2026-03-01 --known-at 100 --provider region-1-cmhc";

impl Verify {
    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        self.question = self.question.filled(self.connection.profile()?);
        let verification = block_on(self.ask())?;
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

    async fn ask(&self) -> Result<Verification, Failure> {
        let channel = self.connection.open(TIMEOUT).await?;
        let asked = VerificationServiceClient::new(channel).verify_credential(self.request()).await;
        let answer = asked.map_err(|status| Failure::answered(&status))?.into_inner();
        let missing = || Failure::answered(&tonic::Status::internal("the server answered without a verification"));
        answer.verification.ok_or_else(missing)
    }

    fn request(&self) -> VerifyCredentialRequest {
        let prior = self.prior_number.clone().map(Subject::PriorNumber);
        let number = || Subject::CredentialNumber(self.credential_number.clone().unwrap_or_default());
        let item = self.question.about(prior.unwrap_or_else(number));
        VerifyCredentialRequest { item: Some(item), known_at: self.question.known_at(), ..Default::default() }
    }
}
