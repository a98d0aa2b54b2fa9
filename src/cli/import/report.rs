//! What became of the rows.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;

use super::kind::Kind;
use crate::cli::failure::Failure;
use crate::cli::list::Fault;
use crate::cli::{Outcome, display_text, print, print_json_line};
use crate::proto::google::r#type::Date;

/// A row that was not loaded.
#[derive(Debug, Serialize)]
pub struct BadRow {
    /// The file.
    pub file: String,
    /// Where in the file, what was found there, and what to do.
    #[serde(flatten)]
    pub fault: Fault,
    /// What is on record instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_record: Option<String>,
}

/// How many lines of rows with the same fault are shown.
const LINES_SHOWN: usize = 5;

impl BadRow {
    /// The row, and the lines of the rows of its file with the same fault.
    fn text(&self, others: &[u64]) -> String {
        let Fault { line, column, found, remedy } = &self.fault;
        let found = if found.is_empty() { "nothing".to_owned() } else { format!("`{found}`") };
        let on_record = self.on_record.as_ref().map_or(String::new(), |cell| format!(", on record `{cell}`"));
        let mut text = format!("  {}:{line}: column {column}: found {found}{on_record}: {remedy}\n", self.file);
        if !others.is_empty() {
            let rows = if others.len() == 1 { "row" } else { "rows" };
            let shown: Vec<String> = others.iter().take(LINES_SHOWN).map(u64::to_string).collect();
            let more = if others.len() > LINES_SHOWN { ", …" } else { "" };
            text.push_str(&format!("    and {} more {rows}, line {}{more}\n", others.len(), shown.join(", ")));
        }
        text
    }
}

/// The bad rows as text. Rows of a file with the same fault are one paragraph: one bad row may be the cause of many.
fn bad_rows_text(bad_rows: &[BadRow]) -> String {
    let mut groups: Vec<(&BadRow, Vec<u64>)> = Vec::new();
    let mut places = HashMap::new();
    for row in bad_rows {
        let Fault { column, found, remedy, .. } = &row.fault;
        let place = *places.entry((&row.file, column, found, remedy, &row.on_record)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, others)) => others.push(row.fault.line),
            None => groups.push((row, Vec::new())),
        }
    }
    groups.iter().map(|(row, others)| row.text(others)).collect()
}

/// The rows of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Recorded by this run.
    pub loaded: u64,
    /// On record before, with the same content.
    pub done_already: u64,
    /// Not on record.
    pub bad: u64,
}

/// The first and the last day of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Days {
    /// The file.
    pub file: &'static str,
    /// The column.
    pub column: &'static str,
    /// The first day in a row that is on record.
    pub first: String,
    /// The last.
    pub last: String,
}

/// What became of the rows.
#[derive(Debug, Default)]
pub struct Report {
    counts: BTreeMap<Kind, Counts>,
    days: BTreeMap<(Kind, &'static str), (String, String)>,
    bad_rows: Vec<BadRow>,
}

/// The summary, for programs.
#[derive(Serialize)]
struct Summary<'a> {
    source: &'a str,
    files: BTreeMap<&'static str, Counts>,
    loaded: u64,
    done_already: u64,
    bad: u64,
}

impl Report {
    /// The counts of a file.
    pub fn of(&mut self, kind: Kind) -> &mut Counts {
        self.counts.entry(kind).or_default()
    }

    /// Counts a row as bad, with its faults.
    pub fn bad(&mut self, kind: Kind, rows: impl IntoIterator<Item = BadRow>) {
        self.of(kind).bad += 1;
        self.bad_rows.extend(rows);
    }

    /// Takes the days of a row that is on record.
    pub fn take_days(&mut self, kind: Kind, days: &[(&'static str, Date)]) {
        for (column, day) in days {
            let day = display_text::day(*day);
            let (first, last) = self.days.entry((kind, column)).or_insert_with(|| (day.clone(), day.clone()));
            if day < *first {
                *first = day;
            } else if day > *last {
                *last = day;
            }
        }
    }

    /// The first and last day of each column.
    pub fn days(&self) -> impl Iterator<Item = Days> {
        self.days.iter().map(|((kind, column), (first, last))| Days {
            file: kind.name(),
            column,
            first: first.clone(),
            last: last.clone(),
        })
    }

    fn total(&self) -> Counts {
        self.counts.values().fold(Counts::default(), |sum, of| Counts {
            loaded: sum.loaded + of.loaded,
            done_already: sum.done_already + of.done_already,
            bad: sum.bad + of.bad,
        })
    }

    /// Prints the bad rows, in the order of files and lines, and the counts.
    pub fn print(&self, source: &str, as_json: bool) -> Result<(), Failure> {
        if as_json {
            for row in &self.bad_rows {
                print_json_line(row)?;
            }
            let files = self.counts.iter().map(|(kind, counts)| (kind.name(), *counts)).collect();
            let Counts { loaded, done_already, bad } = self.total();
            return print_json_line(&Summary { source, files, loaded, done_already, bad });
        }
        let mut text = String::new();
        for (kind, Counts { loaded, done_already, bad }) in &self.counts {
            let name = kind.name();
            text.push_str(&format!("  {name:<15} {loaded:>9} loaded  {done_already:>9} done already  {bad:>9} bad\n"));
        }
        if !self.bad_rows.is_empty() {
            text.push_str("\nbad rows\n");
            text.push_str(&bad_rows_text(&self.bad_rows));
        }
        print(&text)
    }

    /// Sorts the bad rows by file and line. Rows of one group are sent in the order of their days.
    pub fn sort(&mut self) {
        let place = |row: &BadRow| {
            let kind = Kind::all().position(|kind| row.file.starts_with(kind.name()));
            (kind, row.fault.line)
        };
        self.bad_rows.sort_by_key(place);
    }

    /// Done, or the failure that says how many rows are bad.
    pub fn outcome(&self, is_rehearsal: bool) -> Result<Outcome, Failure> {
        let (others, remedy) = if is_rehearsal {
            ("would be loaded", "correct them, and rehearse again")
        } else {
            ("are loaded", "correct them and run the same line again: rows that are done are not recorded twice")
        };
        let said = match self.total().bad {
            0 => return Ok(Outcome::Done),
            1 => format!("1 row is bad; the others {others}"),
            bad => format!("{bad} rows are bad; the others {others}"),
        };
        Err(Failure::usage(vec![said]).with_remedy(remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_the_same_fault_are_told_once_with_their_number_and_first_lines() {
        let bad = |line: u64, found: &str| {
            let (column, remedy) = ("provider".to_owned(), "no row of providers has it".to_owned());
            let fault = Fault { line, column, found: found.to_owned(), remedy };
            BadRow { file: "employments.csv".to_owned(), fault, on_record: None }
        };
        let rows: Vec<BadRow> = (2..502).map(|line| bad(line, "P-9")).chain([bad(502, "P-8")]).collect();
        let expected = "  employments.csv:2: column provider: found `P-9`: no row of providers has it\n    and 499 more \
                        rows, line 3, 4, 5, 6, 7, …\n  employments.csv:502: column provider: found `P-8`: no row of \
                        providers has it\n";
        assert_eq!(bad_rows_text(&rows), expected);
        assert!(bad_rows_text(&rows[..2]).ends_with("    and 1 more row, line 3\n"));
    }
}
