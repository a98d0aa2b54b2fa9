//! Reads workbooks (`.xlsx`).

use std::io::{Cursor, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, ExcelDateTime, Reader as _, SheetType, Xlsx, XlsxError};
use jiff::civil::Date;
use zip::ZipArchive;

use super::error::ListError;
use super::record::{Cell, CellKind};
use super::workbook::Sheet;

/// The maximum size of the parts of a workbook together, inflated.
const MOST_INFLATED: u64 = 128 * 1024 * 1024;

/// The maximum number of columns.
const MOST_COLUMNS: u32 = 1000;

/// The number of rows that a sheet can have.
const MOST_ROWS: u64 = 1_048_576;

/// Reads the sheets of a workbook.
pub fn sheets(bytes: &[u8]) -> Result<Vec<Sheet>, ListError> {
    check_inflated(bytes)?;
    // The parser may panic on a workbook that no spreadsheet wrote.
    let read = catch_unwind(AssertUnwindSafe(|| read_sheets(bytes)));
    read.unwrap_or_else(|_| Err(damaged("it has parts that contradict each other")))
}

fn damaged(why: impl std::fmt::Display) -> ListError {
    ListError::Workbook(format!("it is not a whole .xlsx workbook ({why}): open it, and save it again as .xlsx or CSV"))
}

fn read_sheets(bytes: &[u8]) -> Result<Vec<Sheet>, ListError> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(|error| match error {
        XlsxError::Password => ListError::Workbook("it is protected by a password: save it without one".to_owned()),
        other => damaged(other),
    })?;
    let metadata = workbook.sheets_metadata().iter();
    let names: Vec<String> =
        metadata.filter(|sheet| sheet.typ == SheetType::WorkSheet).map(|sheet| sheet.name.clone()).collect();
    names.into_iter().map(|name| read_sheet(&mut workbook, name)).collect()
}

fn read_sheet(workbook: &mut Xlsx<Cursor<&[u8]>>, name: String) -> Result<Sheet, ListError> {
    let mut reader = workbook.worksheet_cells_reader(&name).map_err(damaged)?;
    let mut rows: Vec<(u64, Vec<(usize, Cell)>)> = Vec::new();
    while let Some(found) = reader.next_cell_with_formula_metadata().map_err(damaged)? {
        let (row, column) = found.pos;
        let (line, place) = (u64::from(row) + 1, usize::try_from(column).unwrap_or(usize::MAX));
        let Some(cell) = cell(found.value, found.formula.is_some()) else { continue };
        if line > MOST_ROWS {
            return Err(damaged(format!("it says that it has a row {line}")));
        }
        if column >= MOST_COLUMNS {
            let place = format!("sheet `{name}`, row {line}: it has content beyond column {MOST_COLUMNS}: delete it");
            return Err(ListError::Workbook(place));
        }
        match rows.last_mut() {
            Some((last, cells)) if *last == line => cells.push((place, cell)),
            Some((last, _)) if *last > line => return Err(damaged("its rows are not in order")),
            _ => rows.push((line, vec![(place, cell)])),
        }
    }
    for (_, cells) in &mut rows {
        cells.sort_by_key(|(place, _)| *place);
        if cells.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return Err(damaged("a cell is there twice"));
        }
    }
    Ok(Sheet { name, rows })
}

/// A cell of the list. `None`: it is empty.
fn cell(value: DataRef<'_>, is_formula: bool) -> Option<Cell> {
    let of = |text: String, kind| Some(Cell { text, kind });
    match value {
        DataRef::Empty => is_formula.then(|| Cell { text: String::new(), kind: CellKind::NoValue }),
        DataRef::Int(number) => of(number.to_string(), CellKind::Number),
        DataRef::Float(number) => of(number.to_string(), CellKind::Number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => of(text, CellKind::Text),
        DataRef::SharedString(text) => of(text.to_owned(), CellKind::Text),
        DataRef::Bool(is_true) => of(if is_true { "TRUE" } else { "FALSE" }.to_owned(), CellKind::Text),
        DataRef::DateTime(serial) => Some(dated(serial)),
        DataRef::Error(error) => of(error.to_string(), CellKind::Error),
    }
}

/// A cell with a date format.
fn dated(serial: ExcelDateTime) -> Cell {
    let (year, month, day, hour, minute, second, _) = serial.to_ymd_hms_milli();
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let number = |part: u8| i8::try_from(part).ok();
    let civil = || Date::new(i16::try_from(year).ok()?, number(month)?, number(day)?).ok();
    // A serial number below 1 is a time of day.
    match civil().filter(|_| serial.is_datetime() && serial.as_f64() >= 1.0) {
        Some(date) if (hour, minute, second) == (0, 0, 0) => {
            Cell { text: date.to_string(), kind: CellKind::Date(date) }
        }
        Some(date) => Cell { text: format!("{date} {time}"), kind: CellKind::Date(date) },
        None if (0.0..1.0).contains(&serial.as_f64()) => Cell::text(time),
        None => Cell { text: serial.as_f64().to_string(), kind: CellKind::Number },
    }
}

/// Inflates the parts of a workbook and counts their bytes, before the parser reads them.
fn check_inflated(bytes: &[u8]) -> Result<(), ListError> {
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| damaged("its end is missing or damaged"))?;
    let mut left = MOST_INFLATED;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(damaged)?;
        let is_strings = part.name().map_err(damaged)?.to_lowercase().ends_with("sharedstrings.xml");
        let mut part = part.take(left + 1);
        let mut beginning = vec![0; 4096];
        let filled = read_full(&mut part, &mut beginning).map_err(damaged)?;
        let rest = std::io::copy(&mut part, &mut std::io::sink()).map_err(damaged)?;
        let inflated = filled as u64 + rest;
        left = left.checked_sub(inflated).ok_or_else(|| {
            let most = MOST_INFLATED / (1024 * 1024);
            ListError::Workbook(format!("its parts have more than {most} MiB: save the list alone, or as CSV"))
        })?;
        if is_strings && strings_said(&beginning[..filled]).is_some_and(|said| said > inflated) {
            return Err(damaged("it says that it has more texts than it has room for"));
        }
    }
    Ok(())
}

fn read_full(from: &mut impl std::io::Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < into.len() {
        match from.read(&mut into[filled..])? {
            0 => break,
            count => filled += count,
        }
    }
    Ok(filled)
}

/// How many texts the part with the texts says that it has. The parser reserves memory for that number.
fn strings_said(beginning: &[u8]) -> Option<u64> {
    let ascii: String = beginning.iter().filter(|byte| byte.is_ascii_graphic()).map(|byte| char::from(*byte)).collect();
    let (_, behind) = ascii.split_once("uniqueCount=")?;
    let digits = behind.trim_start_matches(['"', '\'']).split(|letter: char| !letter.is_ascii_digit()).next()?;
    Some(digits.parse().unwrap_or(u64::MAX))
}
