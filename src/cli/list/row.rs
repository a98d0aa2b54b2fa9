//! A row of a list: its known cells, or why it cannot be asked.

use std::sync::Arc;

use super::date;
use super::error::Fault;
use super::headings::Headings;
use super::record::{Cell, CellKind, Record, has_number, holds_rows, is_blank, is_word};
use crate::cli::dates::of_civil;
use crate::domain::text::is_hidden;
use crate::proto::google::r#type::Date;

/// A row of a list.
#[derive(Clone, Debug)]
pub struct Row {
    record: Record,
    headings: Arc<Headings>,
    left_out: Option<LeftOut>,
    faults: Vec<Fault>,
    /// How many of the faults, the first ones, are in what the row has. The others are in what it lacks.
    mistakes: usize,
}

/// Why a row is not asked although nothing is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// It has nothing that can be seen.
    Blank,
    /// It is a sum at the end of the list.
    Totals,
}

impl Row {
    /// Understands a row. `last_line` is the line of the last row that is neither blank nor a sum.
    pub(super) fn of(record: Record, headings: &Arc<Headings>, last_line: u64, separator: Option<char>) -> Row {
        let left_out =
            if record.is_blank() { Some(LeftOut::Blank) } else { (record.line > last_line).then_some(LeftOut::Totals) };
        let mut faults = if left_out.is_none() { mistakes(&record, headings, separator) } else { Vec::new() };
        let mistakes = faults.len();
        if left_out.is_none() && !is_like_totals(&record, headings) {
            faults.extend(lacking(&record, headings));
        }
        Row { record, headings: Arc::clone(headings), left_out, faults, mistakes }
    }

    /// The line of the row, starting at 1. In a workbook: the row of the sheet.
    pub fn line(&self) -> u64 {
        self.record.line
    }

    /// Why the row is not asked although nothing is wrong with it.
    pub fn left_out(&self) -> Option<LeftOut> {
        self.left_out
    }

    /// Why the row cannot be asked. Empty: it can.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The faults in what the row has, without those in what it lacks.
    pub fn mistakes(&self) -> &[Fault] {
        &self.faults[..self.mistakes]
    }

    /// The text of a known column, trimmed. Empty: the cell is blank, or the list has no such column.
    pub fn text(&self, key: &str) -> &str {
        self.cell(key).map_or("", |cell| trimmed(&cell.text))
    }

    /// The text of every cell, untrimmed.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.record.cells.iter().map(|cell| cell.text.as_str())
    }

    /// Whether a known column has a word or a sign where a credential number should be.
    pub fn is_word(&self, key: &str) -> bool {
        self.cell(key).is_some_and(|cell| !cell.is_blank() && is_word(&cell.text))
    }

    /// The date of a known column. `None`: the cell is blank, or the list has no such column.
    pub fn date(&self, key: &str) -> Result<Option<Date>, Fault> {
        let Some(cell) = self.cell(key).filter(|cell| !cell.is_blank()) else { return Ok(None) };
        let civil = match cell.kind {
            CellKind::Date(civil) => civil,
            CellKind::Number => return Err(self.fault(key, "the cell is a number: format it as a date")),
            _ => date::read(trimmed(&cell.text)).map_err(|remedy| self.fault(key, remedy))?,
        };
        Ok(Some(of_civil(civil)))
    }

    /// A fault of this row in a known column.
    pub fn fault(&self, key: &str, remedy: impl Into<String>) -> Fault {
        let column = self.headings.place(key).map_or_else(|| key.to_owned(), |place| self.headings.shown(place));
        Fault::of(self.record.line, column, self.text(key), remedy)
    }

    /// The row as written, without its line end, and its line end.
    pub(super) fn written(&self) -> (&str, &'static str) {
        (&self.record.text, self.record.end)
    }

    /// The number of cells.
    pub(super) fn width(&self) -> usize {
        self.record.cells.len()
    }

    fn cell(&self, key: &str) -> Option<&Cell> {
        self.record.cells.get(self.headings.place(key)?)
    }
}

fn trimmed(text: &str) -> &str {
    text.trim_matches(|letter: char| letter.is_whitespace() || is_hidden(letter))
}

/// Whether a row reads like a sum: it begins with such a word, and has neither a second cell under a known column nor a
/// credential number.
pub(super) fn is_like_totals(record: &Record, headings: &Headings) -> bool {
    let first = record.cells.iter().position(|cell| !cell.is_blank());
    let speaks_of_someone = |(place, cell): (usize, &Cell)| {
        let is_second = Some(place) != first && !cell.is_blank() && headings.known_at(place).is_some();
        is_second || has_number(&cell.text)
    };
    record.begins_like_totals() && !record.cells.iter().enumerate().any(speaks_of_someone)
}

/// What is wrong in what a row has.
fn mistakes(record: &Record, headings: &Headings, separator: Option<char>) -> Vec<Fault> {
    let fault = |place: usize, remedy: &str| fault(record, headings, place, remedy);
    if is_like_totals(record, headings) {
        let first = record.cells.iter().position(|cell| !cell.is_blank()).unwrap_or_default();
        return vec![fault(first, "a sum may stand at the end of the list only: remove the row")];
    }
    let mut faults = Vec::new();
    let columns = headings.cells.len();
    let named = headings.cells.iter().filter(|heading| !is_blank(heading)).count();
    for (place, cell) in record.cells.iter().enumerate().filter(|(_, cell)| !cell.is_blank()) {
        if place >= columns {
            let remedy = "the row has more cells than there are column names: write a cell that contains the \
                          separator in quotes, and each person in a line of its own";
            faults.push(fault(place, remedy));
            break;
        }
        if holds_rows(&cell.text, separator, named) {
            let remedy = "the cell holds lines that look like rows: close its quote before them";
            faults.push(fault(place, remedy));
        } else if let Some(known) = headings.known_at(place) {
            faults.extend(wrong(cell, known.is_number).map(|remedy| fault(place, remedy)));
        } else if has_number(&cell.text) {
            faults.extend(other_number(record, headings, place).map(|remedy| fault(place, &remedy)));
        }
    }
    faults
}

/// The remedy for a credential number in a column that is not read. `None`: the row has its own number, and the heading
/// says that the column is for such numbers.
fn other_number(record: &Record, headings: &Headings, place: usize) -> Option<String> {
    let is_filled = |place: usize| record.cells.get(place).is_some_and(|cell| !cell.is_blank());
    let its_number = headings.numbers().map(|(known, number)| (known.key, number));
    let has_own = ["number", "prior_number"].iter().any(|key| headings.place(key).is_some_and(is_filled));
    match its_number {
        Some((_, Some(number))) if !has_own => Some(format!(
            "a credential number in another column, and none in {}: enter it there, or remove it if it is somebody else's",
            headings.shown(number)
        )),
        Some((key, None)) if !has_own => {
            let read_it = match headings.for_flag(place) {
                Some(column) => format!("read it with --column {key}={column}"),
                None => "call the column `Cert #`".to_owned(),
            };
            Some(format!(
                "a credential number in a column that is not read: {read_it}, or remove it if it is somebody else's"
            ))
        }
        _ if headings.is_for_numbers(place) => None,
        _ => Some(
            "a credential number in another column: write each person in a line of its own; if the column is for such \
             numbers, call it `Other Cert #`"
                .to_owned(),
        ),
    }
}

/// What a row must have and lacks.
fn lacking(record: &Record, headings: &Headings) -> impl Iterator<Item = Fault> {
    let is_filled = move |place: &usize| record.cells.get(*place).is_some_and(|cell| !cell.is_blank());
    let empty = headings.needs().filter(move |group| !group.iter().any(is_filled));
    empty.filter_map(|group| group.first().copied()).map(move |place| {
        let remedy = format!("enter the {}, or remove the row", headings.shown(place));
        fault(record, headings, place, &remedy)
    })
}

fn fault(record: &Record, headings: &Headings, place: usize, remedy: &str) -> Fault {
    let found = record.cells.get(place).map_or("", |cell| cell.text.as_str());
    Fault::of(record.line, headings.shown(place), found, remedy)
}

/// What is wrong with a cell of a known column.
fn wrong(cell: &Cell, is_number: bool) -> Option<&'static str> {
    match cell.kind {
        CellKind::Error => Some("the workbook has an error there: correct its formula, or enter the value"),
        CellKind::NoValue => Some("the formula was saved without its value: open the workbook and save it again"),
        _ if trimmed(&cell.text).contains(['\r', '\n']) => Some("the cell has several lines: write one line"),
        _ if is_number && is_word(&cell.text) => Some("a word is not a number: enter the number, or remove the row"),
        _ => None,
    }
}
