//! `roster --reconcile`: compares a staff list with the jobs on record. Nothing is reported.

use serde::Serialize;
use tokio_stream::StreamExt as _;

use super::question::{bad_rows, person};
use super::{Roster, TIMEOUT, open};
use crate::cli::display_text::{self, day};
use crate::cli::failure::Failure;
use crate::cli::list::columns::{FAMILY_NAME, FIRST_DAY, GIVEN_NAME, NUMBER, POSITION, PRIOR_NUMBER};
use crate::cli::list::{Columns, Fault, List, Row};
use crate::cli::listing::ListFormat;
use crate::cli::message_json::Json;
use crate::cli::{Outcome, block_on, print_json_line};
use crate::proto::v1::employment_service_client::EmploymentServiceClient;
use crate::proto::v1::reconcile_roster_request::Kind as Asked;
use crate::proto::v1::reconcile_roster_response::Kind as Answered;
use crate::proto::v1::roster_difference::Kind as Found;
use crate::proto::v1::roster_row::Subject;
use crate::proto::v1::{Employment, ReconcileRosterRequest, RosterDifference, RosterOptions, RosterRow, RosterSummary};

/// The columns of a staff list that is compared with the jobs on record.
const COLUMNS: Columns = Columns {
    known: &[NUMBER, PRIOR_NUMBER, FAMILY_NAME, GIVEN_NAME, POSITION, FIRST_DAY],
    needs: &[&["number", "prior_number"]],
    answers: &[],
};

/// The columns of the differences.
const DIFFERENCE: [&str; 8] = [
    "difference",
    "person",
    "credential_number",
    "line",
    "first_day_in_list",
    "first_day_on_record",
    "position",
    "employment_id",
];

/// A difference between the list and the record. Texts are empty where there is nothing to say.
struct Difference {
    kind: Kind,
    person: String,
    credential_number: String,
    prior_number: String,
    line: Option<u64>,
    first_day_in_list: String,
    first_day_on_record: String,
    position: String,
    employment_id: String,
}

/// The kinds of differences, in the order in which they are printed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    MissingFromList,
    MissingFromRegistry,
    Differing,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::MissingFromList, Kind::MissingFromRegistry, Kind::Differing];

    fn code(self) -> &'static str {
        match self {
            Kind::MissingFromList => "missing_from_list",
            Kind::MissingFromRegistry => "missing_from_registry",
            Kind::Differing => "differing",
        }
    }

    /// What it means, and what to do.
    fn sentence(self) -> &'static str {
        match self {
            Kind::MissingFromList => "on record, but not in the list. Did they leave? Then report the end of the job.",
            Kind::MissingFromRegistry => {
                "in the list, but no such job is on record. Did they start? Then report the start."
            }
            Kind::Differing => "in both, with another first day. Correct the list or the job.",
        }
    }
}

impl Difference {
    fn cells(&self) -> Vec<String> {
        vec![
            self.kind.code().replace('_', " "),
            self.person.clone(),
            self.credential_number.clone(),
            self.line.map(|line| line.to_string()).unwrap_or_default(),
            self.first_day_in_list.clone(),
            self.first_day_on_record.clone(),
            self.position.clone(),
            self.employment_id.clone(),
        ]
    }

    /// Everything that there is to say, for programs.
    fn json(&self) -> Json {
        let texts = [
            ("difference", self.kind.code()),
            ("person", &self.person),
            ("credential_number", &self.credential_number),
            ("prior_number", &self.prior_number),
            ("employment_id", &self.employment_id),
            ("position", &self.position),
            ("first_day_on_record", &self.first_day_on_record),
            ("first_day_in_list", &self.first_day_in_list),
        ];
        let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
        let texts = texts.map(|(name, text)| (name.to_owned(), Json::Text(text.to_owned())));
        let line = self.line.map(|line| ("line".to_owned(), Json::Whole(line.into())));
        Json::Object(texts.chain(line).collect())
    }
}

/// What the comparison counted.
#[derive(Debug, Serialize)]
struct Counts {
    rows: u64,
    matched: u64,
    differences: u64,
    as_of: String,
    epoch: String,
    known_at_revision: u64,
}

/// Compares the list with the jobs on record, and prints the differences.
pub fn run(roster: &Roster) -> Result<Outcome, Failure> {
    let list = open(&roster.file, &COLUMNS, &roster.list)?;
    let rows = read(roster, &list)?;
    let (found, summary) = block_on(ask(roster, &rows))?;
    let mut differences: Vec<Difference> = found.into_iter().filter_map(|found| difference(found, &rows)).collect();
    differences.sort_by_key(|found| found.kind);
    let counts = counts(&summary);
    let mut listing = ListFormat::of(roster.json, roster.format).begin(&DIFFERENCE)?;
    for found in &differences {
        listing.row(found.cells(), || Ok(found.json()))?;
    }
    listing.end(&sentences(&differences, &counts, &list))?;
    if roster.json {
        print_json_line(&counts)?;
    }
    Ok(if counts.differences == 0 { Outcome::Done } else { Outcome::No })
}

/// The rows of the list, as they are sent.
fn read(roster: &Roster, list: &List) -> Result<Vec<(Row, RosterRow)>, Failure> {
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    for row in list.rows() {
        let row = row.map_err(|error| error.failure(&roster.file))?;
        if row.left_out().is_some() {
            continue;
        }
        match sent(&row, rows.len()) {
            Ok(sent) => rows.push((row, sent)),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok(rows) } else { Err(bad_rows(&roster.file, list, &faults)) }
}

fn sent(row: &Row, at: usize) -> Result<RosterRow, Vec<Fault>> {
    if !row.faults().is_empty() {
        return Err(row.faults().to_vec());
    }
    let subject = match row.text("number") {
        "" => Subject::PriorNumber(row.text("prior_number").to_owned()),
        number => Subject::CredentialNumber(number.to_owned()),
    };
    Ok(RosterRow {
        correlation_id: at.to_string(),
        subject: Some(subject),
        family_name: row.text("family_name").to_owned(),
        position: row.text("position").to_owned(),
        first_day: row.date("first_day").map_err(|fault| vec![fault])?,
    })
}

async fn ask(roster: &Roster, rows: &[(Row, RosterRow)]) -> Result<(Vec<RosterDifference>, RosterSummary), Failure> {
    let channel = roster.connection.open(TIMEOUT).await?;
    let options = RosterOptions {
        provider_id: roster.question.provider().to_owned(),
        as_of: roster.question.as_of(),
        known_at: roster.question.known_at(),
    };
    let rows: Vec<Asked> = rows.iter().map(|(_, sent)| Asked::Row(sent.clone())).collect();
    let asked = tokio_stream::iter(std::iter::once(Asked::Options(options)).chain(rows));
    let asked = asked.map(|kind| ReconcileRosterRequest { kind: Some(kind) });
    let answers = EmploymentServiceClient::new(channel).reconcile_roster(asked).await;
    let mut answers = answers.map_err(|status| Failure::about_provider(&status))?.into_inner();
    let (mut differences, mut summary) = (Vec::new(), None);
    while let Some(message) = answers.next().await {
        match message.map_err(|status| Failure::answered(&status))?.kind {
            Some(Answered::Difference(difference)) => differences.push(difference),
            Some(Answered::Summary(last)) => summary = Some(last),
            None => {}
        }
    }
    let cut_short =
        || Failure::said(vec!["the comparison ended without its summary: run the command again".to_owned()]);
    Ok((differences, summary.ok_or_else(cut_short)?))
}

fn difference(found: RosterDifference, rows: &[(Row, RosterRow)]) -> Option<Difference> {
    let name = found.display_name;
    let row_of = |sent: &RosterRow| rows.get(sent.correlation_id.parse::<usize>().ok()?).map(|(row, _)| row);
    let on_record = |kind, employment: Employment| Difference {
        kind,
        person: name.clone(),
        credential_number: employment.credential_number,
        prior_number: String::new(),
        line: None,
        first_day_in_list: String::new(),
        first_day_on_record: employment.first_day.map(day).unwrap_or_default(),
        position: employment.position,
        employment_id: employment.employment_id,
    };
    Some(match found.kind? {
        Found::MissingFromList(employment) => on_record(Kind::MissingFromList, employment),
        Found::MissingFromRegistry(sent) => {
            let row = row_of(&sent)?;
            Difference {
                kind: Kind::MissingFromRegistry,
                person: person(row),
                credential_number: row.text("number").to_owned(),
                prior_number: row.text("prior_number").to_owned(),
                line: Some(row.line()),
                first_day_in_list: sent.first_day.map(day).unwrap_or_default(),
                first_day_on_record: String::new(),
                position: sent.position,
                employment_id: String::new(),
            }
        }
        Found::Differing(mismatch) => {
            let sent = mismatch.row?;
            let row = row_of(&sent)?;
            Difference {
                prior_number: row.text("prior_number").to_owned(),
                line: Some(row.line()),
                first_day_in_list: sent.first_day.map(day).unwrap_or_default(),
                ..on_record(Kind::Differing, mismatch.employment?)
            }
        }
    })
}

fn counts(summary: &RosterSummary) -> Counts {
    let answer = summary.answer.clone().unwrap_or_default();
    Counts {
        rows: summary.row_count,
        matched: summary.matched_count,
        differences: summary.difference_count,
        as_of: answer.as_of.map(day).unwrap_or_default(),
        epoch: answer.epoch,
        known_at_revision: answer.known_at_revision,
    }
}

fn sentences(differences: &[Difference], counts: &Counts, list: &List) -> Vec<String> {
    let Counts { rows, matched, as_of, known_at_revision: revision, .. } = counts;
    let rows = display_text::rows(*rows);
    let mut sentences =
        vec![format!("{rows}, {matched} with a job on record on {as_of}, as known at revision {revision}.")];
    if differences.is_empty() {
        sentences.push("The list and the jobs on record agree.".to_owned());
    }
    for kind in Kind::ALL {
        let count = differences.iter().filter(|found| found.kind == kind).count();
        if count > 0 {
            let (code, sentence) = (kind.code().replace('_', " "), kind.sentence());
            sentences.push(format!("{code}: {count} {sentence}"));
        }
    }
    sentences.extend(list.understood().lines());
    sentences
}
