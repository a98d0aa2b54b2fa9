//! Workbooks (`.xlsx`): the cells of their sheets, with the stored values of formulas.

use super::answers::cell_text;
use super::record::{Cell, CellKind, Record};

/// The maximum size of a workbook.
pub const MOST_BYTES: u64 = 16 * 1024 * 1024;

/// The line end of a sheet that is written as CSV.
const LINE_END: &str = "\r\n";

/// A sheet of a workbook: the cells that are not empty.
#[derive(Debug)]
pub struct Sheet {
    /// The name of the sheet.
    pub name: String,
    /// The rows that have cells, in order, each with its number, starting at 1.
    pub(super) rows: Vec<(u64, Vec<(usize, Cell)>)>,
}

impl Sheet {
    /// Whether a cell satisfies a condition.
    pub fn any(&self, is_it: impl Fn(&str) -> bool) -> bool {
        self.rows.iter().flat_map(|(_, cells)| cells).any(|(_, cell)| is_it(&cell.text))
    }

    /// The row of a line, as CSV. A line without cells is blank.
    fn record(&self, line: u64) -> Record {
        let found = self.rows.binary_search_by_key(&line, |(number, _)| *number);
        let filled = found.ok().and_then(|at| self.rows.get(at)).map(|(_, cells)| cells.as_slice()).unwrap_or_default();
        let width = filled.last().map_or(0, |(place, _)| place + 1);
        let mut cells = vec![Cell::text(String::new()); width];
        for (place, cell) in filled {
            cells[*place] = cell.clone();
        }
        let text = |cell: &Cell| match cell.kind {
            CellKind::Text | CellKind::Error => cell_text(&cell.text, ','),
            CellKind::Number | CellKind::Date(_) | CellKind::NoValue => cell.text.clone(),
        };
        let text = cells.iter().map(text).collect::<Vec<_>>().join(",");
        Record { line, text, end: LINE_END, cells }
    }

    /// The last line with cells.
    fn last_line(&self) -> u64 {
        self.rows.last().map_or(0, |(line, _)| *line)
    }
}

/// The rows of a sheet, from the first line on.
#[derive(Debug)]
pub struct SheetRecords<'a> {
    sheet: &'a Sheet,
    line: u64,
}

impl<'a> SheetRecords<'a> {
    /// The rows of a sheet.
    pub fn of(sheet: &'a Sheet) -> SheetRecords<'a> {
        SheetRecords { sheet, line: 0 }
    }

    /// The next row.
    pub fn next(&mut self) -> Option<Record> {
        self.line += 1;
        (self.line <= self.sheet.last_line()).then(|| self.sheet.record(self.line))
    }
}
