//! How a list was understood, for the person who wrote it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::headings::Headings;
use super::survey::{Survey, Table};

/// The maximum number of rows left out that are named on the screen.
const NAMED: usize = 20;

/// How a list was understood, and what is left out.
#[derive(Clone, Debug, Serialize)]
pub struct Understood {
    /// The encoding of the list.
    pub encoding: &'static str,
    /// The separator of its cells. In a workbook: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub separator: Option<char>,
    /// The sheet of the workbook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sheet: Option<String>,
    /// The other sheets of the workbook, which are not read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sheets_left_out: Vec<String>,
    /// The line of the column names.
    pub headings_line: u64,
    /// The known columns, with the headings that they have in the list.
    pub columns: BTreeMap<&'static str, String>,
    /// The first rows that are left out.
    pub left_out: Vec<RowsLeftOut>,
    /// How many more sums, and runs of blank rows, are left out.
    pub left_out_not_shown: u64,
}

/// Rows that are left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RowsLeftOut {
    /// The first line.
    pub first_line: u64,
    /// The last line.
    pub last_line: u64,
    /// The first cell of a sum. Empty: the rows are blank.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub sum: String,
}

impl Understood {
    pub(super) fn of(table: &Table, headings: &Headings, survey: &Survey, sheets_left_out: Vec<String>) -> Understood {
        let sheet = match table {
            Table::Sheet(sheet) => Some(sheet.name.clone()),
            Table::Text { .. } => None,
        };
        let blank = survey.blank.iter().map(|(first_line, last_line)| RowsLeftOut {
            first_line: *first_line,
            last_line: *last_line,
            sum: String::new(),
        });
        let sum = |(line, sum): &(u64, String)| RowsLeftOut { first_line: *line, last_line: *line, sum: sum.clone() };
        let mut left_out: Vec<RowsLeftOut> = blank.chain(survey.totals.iter().map(sum)).collect();
        left_out.sort_by_key(|rows| rows.first_line);
        Understood {
            encoding: table.encoding().name(),
            separator: table.splits_by(),
            sheet,
            sheets_left_out,
            headings_line: headings.line,
            columns: headings.understood().map(|(known, heading)| (known.name, heading.to_owned())).collect(),
            left_out,
            left_out_not_shown: survey.not_kept,
        }
    }

    /// What a person should know: everything that is not as in the simplest list.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(sheet) = &self.sheet {
            lines.push(format!("sheet `{sheet}` is read"));
        }
        if !self.sheets_left_out.is_empty() {
            lines.push(format!("left out: the sheets `{}`", self.sheets_left_out.join("`, `")));
        }
        if self.encoding != "UTF-8" {
            lines.push(format!("the list is read as {}", self.encoding));
        }
        match self.separator {
            None | Some(',') => {}
            Some('\t') => lines.push("the cells are separated by tabs".to_owned()),
            Some(other) => lines.push(format!("the cells are separated by `{other}`")),
        }
        if self.headings_line > 1 {
            lines.push(format!("the column names are in line {}", self.headings_line));
        }
        for (name, heading) in self.columns.iter().filter(|(name, heading)| *name != heading) {
            lines.push(format!("`{heading}` is read as {name}"));
        }
        lines.extend(self.left_out.iter().take(NAMED).map(RowsLeftOut::line));
        let more = self.left_out.len().saturating_sub(NAMED) as u64 + self.left_out_not_shown;
        if more > 0 {
            lines.push(format!("left out: {more} more places with blank rows or sums"));
        }
        lines
    }

    /// The lines as a paragraph at the end of a summary; empty if there is nothing to say.
    pub fn paragraph(&self) -> String {
        let lines = self.lines();
        if lines.is_empty() { String::new() } else { format!("\n  {}\n", lines.join("\n  ")) }
    }
}

impl RowsLeftOut {
    fn line(&self) -> String {
        let RowsLeftOut { first_line: first, last_line: last, sum } = self;
        match (sum.as_str(), first == last) {
            ("", true) => format!("left out: line {first}, blank"),
            ("", false) => format!("left out: lines {first} to {last}, blank"),
            (sum, _) => format!("left out: line {first}, a sum: {sum}"),
        }
    }
}
