//! The questions of a staff list.

use std::path::Path;

use crate::cli::failure::Failure;
use crate::cli::list::columns::{BIRTH_DATE, FAMILY_NAME, GIVEN_NAME, NUMBER, PRIOR_NUMBER};
use crate::cli::list::{Columns, Fault, List, Row};
use crate::cli::question::Question;
use crate::cli::roster::answer::ANSWER;
use crate::proto::v1::verification_item::Subject;
use crate::proto::v1::{HolderIdentity, PersonName, VerificationItem, VerificationResult};

/// The columns of a staff list.
pub const COLUMNS: Columns = Columns {
    known: &[NUMBER, PRIOR_NUMBER, FAMILY_NAME, GIVEN_NAME, BIRTH_DATE],
    needs: &[&["number", "prior_number", "birth_date"]],
    answers: &ANSWER,
};

/// The rows of a staff list, each with its question unless it is left out.
#[derive(Debug)]
pub struct Staff {
    rows: Vec<Row>,
    items: Vec<VerificationItem>,
}

impl Staff {
    /// Reads the rows of a list. If any cannot be asked, all of those are the failure.
    pub fn read(path: &Path, list: &List, question: &Question) -> Result<Staff, Failure> {
        let (mut staff, mut faults) = (Staff { rows: Vec::new(), items: Vec::new() }, Vec::new());
        for row in list.rows() {
            let row = row.map_err(|error| error.failure(path))?;
            if row.left_out().is_none() {
                match item(&row, question) {
                    Ok(item) => staff.items.push(item),
                    Err(found) => faults.extend(found),
                }
            }
            staff.rows.push(row);
        }
        if faults.is_empty() { Ok(staff) } else { Err(bad_rows(path, list, &faults)) }
    }

    /// All rows, with those that are left out.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// The questions, in order.
    pub fn items(&self) -> impl Iterator<Item = &VerificationItem> {
        self.items.iter()
    }

    /// The rows that are asked about, in order.
    pub fn asked(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.left_out().is_none())
    }
}

/// The failure of a list with rows that cannot be asked.
pub fn bad_rows(path: &Path, list: &List, faults: &[Fault]) -> Failure {
    let mut lines = vec![format!("{}: some rows cannot be asked, so nothing was asked", path.display())];
    lines.extend(faults.iter().map(ToString::to_string));
    lines.extend(list.understood().lines());
    Failure::usage(lines)
}

/// What is not compared with the record, although the list has it or should have it.
pub fn not_checked(list: &List) -> Vec<String> {
    let understood = &list.understood().columns;
    let has_number = list.has("number") || list.has("prior_number");
    let beside = ["given_name", "birth_date"].iter().filter_map(|name| understood.get(name));
    let beside: Vec<String> = beside.map(|heading| format!("`{heading}`")).collect();
    let mut lines = Vec::new();
    if has_number && !beside.is_empty() {
        lines.push(format!("not compared in rows with a number: {}", beside.join(", ")));
    }
    if list.has("family_name") {
        return lines;
    }
    if has_number {
        lines.push("no column of family names: names are not checked".to_owned());
    }
    let names = list.other_headings().filter(|heading| heading.to_lowercase().contains("name"));
    lines.extend(names.map(|heading| {
        format!("the column `{heading}` is not used; if it has family names: --column family_name=\"{heading}\"")
    }));
    lines
}

/// The rows whose names have lost a letter, as a sentence. Empty: there are none.
pub fn lost_letters<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<String> {
    let is_lost = |text: &str| text.contains('?') && text.chars().any(char::is_alphabetic);
    let lost = rows.filter(|row| ["family_name", "given_name"].iter().any(|key| is_lost(row.text(key))));
    let lines: Vec<String> = lost.map(|row| row.line().to_string()).collect();
    let (first, more) = (lines.iter().take(MOST_LINES), lines.len().saturating_sub(MOST_LINES));
    let places = first.cloned().chain((more > 0).then(|| format!("{more} more"))).collect::<Vec<_>>().join(", ");
    let what = "a name has a `?`: the program that wrote the list did not have the letter. Save it as .xlsx or UTF-8";
    (!lines.is_empty()).then(|| format!("line {places}: {what}"))
}

/// The maximum number of lines that a sentence names.
const MOST_LINES: usize = 20;

/// The question of a row: by number, else by prior number, else by name and birth date.
fn item(row: &Row, question: &Question) -> Result<VerificationItem, Vec<Fault>> {
    if !row.faults().is_empty() {
        return Err(row.faults().to_vec());
    }
    let family_name = row.text("family_name").to_owned();
    let (number, prior_number) = (row.text("number"), row.text("prior_number"));
    if !number.is_empty() {
        return Ok(VerificationItem { family_name, ..question.about(Subject::CredentialNumber(number.to_owned())) });
    }
    if !prior_number.is_empty() {
        return Ok(VerificationItem { family_name, ..question.about(Subject::PriorNumber(prior_number.to_owned())) });
    }
    if family_name.is_empty() {
        return Err(vec![row.fault("family_name", "enter the family name, or the credential number")]);
    }
    let birth_date = row.date("birth_date").map_err(|fault| vec![fault])?;
    let given_name = row.text("given_name").to_owned();
    let name = PersonName { given_name, family_name, ..PersonName::default() };
    Ok(question.about(Subject::Holder(HolderIdentity { name: Some(name), birth_date })))
}

/// The rows of a list with their results.
pub struct Answered<'a> {
    /// The rows.
    pub staff: &'a Staff,
    /// Their results.
    pub results: &'a [VerificationResult],
}

impl Answered<'_> {
    /// Each row that was asked about, with its result.
    pub fn pairs(&self) -> impl Iterator<Item = (&Row, &VerificationResult)> {
        self.staff.asked().zip(self.results)
    }
}

/// The person of a row, as the list says it.
pub fn person(row: &Row) -> String {
    let name = [row.text("given_name"), row.text("family_name")];
    let name = name.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let number = Some(row.text("number")).filter(|number| !number.is_empty());
    let number = number.unwrap_or_else(|| row.text("prior_number"));
    [name.as_str(), number].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
