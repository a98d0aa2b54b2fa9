//! A staff list: a table with two known columns; other columns are kept unchanged.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use csv::StringRecord;

use super::why_refused;
use crate::cli::display_text::{code, day};
use crate::proto::v1::verification_result::Outcome as Fared;
use crate::proto::v1::{Reason, Standing, Verdict, VerificationResult};

const NUMBER: &str = "credential_number";
const FAMILY_NAME: &str = "family_name";

/// The columns added for the answers.
const ANSWER: [&str; 5] = ["verdict", "standing", "reasons", "as_of", "refused"];

/// The maximum size of a list. The whole list is held in memory until it is answered.
const MOST_BYTES: u64 = 256 * 1024 * 1024;

/// Why a staff list cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The file cannot be read.
    #[error(transparent)]
    File(#[from] io::Error),
    /// The file is too long.
    #[error("it has {0} bytes; the maximum is {MOST_BYTES}")]
    TooLong(u64),
    /// The file is not a valid table. Its content is not printed, because it may be a name.
    #[error("line {line}: {what}")]
    NotATable {
        /// The line number, starting at 1.
        line: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The file has another format.
    #[error("it is {0}, not a CSV table: {1}")]
    OtherKind(&'static str, &'static str),
    /// A column is missing.
    #[error(
        "the first row has no column `{NUMBER}`: the first row of a staff list holds the column names, \
         including `{NUMBER}` and optionally `{FAMILY_NAME}`"
    )]
    NoNumbers,
    /// A column occurs twice, or has the name of an answer column.
    #[error("the first row has the column `{0}`, which {1}")]
    Column(String, &'static str),
    /// A row has no number.
    #[error("line {0}: {NUMBER} is empty")]
    NoNumber(u64),
    /// The list is empty.
    #[error("the list has no rows")]
    NoRows,
}

impl ListError {
    /// Whether the content is wrong, as opposed to a disk error.
    pub fn is_of_content(&self) -> bool {
        !matches!(self, ListError::File(_))
    }
}

/// The question of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// The number, as written in the list.
    pub credential_number: &'a str,
    /// The family name to check. Empty: none.
    pub family_name: &'a str,
}

/// A staff list.
#[derive(Debug)]
pub struct StaffList {
    columns: StringRecord,
    rows: Vec<StringRecord>,
    number: usize,
    family_name: Option<usize>,
}

/// The format of a file that is recognized as not CSV, and the remedy.
fn other_kind(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const EXPORT: &str = "open it, and save it as CSV (UTF-8, separated by commas)";
    let begins: [(&[u8], &str, &str); 6] = [
        (b"PK\x03\x04", "a spreadsheet or another archive", EXPORT),
        (b"\xd0\xcf\x11\xe0", "a spreadsheet in an old format", EXPORT),
        (b"%PDF", "a PDF", "ask for the list as CSV"),
        (b"\xff\xfe", "UTF-16", EXPORT),
        (b"\xfe\xff", "UTF-16", EXPORT),
        (b"{", "JSON", "a staff list has one row for each person"),
    ];
    if let Some((_, kind, remedy)) = begins.into_iter().find(|(begin, ..)| bytes.starts_with(begin)) {
        return Some((kind, remedy));
    }
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let separated_by = |separator: u8| first.contains(&separator) && !first.contains(&b',');
    if separated_by(b';') {
        return Some(("a table separated by semicolons", "save it separated by commas"));
    }
    separated_by(b'\t').then_some(("a table separated by tabs", "save it separated by commas"))
}

impl StaffList {
    /// Reads a list: UTF-8, separated by commas, with column names in the first row.
    pub fn read(path: &Path) -> Result<StaffList, ListError> {
        let size = fs::metadata(path)?.len();
        if size > MOST_BYTES {
            return Err(ListError::TooLong(size));
        }
        StaffList::of_bytes(&fs::read(path)?)
    }

    /// Parses the content of a list.
    pub fn of_bytes(bytes: &[u8]) -> Result<StaffList, ListError> {
        // Spreadsheets begin with a byte order mark.
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        if let Some((kind, remedy)) = other_kind(bytes) {
            return Err(ListError::OtherKind(kind, remedy));
        }
        check_quotes(bytes)?;
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(bytes);
        let columns = reader.headers().map_err(|error| not_a_table(bytes, &error))?.clone();
        let place = |name: &str| columns.iter().position(|column| column == name);
        for (at, column) in columns.iter().enumerate() {
            if place(column) != Some(at) {
                return Err(ListError::Column(column.to_owned(), "occurs twice"));
            }
            if ANSWER.contains(&column) {
                return Err(ListError::Column(column.to_owned(), "is reserved for the answers"));
            }
        }
        let (number, family_name) = (place(NUMBER).ok_or(ListError::NoNumbers)?, place(FAMILY_NAME));
        let mut rows = Vec::new();
        for row in reader.records() {
            let row = row.map_err(|error| not_a_table(bytes, &error))?;
            let line = || line(bytes, row.position());
            if row.iter().any(holds_rows) {
                let what = "a quoted cell holds lines with credential numbers: its quote is closed too late";
                return Err(ListError::NotATable { line: line(), what });
            }
            if row.get(number).is_none_or(str::is_empty) {
                return Err(ListError::NoNumber(line()));
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(ListError::NoRows);
        }
        Ok(StaffList { columns, rows, number, family_name })
    }

    /// The number of rows.
    pub fn size(&self) -> usize {
        self.rows.len()
    }

    /// The questions of the rows, in order.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|row| Row {
            credential_number: row.get(self.number).unwrap_or_default(),
            family_name: self.family_name.and_then(|at| row.get(at)).unwrap_or_default(),
        })
    }

    /// Writes the rows with their answers to a new file that only the owner can read.
    pub fn write(&self, path: &Path, results: &[VerificationResult]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(self.text(results)?.as_bytes())?;
        file.sync_all()
    }

    /// The rows with their answers, as CSV.
    pub fn text(&self, results: &[VerificationResult]) -> io::Result<String> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.columns.iter().chain(ANSWER))?;
        for (row, result) in self.rows.iter().zip(results) {
            let answer = answer(result);
            writer.write_record(row.iter().chain(answer.iter().map(String::as_str)))?;
        }
        let bytes = writer.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
        String::from_utf8(bytes).map_err(io::Error::other)
    }
}

/// The line number of a row. The reader's position is before the empty lines that it skips.
fn line(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let before = position.and_then(|position| usize::try_from(position.byte()).ok()).unwrap_or(0).min(bytes.len());
    let empty = bytes[before..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    line_at(bytes, before + empty)
}

fn line_at(bytes: &[u8], place: usize) -> u64 {
    bytes[..place].iter().filter(|byte| **byte == b'\n').count() as u64 + 1
}

/// Refuses quotes that would hide rows. If a quote is never closed, the reader takes all rows after it as one cell. If
/// text follows a closed quote, the next quote in the file may have been meant to open a cell.
fn check_quotes(bytes: &[u8]) -> Result<(), ListError> {
    /// The state of the scan. In a quoted cell, with the position of its opening quote.
    #[derive(Clone, Copy)]
    enum At {
        Begin,
        Bare,
        Quoted(usize),
        Closed(usize),
        Behind(usize),
    }
    let wrong = |place, what| Err(ListError::NotATable { line: line_at(bytes, place), what });
    let mut at = At::Begin;
    for (place, byte) in bytes.iter().enumerate() {
        at = match (at, byte) {
            (At::Begin, b'"') => At::Quoted(place),
            (At::Quoted(from), b'"') => At::Closed(from),
            // A doubled quote stands for one quote.
            (At::Closed(from), b'"') => At::Quoted(from),
            (At::Quoted(from), _) => At::Quoted(from),
            (_, b',' | b'\r' | b'\n') => At::Begin,
            (At::Closed(from) | At::Behind(from), b' ' | b'\t') => At::Behind(from),
            (At::Closed(from) | At::Behind(from), _) => {
                return wrong(from, "text follows a closed quote: double the quotes inside a cell");
            }
            (At::Begin | At::Bare, _) => At::Bare,
        };
    }
    if let At::Quoted(from) = at { wrong(from, "a quote is never closed") } else { Ok(()) }
}

/// Whether a cell contains line breaks followed by text that looks like rows.
fn holds_rows(cell: &str) -> bool {
    let is_number = |cell: &str| cell.trim().get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("CPS"));
    cell.split(['\r', '\n']).skip(1).any(|line| line.split([',', ';', '\t']).any(is_number))
}

fn not_a_table(bytes: &[u8], error: &csv::Error) -> ListError {
    let line = line(bytes, error.position());
    let what = match error.kind() {
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8",
        csv::ErrorKind::UnequalLengths { .. } => "it does not have the same number of columns as the first row",
        _ => "it is not a row of a table",
    };
    ListError::NotATable { line, what }
}

/// The answer columns of a result.
fn answer(result: &VerificationResult) -> [String; 5] {
    let Some(Fared::Verification(verification)) = &result.outcome else {
        let why = why_refused(result).unwrap_or_default().to_owned();
        let [verdict, standing, reasons, as_of] = [const { String::new() }; 4];
        return [verdict, standing, reasons, as_of, why];
    };
    let reasons = verification.reasons.iter().map(|reason| code(*reason, Reason::as_str_name, "REASON_"));
    let as_of = verification.answer.as_ref().and_then(|answer| answer.as_of);
    [
        code(verification.verdict, Verdict::as_str_name, "VERDICT_"),
        verification.standing.map_or(String::new(), |standing| code(standing, Standing::as_str_name, "STANDING_")),
        reasons.collect::<Vec<_>>().join(" "),
        as_of.map_or(String::new(), day),
        String::new(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        StaffList::of_bytes(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn a_list_from_a_spreadsheet_is_read() {
        let text =
            "\u{feff}badge, credential_number ,family_name\r\n7,CPS-0000-0001-Y,\"O'Neal, Jr\"\r\n8, CPS-X ,\r\n";
        let list = StaffList::of_bytes(text.as_bytes()).unwrap();
        let rows: Vec<_> = list.rows().map(|row| (row.credential_number, row.family_name)).collect();
        assert_eq!(rows, [("CPS-0000-0001-Y", "O'Neal, Jr"), ("CPS-X", "")]);
        let unnamed = StaffList::of_bytes(b"credential_number\nCPS-X\n").unwrap();
        assert_eq!(unnamed.rows().next(), Some(Row { credential_number: "CPS-X", family_name: "" }));
    }

    #[test]
    fn a_list_in_another_format_is_refused_with_the_remedy() {
        for (bytes, kind, remedy) in [
            (&b"PK\x03\x04\x14\0"[..], "a spreadsheet", "save it as CSV"),
            (b"\xff\xfec\0r\0", "UTF-16", "save it as CSV"),
            (b"%PDF-1.7", "a PDF", "as CSV"),
            (b"{\"credential_number\": 1}", "JSON", "one row for each person"),
            (b"credential_number;family_name\nCPS-X;Doe\n", "semicolons", "separated by commas"),
            (b"credential_number\tfamily_name\nCPS-X\tDoe\n", "tabs", "separated by commas"),
        ] {
            let refusal = StaffList::of_bytes(bytes).unwrap_err().to_string();
            assert!(refusal.contains(kind) && refusal.contains(remedy), "{refusal}");
        }
        assert!(StaffList::of_bytes(b"credential_number\nCPS-X\n").is_ok(), "one column needs no separator");
    }

    #[test]
    fn a_mistake_is_reported_with_its_line_and_without_its_content() {
        for text in ["number\nCPS-X\n", ""] {
            let message = refusal(text);
            assert!(message.starts_with("the first row has no column `credential_number`: "), "{message}");
        }
        assert_eq!(refusal("credential_number,name\nCPS-X,Doe\n\n,Roe\n"), "line 4: credential_number is empty");
        let short = refusal("credential_number,name\nCPS-X,Doe\nCPS-Y\n");
        assert_eq!(short, "line 3: it does not have the same number of columns as the first row");
        let twice = refusal("credential_number,credential_number\n");
        assert_eq!(twice, "the first row has the column `credential_number`, which occurs twice");
        assert!(refusal("credential_number,verdict\n").ends_with("which is reserved for the answers"));
        assert_eq!(refusal("credential_number,name\r\n"), "the list has no rows");
        let latin = StaffList::of_bytes(b"credential_number,name\nCPS-X,Mu\xf1oz\n").unwrap_err();
        assert_eq!(latin.to_string(), "line 2: it is not UTF-8");
    }

    #[test]
    fn a_quote_hides_no_rows() {
        let never_closed = "credential_number,name,notes\nCPS-X,Doe,\"starts 9/1\nCPS-Y,Roe,ok\nCPS-Z,Poe,ok\n";
        assert_eq!(refusal(never_closed), "line 2: a quote is never closed");
        let by_the_next = "credential_number,notes\nCPS-X,\"a\nCPS-Y,\"b\"\n";
        assert_eq!(
            refusal(by_the_next),
            "line 2: text follows a closed quote: double the quotes inside a cell",
            "the quote that opens the next cell closes this one"
        );
        let too_late = "credential_number,notes\n\nCPS-X,\"a\r\ncps-y,b\"\nCPS-Z,\n";
        assert_eq!(
            refusal(too_late),
            "line 3: a quoted cell holds lines with credential numbers: its quote is closed too late"
        );
        let fine = "credential_number,notes\nCPS-X,\"two\nlines, \"\"quoted\"\"\" \n\"CPS-Y\",6\" tall\nCPS-Z,\"\"\n";
        assert_eq!(StaffList::of_bytes(fine.as_bytes()).unwrap().size(), 3);
    }
}
