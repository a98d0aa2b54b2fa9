//! The questions of a staff list.

use std::fmt::Display;
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
    has_flags: true,
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
        let mut wrong: Vec<String> = faults.iter().map(ToString::to_string).collect();
        wrong.extend(staff.without_given_names(list));
        if wrong.is_empty() { Ok(staff) } else { Err(bad_rows(path, list, wrong)) }
    }

    /// Why a list without given names cannot be asked, and the remedy. `None`: it can.
    fn without_given_names(&self, list: &List) -> Option<String> {
        let by_name = lines(self.asked().filter(|row| is_by_name(row) && !row.text("birth_date").is_empty()))?;
        if list.has("given_name") {
            return None;
        }
        let others = list.other_headings().filter(|heading| heading.to_lowercase().contains("name"));
        let other = others.map(|heading| format!("\"{heading}\"")).next().unwrap_or_else(|| "\"HEADING\"".to_owned());
        Some(format!(
            "{by_name}: no number, so asked by name, and there is no column given_name: add one, such as First Name, or \
             name it with --column given_name={other}, or enter the numbers. Without it, only people who have no given \
             name are found"
        ))
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
pub fn bad_rows(path: &Path, list: &List, faults: impl IntoIterator<Item = impl Display>) -> Failure {
    let mut lines = vec![format!("{}: some rows cannot be asked, so nothing was asked", path.display())];
    lines.extend(faults.into_iter().map(|fault| format!("{fault}")));
    lines.extend(list.understood().lines());
    Failure::usage(lines)
}

/// What is not compared with the record, although the list has it or should have it.
pub fn not_checked(list: &List) -> impl Iterator<Item = String> {
    not_compared(list, |_| true).into_iter().chain(names_not_checked(list))
}

/// The columns that are compared with the record only in rows without a number.
pub const WITHOUT_NUMBER: [&str; 2] = ["given_name", "birth_date"];

/// What the list has beside a number, and is not compared with the record: those of the columns that `is_filled` says.
/// `None`: nothing.
pub fn not_compared(list: &List, is_filled: impl Fn(&str) -> bool) -> Option<String> {
    let understood = &list.understood().columns;
    let filled = WITHOUT_NUMBER.iter().filter(|name| is_filled(name));
    let beside = filled.filter_map(|name| understood.get(name));
    let beside: Vec<String> = beside.map(|heading| format!("`{heading}`")).collect();
    let is_any = has_number(list) && !beside.is_empty();
    is_any.then(|| format!("not compared in rows with a number: {}", beside.join(", ")))
}

fn has_number(list: &List) -> bool {
    list.has("number") || list.has("prior_number")
}

/// Why no family name is compared with the record. Empty: the list has them.
pub fn names_not_checked(list: &List) -> Vec<String> {
    let mut lines = Vec::new();
    if list.has("family_name") {
        return lines;
    }
    if has_number(list) {
        lines.push("no column of family names: names are not checked".to_owned());
    }
    let names = list.other_headings().filter(|heading| heading.to_lowercase().contains("name"));
    lines.extend(names.map(|heading| match list.has_flags() {
        true => {
            format!("the column `{heading}` is not used; if it has family names: --column family_name=\"{heading}\"")
        }
        false => format!("the column `{heading}` is not used; if it has family names, call it Last Name"),
    }));
    lines
}

/// The rows whose names have lost a letter, as a sentence. `None`: there are none.
pub fn lost_letters<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<String> {
    let is_lost = |text: &str| text.contains('?') && text.chars().any(char::is_alphabetic);
    let lost = rows.filter(|row| ["family_name", "given_name"].iter().any(|key| is_lost(row.text(key))));
    let what = "a name has a `?`: the program that wrote the list did not have the letter. Save it as .xlsx or UTF-8";
    lines(lost).map(|lines| format!("{lines}: {what}"))
}

/// The rows that are asked by name and have no given name, as a sentence. `None`: there are none.
pub fn no_given_names<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<String> {
    let what = "no given name: only somebody who has none on record is found. Enter it if the person has one";
    let without = rows.filter(|row| is_by_name(row) && row.text("given_name").is_empty());
    lines(without).map(|lines| format!("{lines}: {what}"))
}

/// The lines of rows, as a text. `None`: there are no rows.
fn lines<'a>(rows: impl Iterator<Item = &'a Row>) -> Option<String> {
    let lines: Vec<String> = rows.map(|row| row.line().to_string()).collect();
    let (first, more) = (lines.iter().take(MOST_LINES), lines.len().saturating_sub(MOST_LINES));
    let places = first.cloned().chain((more > 0).then(|| format!("{more} more"))).collect::<Vec<_>>().join(", ");
    (!lines.is_empty()).then(|| format!("line {places}"))
}

/// Whether a row is asked by name and birth date, because it has no number.
pub fn is_by_name(row: &Row) -> bool {
    ["number", "prior_number"].iter().all(|key| row.text(key).is_empty())
}

/// The maximum number of lines that a sentence names.
const MOST_LINES: usize = 20;

/// The question of a row: by number, else by prior number, else by name and birth date.
pub fn item(row: &Row, question: &Question) -> Result<VerificationItem, Vec<Fault>> {
    if !row.faults().is_empty() {
        return Err(row.faults().iter().map(|fault| with_name(row, fault)).collect());
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

/// A fault, and how the row can be asked by name and birth date instead.
fn with_name(row: &Row, fault: &Fault) -> Fault {
    const THEN: &str = "then the name and birth date are asked";
    let mut fault = fault.clone();
    let in_column = |key: &str| fault.column == row.fault(key, "").column;
    let has_birth_date = !row.text("birth_date").is_empty();
    if row.is_word("number") && in_column("number") && has_birth_date {
        fault.remedy.push_str(&format!(", or leave the cell empty: {THEN}"));
    } else if is_by_name(row) && !has_birth_date && (in_column("number") || in_column("prior_number")) {
        let column = row.fault("birth_date", "").column;
        fault.remedy.push_str(&format!(", or add the birth date (column {column}): {THEN}"));
    }
    fault
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
    let name = [row.text("given_name"), row.text("family_name"), row.text("name")];
    let name = name.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ");
    let number = Some(row.text("number")).filter(|number| !number.is_empty());
    let number = number.unwrap_or_else(|| row.text("prior_number"));
    [name.as_str(), number].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
