//! Lists: a table for people, CSV for spreadsheets, JSON lines for programs.

use clap::ValueEnum;

use super::failure::Failure;
use super::list::cell_text;
use super::message_json::Json;
use super::{print, print_aside, print_json_line, print_raw, shown, table, terminal};

/// The flags of every command that prints a list.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ListFormat {
    /// Print one JSON object per line
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// How to print the list; csv: for spreadsheets, with the sentences on standard error
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Table)]
    format: Format,
}

/// How to print a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Columns within the width of the terminal
    Table,
    /// Comma-separated values in UTF-8, with a byte order mark
    Csv,
}

/// Spreadsheets take CSV without this mark for text in an older encoding.
pub const BYTE_ORDER_MARK: &str = "\u{feff}";

/// A list that is printed. Rows of CSV and JSON are printed at once; a table needs all rows first.
pub struct Listing {
    format: ListFormat,
    columns: &'static [&'static str],
    rows: Vec<Vec<String>>,
}

impl ListFormat {
    /// JSON, or a format; if none is given, a table.
    pub fn of(json: bool, format: Option<Format>) -> ListFormat {
        ListFormat { json, format: format.unwrap_or(Format::Table) }
    }

    /// Begins a list with these columns.
    pub fn begin(self, columns: &'static [&'static str]) -> Result<Listing, Failure> {
        if self.is_csv() {
            let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
            print_raw(&format!("{BYTE_ORDER_MARK}{}", csv_line(&columns)))?;
        }
        Ok(Listing { format: self, columns, rows: Vec::new() })
    }

    /// Whether the list is for a spreadsheet, which may have more columns than a screen.
    pub fn is_csv(self) -> bool {
        !self.json && self.format == Format::Csv
    }
}

impl Listing {
    /// Adds a row: its cells for people, and the whole entry for programs.
    pub fn row(&mut self, cells: Vec<String>, entry: impl FnOnce() -> Result<Json, Failure>) -> Result<(), Failure> {
        if self.format.json {
            return print_json_line(&entry()?);
        }
        match self.format.format {
            Format::Csv => print_raw(&csv_line(&cells)),
            Format::Table => {
                self.rows.push(cells);
                Ok(())
            }
        }
    }

    /// Ends the list. The sentences come before the table; beside CSV they go to standard error.
    pub fn end(self, sentences: &[String]) -> Result<(), Failure> {
        self.finish(sentences, |said, table| format!("{said}\n{table}"))
    }

    /// Like [`Listing::end`], but the sentences come after the table.
    pub fn end_with_sums(self, sentences: &[String]) -> Result<(), Failure> {
        self.finish(sentences, |said, table| format!("{table}\n{said}"))
    }

    fn finish(self, sentences: &[String], joined: impl Fn(&str, &str) -> String) -> Result<(), Failure> {
        if self.format.json {
            return Ok(());
        }
        let limit = terminal::width();
        let said: String = sentences.iter().map(|text| format!("{}\n", table::sentence(text, limit))).collect();
        match self.format.format {
            Format::Csv => print_aside(&said),
            Format::Table if self.rows.is_empty() => print(&said)?,
            Format::Table => {
                let table = table::table(self.columns, &self.rows, Some(terminal::table_width()));
                print(&joined(&said, &table))?;
            }
        }
        Ok(())
    }
}

/// A row of CSV. No cell is a formula, and none can control a terminal.
pub fn csv_line(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell_text(&shown(cell), ',')).collect();
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_csv_is_quoted_and_has_no_formula() {
        let cells = ["a,b", "=1+1", "O'Neal", "x\u{1b}"].map(str::to_owned);
        assert_eq!(csv_line(&cells), "\"a,b\",'=1+1,O'Neal,x\\u{1b}\r\n");
    }
}
