//! `claims`: checks a list of claims, and writes the answers next to the rows.

pub mod answer;
pub mod list_id;
pub mod provider;
pub mod question;
pub mod row_check;
mod summary;
pub mod whole_number;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use tokio_stream::StreamExt as _;

use self::answer::{Answered, cells};
use self::list_id::ListId;
use self::question::{item, names_providers};
use self::row_check::Place;
use self::summary::Summary;
use super::answer_file::AnswerFile;
use super::connect::Connection;
use super::failure::Failure;
use super::list::{List, ListArgs, Row};
use super::progress::Progress;
use super::question::Knowledge;
use super::{Outcome, block_on_until_interrupted, json, print, row_stream};
use crate::proto::v1::stream_check_billing_eligibility_request::Kind as Asked;
use crate::proto::v1::stream_check_billing_eligibility_response::Kind as Message;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{EligibilityResult, StreamCheckBillingEligibilityRequest, StreamOptions};

/// The timeout of the stream; long lists take long.
pub const TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// Check a list of claims: exit 0 if all are eligible, 3 if any is not, 4 if any is undetermined, 2 if any row cannot
/// be asked
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Claims {
    /// The list: CSV or .xlsx, with column names such as credential_number or Cert #, date_of_service or DOS, and
    /// provider_id, NPI or medicaid_id. Other columns are kept unchanged
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    list: ListArgs,
    /// The billing provider of the rows that name none [default: that of the profile]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    provider: Option<String>,
    /// The file for the rows with their answers [default: FILE.answers.csv]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    knowledge: Knowledge,
    #[command(flatten)]
    connection: Connection,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry claims claims.csv
  cpss-registry claims claims.csv --provider region-1-cmhc --out march.csv
  cpss-registry claims claims.csv --profile medicaid --out again.csv --json

A row needs the credential number or a prior number, the date of service, and the billing provider: by provider_id, else
by NPI, else by medicaid_id. Optional: family_name, designation, units, units_billed_that_day, units_billed_that_year.
The units are checked if all three counts are there. A profile is a file such as
~/.config/cpss-registry/medicaid.toml, with the server, the credentials, and the provider of the rows that name none.
A row that cannot be asked has the reason in the column `fault`; the others are asked.
The column `row_check` lets `review` notice rows that were changed, lost or doubled after they were answered. It covers
the claim number (claim_id), the question (number or prior number, provider, date of service, designation, units, family
name), and of the answer eligible, verdict, number_on_record, asked_provider, payable_units, known_at_revision and epoch.
It does not cover sentence, reasons, limit_reasons, settles_on and fault, which are for people, nor your other columns. If
the claim number is in a column that is not recognized, name it: --column claim_id=HEADING.
All rows are answered from one state of knowledge. Keep the file of answers: `review` tells later which answers have
changed. Only its owner can read it (mode 0600). An existing file is not replaced.";

impl Claims {
    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        self.provider = self.provider.or(self.connection.profile()?.provider);
        let list = question::open(&self.file, &self.list)?;
        if self.provider.is_none() && !names_providers(&list) {
            let remedy = "name the billing provider with --provider, or in a column provider_id, npi or medicaid_id";
            return Err(Failure::usage(vec![format!("{}: {remedy}", self.file.display())]));
        }
        let path = self.out.clone().unwrap_or_else(|| self.file.with_extension("answers.csv"));
        let file = AnswerFile::begin(&list, &path)?;
        let summary = block_on_until_interrupted(self.ask(&list, file, Summary::begin(&list, path)))?.ended();
        print(&if self.json { json(&summary)? } else { summary.text(&list) })?;
        Ok(summary.outcome())
    }

    /// Asks all rows, and writes them with their answers.
    async fn ask(&self, list: &List, mut file: AnswerFile, mut summary: Summary) -> Result<Summary, Failure> {
        let mut client = VerificationServiceClient::new(self.connection.open(TIMEOUT).await?);
        let (questions, sent) = row_stream::channel();
        let message = |kind| StreamCheckBillingEligibilityRequest { kind: Some(kind) };
        let options = StreamOptions { known_at: self.knowledge.known_at(), ..StreamOptions::default() };
        // The stream has not begun, so there is room.
        drop(questions.try_send(message(Asked::Options(options))));
        let answers = client.stream_check_billing_eligibility(sent).await;
        let mut answers = answers.map_err(|status| Failure::answered(&status))?.into_inner();
        let first = answers.message().await.map_err(|status| Failure::answered(&status))?;
        let pinned = first.and_then(|first| match first.kind {
            Some(Message::Pinned(pinned)) => Some(pinned),
            Some(Message::Result(_)) | None => None,
        });
        let pinned = pinned.ok_or_else(row_stream::not_pinned)?;
        summary.pin(&pinned);
        let id = ListId::of(list, self.provider.as_deref(), &pinned);
        let answers = answers.map(|message| match message.map_err(|status| Failure::answered(&status))?.kind {
            Some(Message::Result(result)) => Ok(result),
            Some(Message::Pinned(_)) | None => Ok(EligibilityResult::default()),
        });
        let ask = |row: &Row| {
            let item = item(row, self.provider.as_deref()).map_err(|faults| Answered::faulty(&faults))?;
            Ok((Some(item.clone()), message(Asked::Item(item))))
        };
        let rows = row_stream::questions(list, &self.file, ask);
        let mut progress = Progress::new();
        row_stream::pass(rows, questions, answers, async |rows| {
            for ((row, claim, fault), result) in rows {
                let answered = fault.or_else(|| result.map(|result| Answered::of(&row, result)));
                let Some(answered) = answered else {
                    file.write(&row, &[])?;
                    continue;
                };
                summary.add(&row, &answered, claim.as_ref());
                let place = Place { list: id, row: summary.rows(), rows: list.size() };
                file.write(&row, &cells(&row, &answered, claim.as_ref(), &pinned, place))?;
            }
            progress.rows("asking", summary.rows(), list.size());
            Ok(())
        })
        .await?;
        progress.end();
        file.keep()?;
        Ok(summary)
    }
}
