//! `roster`: verifies everyone on a staff list, and writes the answers next to the rows.

mod answer;
mod compare;
mod difference;
mod near;
mod question;
mod reconcile;
mod rows;
mod summary;
mod unnumbered;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_stream::StreamExt as _;
use tonic::Code;

use self::answer::answers;
use self::question::{Answered, Staff};
pub use self::rows::ReadRoster;
use self::summary::Summary;
use super::connect::Connection;
use super::failure::Failure;
use super::list::{Encoding, List, ListArgs};
use super::listing::Format;
use super::new_file::{NewFile, cannot_write};
use super::question::Question;
use super::{Outcome, block_on_until_interrupted, json, print, print_aside, print_bytes};
use crate::proto::v1::known_at::Point;
use crate::proto::v1::provider_service_client::ProviderServiceClient;
use crate::proto::v1::stream_verify_credentials_request::Kind as Asked;
use crate::proto::v1::stream_verify_credentials_response::Kind as Message;
use crate::proto::v1::verification_result::Outcome as Fared;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{
    GetProviderRequest, KnownAt, Pinned, Reason, StreamOptions, StreamVerifyCredentialsRequest, VerificationResult,
};

/// The timeout of the stream; long lists take long.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// Verify everyone on a staff list: exit 0 if all are confirmed, 3 if anyone is not, 4 if anyone is undetermined
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Roster {
    /// The list: CSV or .xlsx, with column names such as credential_number or Cert #, and family_name or Last Name if
    /// names are to be checked. Other columns are kept unchanged
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    list: ListArgs,
    /// The file for the rows with their answers; - for standard output, with the summary on standard error [default:
    /// FILE.answers.csv]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Say what changed since an earlier file of answers
    #[arg(long, value_name = "LAST")]
    compare: Option<PathBuf>,
    /// Compare the list with the jobs on record instead: who is only in one of them, whose first day differs, and which
    /// rows are mistakes: exit 0 if both agree, 3 if they do not, 4 if all but rows that are not compared agree.
    /// Nothing is reported
    #[arg(long, conflicts_with_all = ["out", "compare", "designation"])]
    reconcile: bool,
    /// How to print the differences; csv: for spreadsheets, with the sentences on standard error [default: table]
    #[arg(long, value_enum, value_name = "FORMAT", requires = "reconcile")]
    // Without these, clap takes a flag that excludes --reconcile for its replacement.
    #[arg(conflicts_with_all = ["json", "out", "compare", "designation"])]
    format: Option<Format>,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    connection: Connection,
    /// Print the summary as one JSON object; with --reconcile, one JSON object on each line
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry roster staff.csv --provider region-1-cmhc
  cpss-registry roster staff.csv --as-of 2026-03-01 --out march.csv
  cpss-registry roster staff.csv --out - | grep -v ',CONFIRMED,'
  cpss-registry roster staff.csv --out april.csv --compare march.csv
  cpss-registry roster staff.csv --column number=credential_number --out named.csv
  cpss-registry roster staff.csv --reconcile --provider region-1-cmhc
  cpss-registry roster staff.csv --reconcile --provider region-1-cmhc --format csv >differences.csv

A list may be separated by commas, semicolons, tabs or |, and be UTF-8, UTF-16 or Windows-1252. It needs the credential
number, a prior number, or the family name, given name and birth date of each person; with --reconcile, one of the
numbers. Rows without one are then compared by name with the jobs of people who have no number on record. Blank rows, and sums at the end, are left out and named. If any other row cannot be asked, all
such rows are printed, and nothing is asked.
All rows are answered from one state of knowledge. Only its owner can read the file of answers (mode 0600). An existing
file is not replaced.";

impl Roster {
    pub(super) fn run(mut self) -> Result<Outcome, Failure> {
        self.question = self.question.filled(self.connection.profile()?);
        if self.reconcile {
            return reconcile::run(&self);
        }
        let list = open(&self.file, &question::COLUMNS, &self.list)?;
        let last = self.compare.as_deref().map(compare::LastAnswers::read).transpose()?;
        let path = self.out.clone().unwrap_or_else(|| self.file.with_extension("answers.csv"));
        if !is_stdout(&path) && path.exists() {
            return Err(cannot_write(&path, &std::io::ErrorKind::AlreadyExists.into()));
        }
        let staff = Staff::read(&self.file, &list, &self.question)?;
        let (pinned, results) = block_on_until_interrupted(self.ask(&staff))?;
        let unjudged_provider = self.refuse_unknown_provider(&pinned, &results)?;
        let written: Vec<_> = results.iter().map(|result| answers(result, &pinned)).collect();
        let encoding = list.encoding_for(written.iter().flatten().map(String::as_str));
        let answered = Answered { staff: &staff, results: &results };
        let mut summary = Summary::of(&answered, &list, pinned, path);
        summary.reencoded = encoding != list.encoding();
        summary.changes = last.map(|last| last.compared(&answered));
        summary.unjudged_provider = unjudged_provider;
        let said = if self.json { json(&summary)? } else { summary.text() };
        write(&list, &staff, &written, encoding, &summary.answers)?;
        if is_stdout(&summary.answers) {
            print_aside(&said);
        } else {
            print(&said)?;
        }
        Ok(summary.outcome())
    }

    async fn ask(&self, staff: &Staff) -> Result<(Pinned, Vec<VerificationResult>), Failure> {
        let channel = self.connection.open(TIMEOUT).await?;
        let options = StreamOptions { known_at: self.question.known_at(), ..StreamOptions::default() };
        let items: Vec<_> = staff.items().cloned().map(Asked::Item).collect();
        let count = items.len();
        let asked = tokio_stream::iter(std::iter::once(Asked::Options(options)).chain(items));
        let asked = asked.map(|kind| StreamVerifyCredentialsRequest { kind: Some(kind) });
        let answers = VerificationServiceClient::new(channel).stream_verify_credentials(asked).await;
        let mut answers = answers.map_err(|status| Failure::answered(&status))?.into_inner();
        let (mut pinned, mut results) = (None, Vec::with_capacity(count));
        while let Some(message) = answers.next().await {
            match message.map_err(|status| Failure::answered(&status))?.kind {
                Some(Message::Pinned(to)) => pinned = Some(to),
                Some(Message::Result(result)) => results.push(result),
                None => {}
            }
        }
        match pinned {
            Some(pinned) if results.len() == count => Ok((pinned, results)),
            _ => Err(Failure::said(vec![format!("{count} rows were sent and {} answered", results.len())])),
        }
    }

    /// Refuses a provider that is not on file: that is a typing error in the command, not an answer about the people.
    /// Where no answer depends on the provider it is asked for; returns it if the caller may not ask that either.
    fn refuse_unknown_provider(
        &self,
        pinned: &Pinned,
        results: &[VerificationResult],
    ) -> Result<Option<String>, Failure> {
        let provider = self.question.provider();
        let is_unknown = results.iter().any(|result| has_reason(result, Reason::ProviderNotOnFile));
        let status = if provider.is_empty() || !is_unknown && results.iter().any(is_about_provider) {
            return Ok(None);
        } else if is_unknown {
            Code::NotFound
        } else {
            block_on_until_interrupted(self.look_up(provider, pinned))?
        };
        match status {
            Code::Ok => Ok(None),
            Code::NotFound => Err(Failure::usage(vec![format!(
                "--provider: no provider `{provider}` is on file as known at revision {}; no answers were written",
                pinned.revision
            )])),
            _ => Ok(Some(provider.to_owned())),
        }
    }

    /// Looks a provider up, and returns how that went.
    async fn look_up(&self, provider: &str, pinned: &Pinned) -> Result<Code, Failure> {
        let point = Some(Point::Revision(pinned.revision));
        let known_at = Some(KnownAt { epoch: pinned.epoch.clone(), point });
        let request =
            GetProviderRequest { provider_id: provider.to_owned(), known_at, ..GetProviderRequest::default() };
        let found = ProviderServiceClient::new(self.connection.open(TIMEOUT).await?).get_provider(request).await;
        Ok(found.map_or_else(|status| status.code(), |_| Code::Ok))
    }
}

/// Writes the list with its answers.
fn write(list: &List, staff: &Staff, answers: &[Vec<String>], encoding: Encoding, path: &Path) -> Result<(), Failure> {
    let cannot_write = |error: std::io::Error| cannot_write(path, &error);
    let mut writer = list.answers(Vec::new(), encoding).map_err(cannot_write)?;
    let mut answers = answers.iter();
    for row in staff.rows() {
        let its = if row.left_out().is_none() { answers.next() } else { None };
        writer.write(row, its.into_iter().flatten().map(String::as_str)).map_err(cannot_write)?;
    }
    let bytes = writer.finish().map_err(cannot_write)?;
    if is_stdout(path) { print_bytes(&bytes) } else { NewFile::write(path, &bytes).map_err(cannot_write) }
}

/// Opens a list. What is wrong with it is a usage error.
fn open(path: &Path, columns: &'static super::list::Columns, args: &ListArgs) -> Result<List, Failure> {
    List::open(path, columns, args).map_err(|error| error.failure(path))
}

/// Whether the answers go to standard output.
fn is_stdout(answers: &Path) -> bool {
    answers.as_os_str() == "-"
}

/// Whether an answer depends on the provider in the question: none of its reasons stands alone.
fn is_about_provider(result: &VerificationResult) -> bool {
    let alone = [Reason::CredentialNotOnFile, Reason::NameMismatch, Reason::SpecialistAmbiguous];
    matches!(result.outcome, Some(Fared::Verification(_))) && !alone.iter().any(|reason| has_reason(result, *reason))
}

/// Whether an answer has a reason.
fn has_reason(result: &VerificationResult, reason: Reason) -> bool {
    let Some(Fared::Verification(verification)) = &result.outcome else { return false };
    verification.reasons.contains(&reason.into())
}
