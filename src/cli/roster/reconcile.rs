//! `roster --reconcile`: compares a staff list with the jobs on record. Nothing is reported.

use serde::Serialize;
use tokio_stream::StreamExt as _;

use super::question::{bad_rows, person};
use super::{Roster, TIMEOUT, open};
use crate::cli::display_text::{self, day};
use crate::cli::failure::Failure;
use crate::cli::list::columns::{FAMILY_NAME, FIRST_DAY, GIVEN_NAME, NUMBER, POSITION};
use crate::cli::list::{Columns, Fault, List, Row};
use crate::cli::{Outcome, block_on, print, print_json_line};
use crate::proto::v1::employment_service_client::EmploymentServiceClient;
use crate::proto::v1::reconcile_roster_request::Kind as Asked;
use crate::proto::v1::reconcile_roster_response::Kind as Answered;
use crate::proto::v1::roster_difference::Kind as Found;
use crate::proto::v1::roster_row::Subject;
use crate::proto::v1::{Employment, ReconcileRosterRequest, RosterDifference, RosterOptions, RosterRow, RosterSummary};

/// The columns of a staff list that is compared with the jobs on record.
const COLUMNS: Columns =
    Columns { known: &[NUMBER, FAMILY_NAME, GIVEN_NAME, POSITION, FIRST_DAY], needs: &[&["number"]], answers: &[] };

/// A difference between the list and the record.
#[derive(Debug, Serialize)]
struct Difference {
    difference: Kind,
    person: String,
    credential_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    employment_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    position: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    first_day_on_record: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    first_day_in_list: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    MissingFromList,
    MissingFromRegistry,
    Differing,
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
    let differences: Vec<Difference> = found.into_iter().filter_map(|found| difference(found, &rows)).collect();
    let counts = counts(&summary);
    if roster.json {
        differences.iter().try_for_each(print_json_line)?;
        print_json_line(&counts)?;
    } else {
        print(&text(&differences, &counts, &list))?;
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
    Ok(RosterRow {
        correlation_id: at.to_string(),
        subject: Some(Subject::CredentialNumber(row.text("number").to_owned())),
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
    let mut answers = answers.map_err(|status| Failure::answered(&status))?.into_inner();
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
    let on_record = |difference, employment: Employment| Difference {
        difference,
        person: name.clone(),
        credential_number: employment.credential_number,
        line: None,
        employment_id: employment.employment_id,
        position: employment.position,
        first_day_on_record: employment.first_day.map(day).unwrap_or_default(),
        first_day_in_list: String::new(),
    };
    Some(match found.kind? {
        Found::MissingFromList(employment) => on_record(Kind::MissingFromList, employment),
        Found::MissingFromRegistry(sent) => {
            let row = row_of(&sent)?;
            Difference {
                difference: Kind::MissingFromRegistry,
                person: person(row),
                credential_number: row.text("number").to_owned(),
                line: Some(row.line()),
                employment_id: String::new(),
                position: sent.position,
                first_day_on_record: String::new(),
                first_day_in_list: sent.first_day.map(day).unwrap_or_default(),
            }
        }
        Found::Differing(mismatch) => {
            let sent = mismatch.row?;
            Difference {
                line: Some(row_of(&sent)?.line()),
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

fn text(differences: &[Difference], counts: &Counts, list: &List) -> String {
    let Counts { rows, matched, as_of, known_at_revision: revision, .. } = counts;
    let rows = display_text::rows(*rows);
    let mut text = format!("{rows}, {matched} with a job on record on {as_of}, known at revision {revision}\n");
    for (kind, heading) in [
        (Kind::MissingFromList, "On record, but not in the list. Did they leave? Then report the end of the job."),
        (
            Kind::MissingFromRegistry,
            "In the list, but no such job is on record. Did they start? Then report the start.",
        ),
        (Kind::Differing, "The first day differs. Correct the list or the job."),
    ] {
        let of_kind: Vec<&Difference> = differences.iter().filter(|found| found.difference == kind).collect();
        if !of_kind.is_empty() {
            text.push_str(&format!("\n{heading}\n"));
        }
        for found in of_kind {
            text.push_str(&format!("  {}\n", line(found)));
        }
    }
    if differences.is_empty() {
        text.push_str("\nThe list and the jobs on record agree.\n");
    }
    text.push_str(&list.understood().paragraph());
    text
}

fn line(found: &Difference) -> String {
    let Difference { person, credential_number, line, employment_id: id, position, .. } = found;
    // Somebody who works without a credential has no number yet.
    let number = if credential_number.is_empty() { String::new() } else { format!(", {credential_number}") };
    let (recorded, listed) = (&found.first_day_on_record, &found.first_day_in_list);
    let position = if position.is_empty() { String::new() } else { format!(", {position}") };
    match (found.difference, line) {
        (Kind::MissingFromList, _) => format!("{person}{number}: since {recorded}{position} (job {id})"),
        (Kind::Differing, Some(line)) => {
            format!("line {line}: {person}{number}: {listed} in the list, {recorded} on record (job {id})")
        }
        (_, Some(line)) => format!("line {line}: {person}{position}"),
        (_, None) => person.clone(),
    }
}
