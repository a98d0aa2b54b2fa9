//! `review`: asks the claims of a file of answers again, and tells which answers flipped and since when.

mod answer;
mod places;
mod question;
mod summary;

use std::path::PathBuf;

use tokio_stream::StreamExt as _;

use self::answer::{Reviewed, cells};
use self::question::{check, item};
use self::summary::Summary;
use super::answer_file::AnswerFile;
use super::claims::TIMEOUT;
use super::claims::answer::Answered;
use super::connect::{Connection, Service};
use super::failure::Failure;
use super::list::{List, ListArgs, Row};
use super::progress::Progress;
use super::{Outcome, block_on_until_interrupted, json, print, row_stream};
use crate::proto::v1::known_at::Point;
use crate::proto::v1::stream_review_eligibility_request::Kind as Asked;
use crate::proto::v1::stream_review_eligibility_response::Kind as Message;
use crate::proto::v1::verification_service_client::VerificationServiceClient;
use crate::proto::v1::{
    BatchCheckBillingEligibilityRequest, EligibilityItem, KnownAt, Pinned, ReviewResult, StreamOptions,
    StreamReviewEligibilityRequest,
};

/// Review the answers of `claims`: exit 0 if none differs now, 3 if any does, 4 if rows were asked again or never
/// answered, 2 if any row was changed, lost or repeated
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Review {
    /// The file that `claims` wrote
    #[arg(value_name = "FILE.answers.csv")]
    file: PathBuf,
    #[command(flatten)]
    list: ListArgs,
    /// The file for the rows with their reviews [default: FILE.answers.review.csv]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    connection: Connection,
    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLE: &str = "\
Examples:
  cpss-registry review claims.answers.csv
  cpss-registry review claims.answers.csv --out flipped.csv --json

Each claim is asked twice: as known when it was answered, and as known now. An answer has flipped if the verdicts differ.
`changed_at` is when the record was made since which the verdict is what it is now: from then on the change could be known
(see 42 CFR 401.305), not from the day of the service or of the report's content. `claims --known-at` takes it as it is.
If a prior number belongs to another credential now, perhaps of another person, the answer now is about that one:
`number_on_record_now` differs from `number_on_record`.
A row whose answer relied on a history that a restore left behind is asked as a new claim, and listed apart.
A row that was changed after it was answered is not reviewed: its question is not the one that was answered. What counts
is in the help of `claims`: the claim number, the question, and the answer without its texts. Sorting whole rows, other
columns, and saving the file as .xlsx or in another encoding are no changes. Files of answers may be put together, with
one row of column names: lost rows are named for each. A row that is in the file twice is reviewed once.
For the next month, run `claims` again and review that file; a file that `review` wrote cannot be reviewed.
If `claims` needed --column, give it here too. An existing file is not replaced.

Of several exit codes the first of these counts; the summary always counts everything:
  2 a row was changed, lost or repeated, or cannot be reviewed   1 the server refused a row
  3 a verdict differs, or a number belongs to another credential now
  4 a row was asked again, or `claims` could not ask it   0 all verdicts are what they were";

/// A row, its claim, and why it is not reviewed, if it is not.
type Pending = row_stream::Pending<Option<EligibilityItem>, Reviewed>;

impl Review {
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        let list = question::open(&self.file, &self.list)?;
        let path = self.out.clone().unwrap_or_else(|| self.file.with_extension("review.csv"));
        let file = AnswerFile::begin(&list, &path)?;
        let summary = block_on_until_interrupted(self.ask(&list, file, Summary::begin(&list, path)))?.ended();
        print(&if self.json { json(&summary)? } else { summary.text() })?;
        Ok(summary.outcome())
    }

    /// Asks all rows, and writes them with their reviews.
    async fn ask(&self, list: &List, mut file: AnswerFile, mut summary: Summary) -> Result<Summary, Failure> {
        let client = VerificationServiceClient::new(self.connection.open(TIMEOUT).await?);
        let (questions, sent) = row_stream::channel();
        let message = |kind| StreamReviewEligibilityRequest { kind: Some(kind) };
        // The stream has not begun, so there is room.
        drop(questions.try_send(message(Asked::Options(StreamOptions::default()))));
        let answers = client.clone().stream_review_eligibility(sent).await;
        let mut answers = answers.map_err(|status| Failure::answered(&status))?.into_inner();
        let first = answers.message().await.map_err(|status| Failure::answered(&status))?;
        let pinned = first.and_then(|first| match first.kind {
            Some(Message::Pinned(pinned)) => Some(pinned),
            Some(Message::Result(_)) | None => None,
        });
        let pinned = pinned.ok_or_else(row_stream::not_pinned)?;
        summary.pin(&pinned);
        let answers = answers.map(|message| match message.map_err(|status| Failure::answered(&status))?.kind {
            Some(Message::Result(result)) => Ok(result),
            Some(Message::Pinned(_)) | None => Ok(ReviewResult::default()),
        });
        let ask = |row: &Row| {
            let item = item(row)?;
            Ok((item.claim.clone(), message(Asked::Item(item))))
        };
        let rows = row_stream::questions(list, &self.file, ask);
        let mut progress = Progress::new();
        row_stream::pass(rows, questions, answers, async |rows| {
            for (row, reviewed) in ask_again(&client, &pinned, rows).await? {
                let Some(reviewed) = reviewed else {
                    file.write(&row, &[])?;
                    continue;
                };
                let reviewed = summary.add(row.line(), check(&row), reviewed);
                file.write(&row, &cells(&reviewed, &pinned))?;
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

/// Asks the rows whose history was left as new claims. Returns all rows, in order.
async fn ask_again(
    client: &VerificationServiceClient<Service>,
    pinned: &Pinned,
    rows: Vec<(Pending, Option<ReviewResult>)>,
) -> Result<Vec<(Row, Option<Reviewed>)>, Failure> {
    let reviewed = |((row, claim, known), result): (Pending, Option<ReviewResult>)| {
        let reviewed = known.or_else(|| result.map(|result| Reviewed::of(&row, result)));
        (row, claim, reviewed)
    };
    let rows: Vec<_> = rows.into_iter().map(reviewed).collect();
    let is_left = |reviewed: &Option<Reviewed>| matches!(reviewed, Some(Reviewed::HistoryLeft));
    let left = rows.iter().filter(|(_, _, reviewed)| is_left(reviewed));
    let items: Vec<_> = left.filter_map(|(_, claim, _)| claim.clone()).collect();
    let mut results = Vec::new();
    if !items.is_empty() {
        let known_at = KnownAt { epoch: pinned.epoch.clone(), point: Some(Point::Revision(pinned.revision)) };
        let request = BatchCheckBillingEligibilityRequest { items, known_at: Some(known_at), ..Default::default() };
        let answer = client.clone().batch_check_billing_eligibility(request).await;
        results = answer.map_err(|status| Failure::answered(&status))?.into_inner().results;
    }
    let mut results = results.into_iter();
    let mut again = |row: &Row| match results.next().map(|result| Answered::of(row, result)) {
        Some(Answered::Eligibility(now)) => {
            let [was, number_was] = ["verdict", "number_on_record"].map(|key| row.text(key).to_owned());
            Reviewed::AskedAgain { was, number_was, now }
        }
        Some(Answered::Faulty(why)) => Reviewed::Faulty(why),
        Some(Answered::Refused(why)) => Reviewed::Refused(why),
        None => Reviewed::Refused("it was not answered".to_owned()),
    };
    let asked = |(row, _, reviewed): (Row, Option<EligibilityItem>, Option<Reviewed>)| {
        let reviewed = if is_left(&reviewed) { Some(again(&row)) } else { reviewed };
        (row, reviewed)
    };
    Ok(rows.into_iter().map(asked).collect())
}
