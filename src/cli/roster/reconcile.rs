//! `roster --reconcile`: compares a staff list with the jobs on record. Nothing is reported.

use serde::Serialize;
use tokio_stream::StreamExt as _;

use super::difference::{DIFFERENCE, Difference, Kind};
use super::near::explained;
use super::question::{bad_rows, not_checked};
use super::unnumbered::compare_by_name;
use super::{Roster, TIMEOUT, open};
use crate::cli::display_text::{self, day};
use crate::cli::failure::Failure;
use crate::cli::list::columns::{FAMILY_NAME, FIRST_DAY, GIVEN_NAME, NUMBER, POSITION, PRIOR_NUMBER};
use crate::cli::list::{Columns, Fault, Known, List, Row};
use crate::cli::listing::ListFormat;
use crate::cli::{Outcome, block_on, print_json_line};
use crate::domain::name::fold;
use crate::proto::v1::employment_service_client::EmploymentServiceClient;
use crate::proto::v1::reconcile_roster_request::Kind as Asked;
use crate::proto::v1::reconcile_roster_response::Kind as Answered;
use crate::proto::v1::roster_difference::Kind as Found;
use crate::proto::v1::roster_row::Subject;
use crate::proto::v1::{Employment, ReconcileRosterRequest, RosterDifference, RosterOptions, RosterRow, RosterSummary};

/// The full name, which is compared where there is no number.
const NAME: Known = Known { aliases: &["Full Name"], ..Known::plain("name") };

/// The columns of a staff list that is compared with the jobs on record. `staff` writes the full name and the id of the
/// job.
const COLUMNS: Columns = Columns {
    known: &[NUMBER, PRIOR_NUMBER, FAMILY_NAME, GIVEN_NAME, NAME, POSITION, FIRST_DAY, Known::plain("employment_id")],
    needs: &[&["number", "prior_number"]],
    answers: &[],
    has_flags: true,
};

/// What the comparison counted.
#[derive(Debug, Serialize)]
struct Counts {
    rows: u64,
    compared: u64,
    /// How many of these have no number, and were compared by name.
    compared_by_name: u64,
    not_compared: u64,
    matched: u64,
    differences: usize,
    as_of: String,
    epoch: String,
    known_at_revision: u64,
}

/// Compares the list with the jobs on record, and prints the differences.
pub fn run(roster: &Roster) -> Result<Outcome, Failure> {
    let list = open(&roster.file, &COLUMNS, &roster.list)?;
    let (rows, unnumbered) = read(roster, &list)?;
    let (found, summary) = block_on(ask(roster, &rows))?;
    let mut differences: Vec<Difference> = found.into_iter().filter_map(|found| difference(found, &rows)).collect();
    differences.extend(unnumbered.iter().map(|row| Difference::of_row(Kind::NotCompared, row)));
    let (differences, by_name) = compare_by_name(differences, &unnumbered);
    let mut differences = explained(differences, rows.iter().map(|(row, _)| row).chain(&unnumbered));
    differences.sort_by_key(|found| found.kind);
    let counts = counts(&summary, &differences, by_name);
    let mut listing = ListFormat::of(roster.json, roster.format).begin(&DIFFERENCE)?;
    for found in &differences {
        listing.row(found.cells(), || Ok(found.json()))?;
    }
    listing.end(&sentences(&differences, &counts, &list))?;
    if roster.json {
        print_json_line(&counts)?;
    }
    Ok(match counts {
        Counts { differences: 1.., .. } => Outcome::No,
        Counts { not_compared: 1.., .. } => Outcome::NotKnown,
        _ => Outcome::Done,
    })
}

/// The rows of a list with the message that is sent for each, and the rows without a number.
type Read = (Vec<(Row, RosterRow)>, Vec<Row>);

fn read(roster: &Roster, list: &List) -> Result<Read, Failure> {
    let (mut rows, mut unnumbered, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for row in list.rows() {
        let row = row.map_err(|error| error.failure(&roster.file))?;
        if row.left_out().is_some() {
            continue;
        }
        match sent(&row, rows.len()) {
            Ok(Some(sent)) => rows.push((row, sent)),
            Ok(None) => unnumbered.push(row),
            Err(found) => faults.extend(found),
        }
    }
    if faults.is_empty() { Ok((rows, unnumbered)) } else { Err(bad_rows(&roster.file, list, &faults)) }
}

/// A row as it is sent. `None`: it has no number.
fn sent(row: &Row, at: usize) -> Result<Option<RosterRow>, Vec<Fault>> {
    if !row.mistakes().is_empty() {
        return Err(row.mistakes().to_vec());
    }
    let first_day = row.date("first_day").map_err(|fault| vec![fault])?;
    let subject = match (row.text("number"), row.text("prior_number")) {
        ("", "") => return Ok(None),
        ("", prior_number) => Subject::PriorNumber(prior_number.to_owned()),
        (number, _) => Subject::CredentialNumber(number.to_owned()),
    };
    Ok(Some(RosterRow {
        correlation_id: at.to_string(),
        subject: Some(subject),
        family_name: row.text("family_name").to_owned(),
        position: row.text("position").to_owned(),
        first_day,
    }))
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
        first_day_on_record: employment.first_day.map(day).unwrap_or_default(),
        position: employment.position,
        employment_id: employment.employment_id,
        ..Difference::default()
    };
    Some(match found.kind? {
        Found::MissingFromList(employment) => on_record(Kind::MissingFromList, employment),
        Found::MissingFromRegistry(sent) => Difference {
            first_day_in_list: sent.first_day.map(day).unwrap_or_default(),
            ..Difference::of_row(Kind::MissingFromRegistry, row_of(&sent)?)
        },
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

fn counts(summary: &RosterSummary, differences: &[Difference], by_name: u64) -> Counts {
    let answer = summary.answer.clone().unwrap_or_default();
    let not_compared = differences.iter().filter(|found| found.kind == Kind::NotCompared).count();
    let compared = summary.row_count + by_name;
    Counts {
        rows: compared + not_compared as u64,
        compared,
        compared_by_name: by_name,
        not_compared: not_compared as u64,
        matched: summary.matched_count + by_name,
        differences: differences.len() - not_compared,
        as_of: answer.as_of.map(day).unwrap_or_default(),
        epoch: answer.epoch,
        known_at_revision: answer.known_at_revision,
    }
}

fn sentences(differences: &[Difference], counts: &Counts, list: &List) -> Vec<String> {
    let Counts { compared, compared_by_name, not_compared, matched, as_of, known_at_revision: revision, .. } = counts;
    let rows = match not_compared {
        0 => format!("{}, {matched}", display_text::rows(counts.rows)),
        none => format!("{}: {compared} compared, {none} without a number; {matched}", display_text::rows(counts.rows)),
    };
    let mut sentences = vec![format!("{rows} with a job on record on {as_of}, as known at revision {revision}.")];
    if *compared_by_name > 0 {
        let (rows, by) = (display_text::rows(*compared_by_name), "compared by name with jobs of people who have none");
        sentences.push(format!("{rows} without a number {by} on record."));
    }
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
    sentences.extend(not_checked(list));
    sentences.extend(unused_ends(list));
    sentences
}

/// The columns with the ends of jobs, which are not compared.
fn unused_ends(list: &List) -> impl Iterator<Item = String> {
    const ENDS: [&str; 9] = [
        "enddate",
        "dateended",
        "lastday",
        "dateleft",
        "termdate",
        "terminationdate",
        "dateterminated",
        "separationdate",
        "dateofseparation",
    ];
    let ends = list.other_headings().filter(|heading| {
        let heading = fold(heading);
        // `staff` writes the last day of the term, too.
        heading != "termlastday" && ENDS.iter().any(|end| heading.contains(end))
    });
    ends.map(|heading| format!("the column `{heading}` is not used: report the end of a job with `report end`"))
}
