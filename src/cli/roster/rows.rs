//! `read-roster`: reads a staff list for the page of the server, in a process of its own. It knows no server and no
//! registry: a list comes in on standard input, and its rows go out on standard output, each with its question.
//!
//! The list is not trusted. So the process limits itself before it reads, and who started it ends it in time.

use std::collections::HashSet;
use std::io::{Read as _, stdin};

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::Serialize;
use serde_json::json;

use super::question::{
    COLUMNS, WITHOUT_NUMBER, is_by_name, item, lost_letters, names_not_checked, no_given_names, not_compared, person,
};
use crate::cli::failure::Failure;
use crate::cli::list::columns::{DATE_OF_SERVICE, MEDICAID_ID, NPI, PROVIDER_ID};
use crate::cli::list::{Columns, Fault, List, ListArgs, ListError, MOST_BYTES, Row};
use crate::cli::question::Question;
use crate::cli::{Outcome, print_bytes};
use crate::proto::v1::VerificationItem;
use crate::proto::v1::verification_item::Subject;

/// The memory of the process, in bytes: a tenth of it for a list of the most rows with ten columns.
const MEMORY: u64 = 256 * 1024 * 1024;

/// Its address space, which has the program, too.
const ADDRESSES: u64 = 4 * MEMORY;

/// The processor time, in seconds.
const CPU_SECONDS: u64 = 60;

/// The maximum number of rows.
const MOST_ROWS: u64 = 100_000;

/// The maximum size of the rows as they go out, in bytes.
const MOST_OUT: usize = 32 * 1024 * 1024;

/// The maximum length of a cell that is asked about, in bytes.
const LONGEST: usize = 1000;

/// A staff list whose reader cannot give flags.
static WITHOUT_FLAGS: Columns = Columns { has_flags: false, ..COLUMNS };

/// Read a staff list from standard input, and print its rows as JSON lines, each with its question or its faults: for
/// the page of the server, which starts this command
#[derive(Debug, clap::Args)]
#[command(hide = true, after_help = EXAMPLE)]
pub struct ReadRoster {}

const EXAMPLE: &str = "\
Example:
  cpss-registry read-roster <staff.csv";

/// Why a list is not read.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error(transparent)]
    List(#[from] ListError),
    #[error("it has {0} rows; the maximum here is {MOST_ROWS}: split the list, or use the command line")]
    Rows(u64),
    #[error("its cells have too much text: keep the columns of numbers, names and birth dates, and remove the others")]
    Text,
}

/// The first line.
#[derive(Serialize)]
struct Head<'a> {
    rows: u64,
    /// What makes the answers weaker than they look.
    warnings: Vec<String>,
    /// How the list was read.
    notes: Vec<String>,
    headings: Vec<&'a str>,
    /// The headings of columns that look like days of service, and are not read.
    days: Vec<&'a str>,
    /// The headings of columns that look like providers, and are not read.
    providers: Vec<&'a str>,
}

/// The line of a row.
#[derive(Serialize)]
struct Line<'a> {
    line: u64,
    person: String,
    cells: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    faults: Vec<String>,
}

impl ReadRoster {
    pub(in crate::cli) fn run(self) -> Result<Outcome, Failure> {
        limit_itself().map_err(|error| Failure::of("cannot limit this process", &error))?;
        // Memory that grows is there twice while it is moved: what is read, and what goes out, has its place from the
        // start.
        let mut bytes = Vec::with_capacity(usize::try_from(MOST_BYTES).unwrap_or_default() + 1);
        let read = stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(|error| Failure::of("cannot read standard input", &error))?;
        match lines(bytes) {
            Ok(parts) => parts.iter().try_for_each(|part| print_bytes(part))?,
            Err(refused) => print_bytes(format!("{}\n", json!({ "refused": refused.to_string() })).as_bytes())?,
        }
        Ok(Outcome::Done)
    }
}

/// Limits memory and time, opens no file beyond the three that it has, and leaves no core: it would have the list.
fn limit_itself() -> Result<(), rustix::io::Errno> {
    let limits = [
        (Resource::Data, MEMORY),
        (Resource::As, ADDRESSES),
        (Resource::Cpu, CPU_SECONDS),
        (Resource::Nofile, 3),
        (Resource::Core, 0),
    ];
    limits
        .into_iter()
        .try_for_each(|(resource, most)| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }))
}

/// The rows of a list as JSON lines, in two parts: a line about the list, and then one for each row, and one that says
/// that this was all.
fn lines(bytes: Vec<u8>) -> Result<[Vec<u8>; 2], Refused> {
    let size = bytes.len() as u64;
    if size > MOST_BYTES {
        return Err(ListError::TooLarge { bytes: size, most: MOST_BYTES }.into());
    }
    let list = List::of_bytes(&bytes, &WITHOUT_FLAGS, &ListArgs::default())?;
    // The list has what it needs of them.
    drop(bytes);
    if list.size() > MOST_ROWS {
        return Err(Refused::Rows(list.size()));
    }
    let (mut rows, mut noted) = (Vec::with_capacity(MOST_OUT), Vec::new());
    let mut beside_number = HashSet::new();
    let are_names = other_names(&list);
    for row in list.rows() {
        let row = row?;
        if row.left_out().is_some() {
            continue;
        }
        let (item, faults) = match asked(&list, &row) {
            Ok(item) => (Some(item), Vec::new()),
            Err(faults) => (None, faults),
        };
        let is_asked = item.is_some();
        if is_asked && !is_by_name(&row) {
            beside_number.extend(WITHOUT_NUMBER.into_iter().filter(|column| !row.text(column).is_empty()));
        }
        put(
            &mut rows,
            &Line { line: row.line(), person: shown(&are_names, &row), cells: row.cells().collect(), item, faults },
        )?;
        if is_noted(&row) {
            noted.push((row, is_asked));
        }
    }
    let notes = list.understood().lines();
    let mut warnings = names_not_checked(&list);
    warnings.extend(not_compared(&list, |column| beside_number.contains(column)));
    warnings.extend(lost_letters(noted.iter().map(|(row, _)| row)));
    if list.has("given_name") {
        warnings.extend(no_given_names(noted.iter().filter(|(_, is_asked)| *is_asked).map(|(row, _)| row)));
    }
    let mut head = Vec::new();
    let days = list.other_headings_of(&[DATE_OF_SERVICE]);
    let providers = list.other_headings_of(&[PROVIDER_ID, NPI, MEDICAID_ID]);
    put(&mut head, &Head { rows: list.size(), warnings, notes, headings: list.headings().collect(), days, providers })?;
    put(&mut rows, &json!({ "end": true }))?;
    if head.len() + rows.len() > MOST_OUT { Err(Refused::Text) } else { Ok([head, rows]) }
}

/// Adds a line.
fn put(lines: &mut Vec<u8>, line: &impl Serialize) -> Result<(), Refused> {
    serde_json::to_writer(&mut *lines, line).map_err(|_| Refused::Text)?;
    lines.push(b'\n');
    if lines.len() > MOST_OUT { Err(Refused::Text) } else { Ok(()) }
}

/// For each column of a list without family names, whether it has names that are not understood.
fn other_names(list: &List) -> Vec<bool> {
    let others: Vec<&str> = list.other_headings().collect();
    let is_name = |heading: &str| {
        !list.has("family_name") && heading.to_lowercase().contains("name") && others.contains(&heading)
    };
    list.headings().map(is_name).collect()
}

/// The person of a row, as the list says it: also by the columns of names that are not understood. A row that has
/// neither a name nor a number is shown by its first cell.
fn shown(are_names: &[bool], row: &Row) -> String {
    let named = are_names.iter().zip(row.cells()).filter(|(is_name, _)| **is_name);
    let named = named.map(|(_, cell)| cell.trim().to_owned());
    let person = named.chain([person(row)]).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
    let first = || row.cells().map(str::trim).find(|cell| !cell.is_empty()).unwrap_or_default().to_owned();
    if person.is_empty() { first() } else { person }
}

/// Whether a note names the row.
fn is_noted(row: &Row) -> bool {
    lost_letters(std::iter::once(row)).is_some() || no_given_names(std::iter::once(row)).is_some()
}

/// The question of a row, as the Connect protocol has it, or what is wrong with it.
fn asked(list: &List, row: &Row) -> Result<serde_json::Value, Vec<String>> {
    if let Some(fault) = without_columns(list, row) {
        return Err(vec![fault]);
    }
    let said = |faults: Vec<Fault>| -> Vec<String> { faults.iter().map(ToString::to_string).collect() };
    let item = item(row, &Question::default()).map_err(said)?;
    let is_long = |key: &&str| row.text(key).len() > LONGEST;
    let keys = ["number", "prior_number", "family_name", "given_name"];
    if let Some(key) = keys.iter().find(|key| is_long(key)) {
        return Err(said(vec![row.fault(key, "the cell is longer than a number or a name can be: correct it")]));
    }
    Ok(message(&item))
}

/// Why a row without a number cannot be asked by name: the list lacks a column of names. `None`: it can, or something
/// else is wrong with it.
fn without_columns(list: &List, row: &Row) -> Option<String> {
    let missing = match (list.has("family_name"), list.has("given_name")) {
        (true, true) => return None,
        (true, false) => "no column of given names: add one, such as First Name",
        (false, true) => "no column of family names: add one, such as Last Name",
        (false, false) => "no columns of names: add two, such as First Name and Last Name",
    };
    let is_by_name = row.faults().is_empty() && is_by_name(row);
    is_by_name.then(|| {
        format!(
            "line {}: without a number the name is asked, and the list has {missing}, or enter the number",
            row.line()
        )
    })
}

/// A question as JSON.
fn message(item: &VerificationItem) -> serde_json::Value {
    let family_name = (!item.family_name.is_empty()).then_some(&item.family_name);
    match &item.subject {
        Some(Subject::CredentialNumber(number)) => json!({ "credentialNumber": number, "familyName": family_name }),
        Some(Subject::PriorNumber(number)) => json!({ "priorNumber": number, "familyName": family_name }),
        Some(Subject::Holder(holder)) => {
            let name = holder.name.as_ref();
            let name = name.map(|name| json!({ "givenName": name.given_name, "familyName": name.family_name }));
            let day = holder.birth_date;
            let day = day.map(|day| json!({ "year": day.year, "month": day.month, "day": day.day }));
            json!({ "holder": { "name": name, "birthDate": day } })
        }
        None => json!({}),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &str) -> Result<Vec<serde_json::Value>, String> {
        let lines = lines(list.as_bytes().to_vec()).map_err(|refused| refused.to_string())?.concat();
        let lines = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines.map(|line| serde_json::from_slice(line).unwrap()).collect())
    }

    #[test]
    fn each_row_has_its_question_or_what_is_wrong_with_it() {
        let list = "Staff;;;;\nFirst Name;Last Name;Cert #;DOB;Unit\nAnn;Poe;CPS-DTMK-QJA9-B;;=1+1\nBo;Roe;;1/2/1980;\n\
                    Cy;Doe;pending;;\nDi;;;;\n;;;;\nTotal: 4;;;;\n";
        let lines = read(list).unwrap();
        assert_eq!(lines.len(), 6);
        assert_eq!(lines[0]["rows"], 4);
        assert_eq!(lines[0]["headings"], json!(["First Name", "Last Name", "Cert #", "DOB", "Unit"]));
        let notes = lines[0]["notes"].to_string();
        assert!(notes.contains("separated by `;`") && notes.contains("left out: line 8, a sum"), "{notes}");
        let cells = json!(["Ann", "Poe", "CPS-DTMK-QJA9-B", "", "=1+1"]);
        let item = json!({ "credentialNumber": "CPS-DTMK-QJA9-B", "familyName": "Poe" });
        assert_eq!(lines[1], json!({ "line": 3, "person": "Ann Poe, CPS-DTMK-QJA9-B", "cells": cells, "item": item }));
        let name = json!({ "givenName": "Bo", "familyName": "Roe" });
        let holder = json!({ "holder": { "name": name, "birthDate": { "year": 1980, "month": 1, "day": 2 } } });
        assert_eq!(lines[2]["item"], holder);
        let faults = lines[3]["faults"].to_string();
        assert!(faults.contains("line 5, column `Cert #`: found `pending`: a word is not a number"), "{faults}");
        assert!(lines[3].get("item").is_none() && lines[4].get("item").is_none());
        assert_eq!(lines[5], json!({ "end": true }));
    }

    #[test]
    fn no_remedy_is_a_flag_of_the_command_line() {
        for list in [
            "Nummer,Name\n1,Poe\n",
            "Cert #,CPSS #\nCPS-DTMK-QJA9-B,CPS-DTMK-QJA9-B\n",
            "Cert #,Cert #\nCPS-DTMK-QJA9-B,CPS-DTMK-QJA9-B\n",
            "Badge,Last Name,First Name,DOB\nCPS-DTMK-QJA9-B,Poe,Ann,1/2/1980\n",
            "verdict,Cert #\n,CPS-DTMK-QJA9-B\n",
        ] {
            let refused = read(list).unwrap_err();
            assert!(!refused.contains("--") && !refused.contains("HEADING"), "{list}: {refused}");
        }
        for list in [
            "Last Name,DOB\nPoe,1/2/1980\n",
            "Last Name,First Name,DOB,Remark\nPoe,Ann,1/2/1980,\nRoe,Bo,1/2/1980,ask CPS-DTMK-QJA9-B\nDoe,Cy,1/2/1980,\n",
            "Cert #,Employee Name\nCPS-DTMK-QJA9-B,Ann Poe\n",
        ] {
            let said = format!("{:?}", read(list).unwrap());
            assert!(!said.contains("--"), "{list}: {said}");
        }
    }

    #[test]
    fn a_person_is_shown_by_a_column_of_names_that_is_not_understood() {
        let lines = read("Cert #,Employee Name\nCPS-DTMK-QJA9-B,Ann Poe\n").unwrap();
        assert_eq!(
            lines[0]["warnings"],
            json!([
                "no column of family names: names are not checked",
                "the column `Employee Name` is not used; if it has family names, call it Last Name",
            ])
        );
        assert!(!lines[0]["notes"].to_string().contains("names"), "{}", lines[0]["notes"]);
        assert_eq!(lines[1]["person"], "Ann Poe, CPS-DTMK-QJA9-B");
        assert_eq!(lines[1]["item"], json!({ "credentialNumber": "CPS-DTMK-QJA9-B", "familyName": null }));
    }

    #[test]
    fn what_stands_beside_a_number_is_said_not_to_be_compared() {
        let warned = |row: &str| {
            let lines = read(&format!("Cert #,Last Name,First Name,DOB\nCPS-DTMK-QJA9-B,Poe,,\n{row}\n")).unwrap();
            lines[0]["warnings"].clone()
        };
        assert_eq!(
            warned("CPS-DTMK-QJA9-B,,Ann,1/2/1980"),
            json!(["not compared in rows with a number: `First Name`, `DOB`"])
        );
        assert_eq!(warned("CPS-DTMK-QJA9-B,,,1/2/1980"), json!(["not compared in rows with a number: `DOB`"]));
        assert_eq!(warned(",Roe,Bo,1/2/1980"), json!([]));
        assert_eq!(warned("pending,Roe,Bo,1/2/1980"), json!([]));
    }

    #[test]
    fn a_column_of_days_of_service_or_of_providers_is_named() {
        let lines = read(
            "Cert #,DOS,Provider ID,First date of service,Rendering NPI,Dosage,Unit\nCPS-DTMK-QJA9-B,1/2/2026,,,,,\n",
        );
        let head = &lines.unwrap()[0];
        assert_eq!(head["days"], json!(["DOS", "First date of service"]));
        assert_eq!(head["providers"], json!(["Provider ID", "Rendering NPI"]));
    }

    #[test]
    fn a_row_that_is_not_asked_has_no_warning_about_given_names() {
        let lines = read("First Name,Last Name,DOB\n,Poe,1/2/1980\n,Roe,soon\n").unwrap();
        let warnings = lines[0]["warnings"].to_string();
        assert!(warnings.contains("line 2: no given name"), "{warnings}");
    }

    #[test]
    fn a_row_without_a_number_says_which_column_the_list_lacks() {
        for (list, person, missing) in [
            (
                "Cert #,DOB,Unit\n,1/2/1980,North\n",
                "1/2/1980",
                "no columns of names: add two, such as First Name and Last",
            ),
            ("Last Name,DOB\nPoe,1/2/1980\n", "Poe", "no column of given names: add one, such as First Name"),
            ("First Name,DOB\nAnn,1/2/1980\n", "Ann", "no column of family names: add one, such as Last Name"),
        ] {
            let lines = read(list).unwrap();
            let fault = lines[1]["faults"][0].as_str().unwrap();
            let begin = format!("line 2: without a number the name is asked, and the list has {missing}");
            assert!(fault.starts_with(&begin) && fault.ends_with(", or enter the number"), "{fault}");
            assert_eq!(lines[1]["person"], person, "{list}");
        }
    }

    #[test]
    fn a_list_that_is_too_long_is_refused_with_the_limit() {
        let list = format!("Cert #\n{}", "CPS-DTMK-QJA9-B\n".repeat(100_001));
        assert_eq!(
            read(&list).unwrap_err(),
            "it has 100001 rows; the maximum here is 100000: split the list, or use the command line"
        );
        let wide = format!("Cert #,Remark\n{}", format!("CPS-DTMK-QJA9-B,{}\n", "\u{1}".repeat(100_000)).repeat(100));
        assert!(read(&wide).unwrap_err().starts_with("its cells have too much text"));
        let long = read(&format!("Cert #,Last Name\nCPS-DTMK-QJA9-B,{}\n", "x".repeat(1001))).unwrap();
        assert!(long[1]["faults"].to_string().contains("longer than a number or a name can be"));
        assert!(long[1].get("item").is_none());
    }
}
