//! The rows of a CSV table, one by one and exactly as written.

use super::encoding::{Bytes, Encoding, More, Text};
use super::error::ListError;
use super::record::{Cell, Record};

/// The maximum length of a row. A longer one has a quote that is not closed.
const LONGEST_ROW: usize = 1024 * 1024;

/// The rows of a text.
#[derive(Debug)]
pub struct TextRecords {
    text: Text,
    separator: u8,
    /// What was read and not yet returned, from `at` on.
    buffer: String,
    at: usize,
    /// The line of the next row.
    line: u64,
    is_at_end: bool,
    is_malformed: bool,
}

impl TextRecords {
    /// The rows of a list, with a separator of cells.
    pub fn of(bytes: &Bytes, encoding: Encoding, separator: u8) -> TextRecords {
        TextRecords {
            text: Text::of(bytes, encoding),
            separator,
            buffer: String::new(),
            at: 0,
            line: 1,
            is_at_end: false,
            is_malformed: false,
        }
    }

    /// The next row.
    pub fn next(&mut self) -> Result<Option<Record>, ListError> {
        loop {
            let rest = &self.buffer[self.at..];
            match scan(rest, self.separator, self.is_at_end) {
                Scanned::Row { cells, text, end, breaks } => {
                    let record = Record { line: self.line, text: rest[..text].to_owned(), end, cells };
                    self.line += breaks;
                    self.at += text + end.len();
                    return Ok(Some(record));
                }
                Scanned::End => return Ok(None),
                Scanned::Wrong { place, what } => return Err(ListError::not_a_table(self.line_at(place), what)),
                Scanned::More { quote: Some(place) } if rest.len() > LONGEST_ROW => {
                    return Err(ListError::not_a_table(self.line_at(place), NEVER_CLOSED));
                }
                Scanned::More { quote: None } if rest.len() > LONGEST_ROW => {
                    return Err(ListError::not_a_table(self.line, "a row has more than 1 MiB"));
                }
                Scanned::More { .. } => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> Result<(), ListError> {
        if self.is_malformed {
            let line = self.line_at(self.buffer.len() - self.at);
            return Err(ListError::not_a_table(line, format!("it is not {}", self.text.encoding().name())));
        }
        self.buffer.drain(..self.at);
        self.at = 0;
        // Twice as much as there is, so that a long row is not scanned again for every piece.
        let enough = self.buffer.len() * 2;
        loop {
            match self.text.read(&mut self.buffer)? {
                More::Read if self.buffer.len() < enough => {}
                More::Read => return Ok(()),
                More::End => {
                    self.is_at_end = true;
                    return Ok(());
                }
                // The rows before it are returned first.
                More::Malformed => {
                    self.is_malformed = true;
                    return Ok(());
                }
            }
        }
    }

    /// The line of a place behind the beginning of the next row.
    fn line_at(&self, place: usize) -> u64 {
        let before = self.buffer.get(self.at..self.at + place).unwrap_or_default();
        self.line + breaks(before)
    }
}

/// The number of line breaks in a text: CR LF, LF, or CR alone.
fn breaks(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let is_break = |at: &usize| match bytes[*at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    (0..bytes.len()).filter(is_break).count() as u64
}

/// What the scan of a row finds.
enum Scanned {
    /// A row, the length of its text, its line end, and how many lines it has.
    Row { cells: Vec<Cell>, text: usize, end: &'static str, breaks: u64 },
    /// The row does not end in what was read. If a quote is open, where.
    More { quote: Option<usize> },
    /// There is no further row.
    End,
    /// It is not a row.
    Wrong { place: usize, what: &'static str },
}

const NEVER_CLOSED: &str = "a quote is never closed: close it, or double the quotes inside a cell";
const BEHIND_QUOTE: &str = "text follows a closed quote: double the quotes inside a cell";

/// The state of the scan. In or behind a quoted cell, with the place of its opening quote.
#[derive(Clone, Copy)]
enum At {
    Begin,
    Bare,
    Quoted(usize),
    Closed(usize),
    Behind(usize),
}

/// Scans one row. A quote that would hide rows is an error: if it is never closed, all rows behind it are one cell; if
/// text follows a closed quote, the next quote may have been meant to open a cell.
fn scan(text: &str, separator: u8, is_at_end: bool) -> Scanned {
    let bytes = text.as_bytes();
    let (mut at, mut begin, mut cells) = (At::Begin, 0, Vec::new());
    for (place, byte) in bytes.iter().copied().enumerate() {
        at = match at {
            At::Quoted(from) if byte == b'"' => At::Closed(from),
            At::Quoted(from) => At::Quoted(from),
            // A doubled quote stands for one quote.
            At::Closed(from) if byte == b'"' => At::Quoted(from),
            _ if byte == separator => {
                cells.push(cell(&text[begin..place]));
                begin = place + 1;
                At::Begin
            }
            _ if byte == b'\r' || byte == b'\n' => {
                let end = match (byte, bytes.get(place + 1)) {
                    (b'\n', _) => "\n",
                    (_, Some(b'\n')) => "\r\n",
                    (_, None) if !is_at_end => return Scanned::More { quote: None },
                    _ => "\r",
                };
                cells.push(cell(&text[begin..place]));
                return Scanned::Row { cells, text: place, end, breaks: breaks(&text[..place]) + 1 };
            }
            At::Begin if byte == b'"' => At::Quoted(place),
            At::Begin if byte == b' ' || byte == b'\t' => At::Begin,
            At::Closed(from) | At::Behind(from) if byte == b' ' || byte == b'\t' => At::Behind(from),
            At::Closed(from) | At::Behind(from) => return Scanned::Wrong { place: from, what: BEHIND_QUOTE },
            At::Begin | At::Bare => At::Bare,
        };
    }
    match at {
        At::Quoted(from) if is_at_end => Scanned::Wrong { place: from, what: NEVER_CLOSED },
        At::Quoted(from) => Scanned::More { quote: Some(from) },
        _ if !is_at_end => Scanned::More { quote: None },
        _ if text.is_empty() => Scanned::End,
        _ => {
            cells.push(cell(&text[begin..]));
            Scanned::Row { cells, text: text.len(), end: "", breaks: breaks(text) }
        }
    }
}

/// A cell without its quotes.
fn cell(written: &str) -> Cell {
    let trimmed = written.trim_matches([' ', '\t']);
    let quoted = trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    Cell::text(quoted.map_or_else(|| written.to_owned(), |inside| inside.replace("\"\"", "\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(text: &str, separator: u8) -> Result<Vec<Record>, ListError> {
        let bytes = Bytes::Held(text.as_bytes().into());
        let mut records = TextRecords::of(&bytes, Encoding::of(&bytes)?, separator);
        let mut rows = Vec::new();
        while let Some(row) = records.next()? {
            rows.push(row);
        }
        Ok(rows)
    }

    fn cells(row: &Record) -> Vec<&str> {
        row.cells.iter().map(|cell| cell.text.as_str()).collect()
    }

    #[test]
    fn rows_are_read_as_written_with_every_line_end() {
        let text = "a, \"b, \"\"B\"\"\" ,c\"\r\nd,\"e\r\nf\"\n\n\"\",\rlast";
        let rows = rows_of(text, b',').unwrap();
        let read: Vec<_> = rows.iter().map(|row| (row.line, cells(row), row.end)).collect();
        assert_eq!(
            read,
            [
                (1, vec!["a", "b, \"B\"", "c\""], "\r\n"),
                (2, vec!["d", "e\r\nf"], "\n"),
                (4, vec![""], "\n"),
                (5, vec!["", ""], "\r"),
                (6, vec!["last"], ""),
            ]
        );
        let written: String = rows.iter().map(|row| format!("{}{}", row.text, row.end)).collect();
        assert_eq!(written, text);
    }

    #[test]
    fn every_separator_divides_cells() {
        for separator in [',', ';', '\t', '|'] {
            let row = &rows_of(&format!("a{separator}\"b{separator}\"{separator}"), u8::try_from(separator).unwrap())
                .unwrap()[0];
            assert_eq!(cells(row), ["a", &format!("b{separator}"), ""]);
        }
    }

    #[test]
    fn a_row_may_lie_across_two_reads() {
        let row = format!("{},\"{}\"\r\n", "x".repeat(70_000), "ñ\n".repeat(100_000));
        let text = row.repeat(3);
        let rows = rows_of(&text, b',').unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [1, 100_002, 200_003]);
        assert!(rows.iter().all(|row| format!("{}\r\n", row.text) == text[..text.len() / 3]));
    }

    #[test]
    fn a_quote_that_would_hide_rows_is_an_error_with_its_line() {
        let error = |text: &str| rows_of(text, b',').unwrap_err().to_string();
        assert_eq!(error("a,b\nc,\"d\ne,f\n"), format!("line 2: {NEVER_CLOSED}"));
        assert_eq!(error("a,b\nc,\"d\ne,\"f\"\n"), format!("line 2: {BEHIND_QUOTE}"));
        assert_eq!(error("a\r\"b\rc\r\"d\r"), format!("line 2: {BEHIND_QUOTE}"));
        let long = format!("a\n\"{}", "b\n".repeat(LONGEST_ROW));
        assert_eq!(error(&long), format!("line 2: {NEVER_CLOSED}"));
        assert_eq!(error(&format!("{long}\"\n")), format!("line 2: {NEVER_CLOSED}"));
        assert_eq!(error(&"b".repeat(3 * LONGEST_ROW)), "line 1: a row has more than 1 MiB");
    }

    #[test]
    fn bytes_of_another_encoding_are_an_error_with_their_line() {
        let bytes = Bytes::Held(b"\xEF\xBB\xBFa\nb\nc\xf1d\n"[..].into());
        let mut records = TextRecords::of(&bytes, Encoding::MARKED_UTF_8, b',');
        assert_eq!(records.next().unwrap().unwrap().text, "a");
        assert_eq!(records.next().unwrap().unwrap().text, "b");
        assert_eq!(records.next().unwrap_err().to_string(), "line 3: it is not UTF-8");
    }
}
