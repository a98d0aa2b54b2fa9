//! `roster`: verifies everyone on a staff list, and writes the answers next to the rows.

mod list;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use tokio_stream::StreamExt as _;

use self::list::ListError;
pub use self::list::StaffList;
use super::connect::Connection;
use super::failure::Failure;
use super::question::Question;
use super::{Outcome, block_on, display_text, json, print, print_aside};
use crate::proto::v1::stream_verify_credentials_request::Kind as Asked;
use crate::proto::v1::stream_verify_credentials_response::Kind as Answered;
use crate::proto::v1::verification_result::Outcome as Fared;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{
    Pinned, Reason, StreamOptions, StreamVerifyCredentialsRequest, Verdict, VerificationItem, VerificationResult,
};

/// The timeout of the stream; long lists take long.
const TIMEOUT: Duration = Duration::from_secs(3600);

/// The maximum number of refused rows that are printed.
const REFUSED_ROWS: usize = 20;

/// Verify everyone on a staff list: exit 0 if all are confirmed, 3 if anyone is not, 4 if anyone is undetermined
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Roster {
    /// The list. The first row holds the column names: credential_number, and family_name if names are to be checked.
    /// Other columns are kept unchanged
    #[arg(value_name = "FILE.csv")]
    file: PathBuf,
    /// The file for the rows with their answers; - for standard output, with the summary on standard error [default:
    /// FILE.answers.csv]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    question: Question,
    #[command(flatten)]
    connection: Connection,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry roster staff.csv --provider region-1-cmhc
  cpss-registry roster staff.csv --as-of 2026-03-01 --out march.csv
  cpss-registry roster staff.csv --out - | grep -v ',CONFIRMED,'

All rows are answered from one state of knowledge. The whole list is validated before the first question is sent.
Only its owner can read the file of answers (mode 0600). An existing file is not replaced.";

/// A row whose question was refused.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct RefusedRow {
    /// The row number, starting at 1, without the row of column names.
    row: usize,
    reason: String,
}

/// The counts of the results.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
struct Summary {
    rows: usize,
    confirmed: usize,
    confirmed_with_limits: usize,
    not_confirmed: usize,
    undetermined: usize,
    refused: usize,
    /// The first refused rows.
    refused_rows: Vec<RefusedRow>,
    mistyped: usize,
    /// The provider in the question, if no answer says whether it is on file.
    #[serde(skip_serializing_if = "Option::is_none")]
    unjudged_provider: Option<String>,
    epoch: String,
    known_at_revision: u64,
    answers: PathBuf,
}

impl Roster {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let list = StaffList::read(&self.file).map_err(|error| unreadable(&self.file, &error))?;
        let answers = self.out.clone().unwrap_or_else(|| self.file.with_extension("answers.csv"));
        if !is_stdout(&answers) && answers.exists() {
            let path = answers.display();
            return Err(Failure::usage(vec![format!("{path} already exists: use another file with --out")]));
        }
        let (pinned, results) = block_on(self.ask(&list))?;
        self.refuse_unknown_provider(&pinned, &results)?;
        let mut summary = Summary::of(&results, pinned, answers);
        let provider = Some(self.question.provider()).filter(|provider| !provider.is_empty());
        summary.unjudged_provider = provider.filter(|_| !results.iter().any(is_about_provider)).map(str::to_owned);
        let said = if self.json { json(&summary)? } else { summary.text() };
        let answers = &summary.answers;
        let cannot_write = |error: std::io::Error| Failure::of(format!("cannot write {}", answers.display()), &error);
        if is_stdout(answers) {
            print(&list.text(&results).map_err(cannot_write)?)?;
            print_aside(&said);
        } else {
            list.write(answers, &results).map_err(cannot_write)?;
            print(&said)?;
        }
        Ok(summary.outcome())
    }

    async fn ask(&self, list: &StaffList) -> Result<(Pinned, Vec<VerificationResult>), Failure> {
        let channel = self.connection.open(TIMEOUT).await?;
        let options = StreamOptions { known_at: self.question.known_at(), ..StreamOptions::default() };
        let items: Vec<VerificationItem> = list
            .rows()
            .map(|row| VerificationItem {
                family_name: row.family_name.to_owned(),
                ..self.question.about(row.credential_number.to_owned())
            })
            .collect();
        let asked = std::iter::once(Asked::Options(options)).chain(items.into_iter().map(Asked::Item));
        let asked = tokio_stream::iter(asked.map(|kind| StreamVerifyCredentialsRequest { kind: Some(kind) }));
        let answers = VerificationServiceClient::new(channel).stream_verify_credentials(asked).await;
        let mut answers = answers.map_err(|status| Failure::answered(&status))?.into_inner();
        let (mut pinned, mut results) = (None, Vec::with_capacity(list.size()));
        while let Some(message) = answers.next().await {
            match message.map_err(|status| Failure::answered(&status))?.kind {
                Some(Answered::Pinned(to)) => pinned = Some(to),
                Some(Answered::Result(result)) => results.push(result),
                None => {}
            }
        }
        let (rows, answered) = (list.size(), results.len());
        match pinned {
            Some(pinned) if answered == rows => Ok((pinned, results)),
            _ => Err(Failure::said(vec![format!("{rows} rows were sent and {answered} answered")])),
        }
    }
}

impl Roster {
    /// Refuses a provider that is not on file: that is a typing error in the command, not an answer about the people.
    fn refuse_unknown_provider(&self, pinned: &Pinned, results: &[VerificationResult]) -> Result<(), Failure> {
        if !results.iter().any(|result| has_reason(result, Reason::ProviderNotOnFile)) {
            return Ok(());
        }
        let (provider, revision) = (self.question.provider(), pinned.revision);
        Err(Failure::usage(vec![format!(
            "--provider: no provider `{provider}` is on file as known at revision {revision}; no answers were written"
        )]))
    }
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

/// Why the question of a row was refused, if it was.
fn why_refused(result: &VerificationResult) -> Option<&str> {
    match &result.outcome {
        Some(Fared::Verification(_)) => None,
        Some(Fared::Error(status)) => Some(&status.message),
        None => Some("it was not answered"),
    }
}

/// Whether an answer has a reason.
fn has_reason(result: &VerificationResult, reason: Reason) -> bool {
    let Some(Fared::Verification(verification)) = &result.outcome else { return false };
    verification.reasons.contains(&reason.into())
}

fn unreadable(path: &Path, error: &ListError) -> Failure {
    let what = format!("cannot read {}", path.display());
    if error.is_of_content() { Failure::usage(vec![format!("{what}: {error}")]) } else { Failure::of(what, error) }
}

impl Summary {
    fn of(results: &[VerificationResult], pinned: Pinned, answers: PathBuf) -> Summary {
        let mut summary = Summary {
            rows: results.len(),
            mistyped: results.iter().filter(|result| has_reason(result, Reason::NumberMistyped)).count(),
            epoch: pinned.epoch,
            known_at_revision: pinned.revision,
            answers,
            ..Summary::default()
        };
        for (at, result) in results.iter().enumerate() {
            if let Some(why) = why_refused(result).filter(|_| summary.refused_rows.len() < REFUSED_ROWS) {
                summary.refused_rows.push(RefusedRow { row: at + 1, reason: why.to_owned() });
            }
            let count = match &result.outcome {
                Some(Fared::Verification(verification)) => match verification.verdict() {
                    Verdict::Confirmed => &mut summary.confirmed,
                    Verdict::ConfirmedWithLimits => &mut summary.confirmed_with_limits,
                    Verdict::NotConfirmed => &mut summary.not_confirmed,
                    Verdict::Undetermined | Verdict::Unspecified => &mut summary.undetermined,
                },
                Some(Fared::Error(_)) | None => &mut summary.refused,
            };
            *count += 1;
        }
        summary
    }

    /// The worst outcome of any row.
    fn outcome(&self) -> Outcome {
        match self {
            Summary { refused: 1.., .. } => Outcome::Failed,
            Summary { not_confirmed: 1.., .. } => Outcome::No,
            Summary { undetermined: 1.., .. } => Outcome::NotKnown,
            _ => Outcome::Done,
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{} rows, known at revision {}\n\n", self.rows, self.known_at_revision);
        let counts = [
            (display_text::verdict(Verdict::Confirmed), self.confirmed),
            (display_text::verdict(Verdict::ConfirmedWithLimits), self.confirmed_with_limits),
            (display_text::verdict(Verdict::NotConfirmed), self.not_confirmed),
            (display_text::verdict(Verdict::Undetermined), self.undetermined),
            ("REFUSED", self.refused),
        ];
        for (verdict, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            text.push_str(&format!("  {verdict:<21}  {count}\n"));
        }
        for RefusedRow { row, reason } in &self.refused_rows {
            text.push_str(&format!("\n  row {row} was refused: {reason}"));
        }
        match self.refused.saturating_sub(self.refused_rows.len()) {
            _ if self.refused == 0 => {}
            0 => text.push('\n'),
            more => {
                text.push_str(&format!("\n  refused rows not shown: {more}; the column `refused` has the reasons\n"));
            }
        }
        if self.mistyped > 0 {
            text.push_str(&format!("\n  {} of the numbers cannot exist: look for typing errors\n", self.mistyped));
        }
        if let Some(provider) = &self.unjudged_provider {
            let unknown = "no row has an answer about a person, so it is not known whether the provider";
            text.push_str(&format!("\n  {unknown} `{provider}` is on file: check --provider\n"));
        }
        if !is_stdout(&self.answers) {
            text.push_str(&format!("\n  rows with answers: {}\n", self.answers.display()));
        }
        text
    }
}
