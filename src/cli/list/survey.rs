//! The first reading of a list: where the column names are, and where the rows end.

use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::columns::Columns;
use super::encoding::{Bytes, Encoding};
use super::error::ListError;
use super::headings::{Given, Headings, missing};
use super::record::{Record, has_number, is_blank};
use super::row::is_like_totals;
use super::text::TextRecords;
use super::workbook::{Sheet, SheetRecords};

/// The column names stand in one of these first rows that are not blank.
const HEADINGS_WITHIN: usize = 30;

/// The separators of cells. If several fit, the first.
const SEPARATORS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// The maximum number of rows left out that are kept to be named.
const MOST_NAMED: usize = 1000;

/// Where the rows of a list are.
#[derive(Debug)]
pub(super) enum Table {
    /// A CSV table.
    Text { bytes: Bytes, encoding: Encoding, separator: u8 },
    /// A sheet of a workbook.
    Sheet(Arc<Sheet>),
}

impl Table {
    pub(super) fn records(&self) -> Records<'_> {
        match self {
            Table::Text { bytes, encoding, separator } => Records::Text(TextRecords::of(bytes, *encoding, *separator)),
            Table::Sheet(sheet) => Records::Sheet(SheetRecords::of(sheet)),
        }
    }

    /// The encoding in which the list is written.
    pub(super) fn encoding(&self) -> Encoding {
        match self {
            Table::Text { encoding, .. } => *encoding,
            Table::Sheet(_) => Encoding::MARKED_UTF_8,
        }
    }

    /// The separator with which the list is written.
    pub(super) fn separator(&self) -> char {
        self.splits_by().unwrap_or(',')
    }

    /// The separator of the cells, if the list is a text.
    pub(super) fn splits_by(&self) -> Option<char> {
        match self {
            Table::Text { separator, .. } => Some(char::from(*separator)),
            Table::Sheet(_) => None,
        }
    }
}

/// The rows of a table as they were read.
#[derive(Debug)]
pub(super) enum Records<'a> {
    Text(TextRecords),
    Sheet(SheetRecords<'a>),
}

impl Records<'_> {
    pub(super) fn next(&mut self) -> Result<Option<Record>, ListError> {
        match self {
            Records::Text(records) => records.next(),
            Records::Sheet(records) => Ok(records.next()),
        }
    }

    /// Finds the row of column names: the first one that certainly is, else the one of which headings make the most
    /// columns likely. The inner error: none has them; the row that lacks the fewest, if any.
    fn headings(
        &mut self,
        columns: &'static Columns,
        given: &[Given],
    ) -> Result<Result<Headings, Option<Record>>, ListError> {
        let (mut likely, mut best, mut met): (Option<Headings>, Option<(usize, Record)>, _) = (None, None, 0);
        while let Some(record) = self.next()?.filter(|_| met < HEADINGS_WITHIN) {
            if record.is_blank() {
                continue;
            }
            met += 1;
            if let Some(headings) = Headings::of(record.line, &record.cells, columns, given)? {
                if headings.is_certain() {
                    return Ok(Ok(headings));
                }
                let understands_more = |best: &Headings| headings.understood().count() > best.understood().count();
                if likely.as_ref().is_none_or(understands_more) {
                    likely = Some(headings);
                }
                continue;
            }
            let lacks = missing(&record.cells, columns, given).len();
            if best.as_ref().is_none_or(|(fewest, _)| lacks < *fewest) {
                best = Some((lacks, record));
            }
        }
        Ok(likely.ok_or_else(|| best.map(|(_, record)| record)))
    }
}

/// The failure of a table without a row of column names. `best`: the row that lacks the fewest.
fn no_headings(columns: &'static Columns, given: &[Given], sheet: Option<&str>, best: Option<&Record>) -> ListError {
    let Some(best) = best else { return ListError::Blank };
    let missing = missing(&best.cells, columns, given);
    let names = missing.iter().map(|missing| missing.name.as_str()).collect::<Vec<_>>().join(" and ");
    let key = missing.first().map(|missing| missing.key).unwrap_or_default();
    let cells = best.cells.iter().map(|cell| cell.text.trim()).filter(|cell| !is_blank(cell)).take(20);
    let cells: Vec<String> = cells.map(|cell| format!("`{}`", cell.chars().take(40).collect::<String>())).collect();
    let sheet = sheet.map(|name| format!("sheet `{name}`, ")).unwrap_or_default();
    let found = format!("{sheet}line {} has {}", best.line, cells.join(", "));
    let remedy = match (columns.has_flags, columns.known.iter().find(|known| known.key == key)) {
        (false, Some(known)) => {
            format!("Call the column `{}`, or add it", known.aliases.first().unwrap_or(&known.name))
        }
        _ => format!("Name it with --column {key}=\"HEADING\""),
    };
    ListError::NoHeadings { names, found, cells: cells.len(), remedy }
}

/// Detects encoding and separator of a text, and finds its column names: by the separator that gives the most columns.
pub(super) fn find_headings(
    bytes: &Bytes,
    columns: &'static Columns,
    given: &[Given],
) -> Result<(Table, Headings), ListError> {
    let encoding = Encoding::of(bytes)?;
    let mut best: Option<(u8, Headings)> = None;
    let mut failures = Vec::new();
    for separator in named_separator(bytes, encoding)?.map_or(SEPARATORS.to_vec(), |separator| vec![separator]) {
        match Records::Text(TextRecords::of(bytes, encoding, separator)).headings(columns, given) {
            Ok(Ok(headings)) if best.as_ref().is_none_or(|(_, best)| best.cells.len() < headings.cells.len()) => {
                best = Some((separator, headings));
            }
            Ok(Ok(_)) => {}
            Ok(Err(best)) => failures.push(no_headings(columns, given, None, best.as_ref())),
            Err(error) => failures.push(error),
        }
    }
    match best {
        Some((separator, headings)) => Ok((Table::Text { bytes: bytes.clone(), encoding, separator }, headings)),
        None => Err(worst(failures)),
    }
}

/// The failure that says the most: of a table that could be understood if not for it, else of the one with most
/// columns. A table of one column has the wrong separator, if another one fails for its quotes.
fn worst(failures: Vec<ListError>) -> ListError {
    let rank = |error: &ListError| match error {
        ListError::Ambiguous { .. } | ListError::Reserved { .. } => usize::MAX,
        ListError::NoHeadings { cells: 2.., .. } => 2,
        ListError::NotATable { .. } => 1,
        _ => 0,
    };
    let first = failures.into_iter().reduce(|best, next| if rank(&next) > rank(&best) { next } else { best });
    first.unwrap_or(ListError::Blank)
}

/// The separator that the first line names, as spreadsheets write it: `sep=;`.
fn named_separator(bytes: &Bytes, encoding: Encoding) -> Result<Option<u8>, ListError> {
    let Ok(Some(first)) = TextRecords::of(bytes, encoding, b'\0').next() else { return Ok(None) };
    let named = first.text.strip_prefix("sep=").map(str::as_bytes);
    Ok(named.and_then(|named| SEPARATORS.into_iter().find(|separator| named == [*separator])))
}

/// Finds the sheet with the list. A sheet that has numbers but is not read must be excluded by naming the other.
pub(super) fn find_sheet(
    sheets: Vec<Sheet>,
    columns: &'static Columns,
    given: &[Given],
    named: Option<&str>,
) -> Result<(Sheet, Headings, Vec<String>), ListError> {
    let names = sheets.iter().map(|sheet| format!("`{}`", sheet.name)).collect::<Vec<_>>().join(", ");
    let (mut found, mut others, mut failures) = (None, Vec::new(), Vec::new());
    let mut with_numbers: Option<String> = None;
    for sheet in sheets {
        if named.is_some_and(|name| name != sheet.name) {
            others.push(sheet.name);
            continue;
        }
        match Records::Sheet(SheetRecords::of(&sheet)).headings(columns, given)? {
            Ok(headings) => match &found {
                None => found = Some((sheet, headings)),
                Some(_) => with_numbers = Some(sheet.name),
            },
            Err(best) => {
                if sheet.any(has_number) {
                    with_numbers = Some(sheet.name.clone());
                }
                failures.push(no_headings(columns, given, Some(&sheet.name), best.as_ref()));
                others.push(sheet.name);
            }
        }
    }
    match (found, with_numbers) {
        (Some((sheet, _)), Some(second)) => Err(ListError::Workbook(format!(
            "the sheets `{}` and `{second}` both have credential numbers: {}",
            sheet.name,
            if columns.has_flags { "choose one with --sheet" } else { "keep one of them in the workbook" }
        ))),
        (Some((sheet, headings)), None) => Ok((sheet, headings, others)),
        (None, _) if failures.is_empty() => {
            Err(ListError::Workbook(format!("--sheet: there is no such sheet; the workbook has {names}")))
        }
        (None, _) => Err(worst(failures)),
    }
}

/// What the first reading found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// The number of rows that are neither blank nor sums at the end.
    pub(super) rows: u64,
    /// The line of the last of them.
    pub(super) last_line: u64,
    /// The number of cells of the longest row.
    pub(super) width: usize,
    /// The text above the column names, with line ends.
    pub(super) above: String,
    /// The row of column names, without its line end.
    pub(super) head: String,
    /// Its line end.
    pub(super) head_end: &'static str,
    /// The lines of blank rows, first and last of each run.
    pub(super) blank: Vec<(u64, u64)>,
    /// The sums at the end: their lines, and their first cells.
    pub(super) totals: Vec<(u64, String)>,
    /// How many more runs of blank rows, and sums, there are.
    pub(super) not_kept: u64,
    /// The digest of the columns that are part of it.
    pub(super) digest: [u8; 32],
}

impl Survey {
    /// Reads all rows of a list.
    pub(super) fn of(table: &Table, headings: &Headings) -> Result<Survey, ListError> {
        let mut survey = Survey { width: headings.cells.len(), ..Survey::default() };
        let mut records = table.records();
        let mut content = Content::of(headings);
        // Rows that are sums, unless an ordinary row follows.
        let (mut sums, mut last_blank) = (0, 0);
        while let Some(record) = records.next()? {
            content.add(&record, headings);
            if record.line <= headings.line {
                check_title(&record)?;
            }
            if record.line < headings.line {
                survey.above.push_str(&record.text);
                survey.above.push_str(record.end);
            } else if record.line == headings.line {
                (survey.head, survey.head_end) = (record.text, record.end);
            } else if record.is_blank() {
                survey.take_blank(record.line, record.line == last_blank + 1);
                last_blank = record.line;
            } else if is_like_totals(&record, headings) {
                survey.width = survey.width.max(record.cells.len());
                sums += 1;
                if survey.totals.len() < MOST_NAMED {
                    let first = record.cells.iter().find(|cell| !cell.is_blank());
                    survey
                        .totals
                        .push((record.line, first.map(|cell| cell.text.trim().to_owned()).unwrap_or_default()));
                }
            } else {
                survey.width = survey.width.max(record.cells.len());
                survey.rows += sums + 1;
                survey.last_line = record.line;
                survey.totals.clear();
                sums = 0;
            }
        }
        survey.not_kept += sums - survey.totals.len() as u64;
        survey.digest = content.digest.finalize().into();
        if survey.rows == 0 { Err(ListError::NoRows) } else { Ok(survey) }
    }

    fn take_blank(&mut self, line: u64, goes_on: bool) {
        let has_room = self.blank.len() < MOST_NAMED;
        match self.blank.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ if has_room => self.blank.push((line, line)),
            _ => self.not_kept += u64::from(!goes_on),
        }
    }
}

/// The digest of the rows of a list.
struct Content {
    digest: Sha256,
    /// Where the columns are that are part of it.
    places: Vec<usize>,
}

impl Content {
    fn of(headings: &Headings) -> Content {
        let mut content = Content { digest: Sha256::new(), places: Vec::new() };
        for known in headings.digested() {
            content.add_text(known.key);
            content.places.extend(headings.place(known.key));
        }
        content
    }

    fn add(&mut self, record: &Record, headings: &Headings) {
        if record.line <= headings.line || record.is_blank() {
            return;
        }
        for at in 0..self.places.len() {
            let cell = record.cells.get(self.places[at]);
            self.add_text(cell.map_or("", |cell| cell.text.trim()));
        }
    }

    fn add_text(&mut self, text: &str) {
        self.digest.update((text.len() as u64).to_le_bytes());
        self.digest.update(text);
    }
}

/// Refuses a credential number above or among the column names: its row would not be asked.
fn check_title(record: &Record) -> Result<(), ListError> {
    if record.cells.iter().any(|cell| has_number(&cell.text)) {
        let what = "a credential number stands above or among the column names: put them in a line of their own, first";
        return Err(ListError::not_a_table(record.line, what));
    }
    Ok(())
}
