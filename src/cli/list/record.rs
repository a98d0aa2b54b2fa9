//! A row of a table as it was read, before anything in it is understood.

use jiff::civil::Date;

use crate::domain::id::CredentialNumber;
use crate::domain::text::is_hidden;

/// A row of a table.
#[derive(Clone, Debug)]
pub struct Record {
    /// The line that it begins in, starting at 1. In a workbook: the row of the sheet.
    pub line: u64,
    /// The row as written, without its line end.
    pub text: String,
    /// Its line end. Empty: the text ends with the row.
    pub end: &'static str,
    /// The cells, without quotes.
    pub cells: Vec<Cell>,
}

/// A cell.
#[derive(Clone, Debug)]
pub struct Cell {
    /// The text, untrimmed.
    pub text: String,
    /// What the cell is.
    pub kind: CellKind,
}

/// What a cell is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "workbooks"), expect(dead_code, reason = "a CSV table has text alone"))]
pub enum CellKind {
    /// Text, as in every CSV table.
    Text,
    /// A number of a workbook.
    Number,
    /// A date of a workbook.
    Date(Date),
    /// An error value of a workbook, such as `#N/A`.
    Error,
    /// A formula of a workbook that was saved without its value.
    NoValue,
}

impl Cell {
    /// A cell of text.
    pub fn text(text: String) -> Cell {
        Cell { text, kind: CellKind::Text }
    }

    /// Whether there is nothing to see in the cell.
    pub fn is_blank(&self) -> bool {
        self.kind != CellKind::NoValue && is_blank(&self.text)
    }
}

impl Record {
    /// Whether there is nothing to see in the row.
    pub fn is_blank(&self) -> bool {
        self.cells.iter().all(Cell::is_blank)
    }

    /// Whether the row reads like a sum at the end of a list: its first cell begins with such a word.
    pub fn begins_like_totals(&self) -> bool {
        self.cells.iter().find(|cell| !cell.is_blank()).is_some_and(|cell| is_totals_word(&cell.text))
    }
}

/// Whether a text has nothing that can be seen.
pub fn is_blank(text: &str) -> bool {
    let is_joiner = |letter: char| matches!(letter, '\u{AD}' | '\u{200C}' | '\u{200D}');
    text.chars().all(|letter| letter.is_whitespace() || is_hidden(letter) || is_joiner(letter))
}

fn is_totals_word(text: &str) -> bool {
    const WORDS: [&str; 5] = ["grand total", "subtotal", "total", "sum", "count"];
    let text = text.trim().to_lowercase();
    WORDS.iter().filter_map(|word| text.strip_prefix(word)).any(|rest| {
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        !rest.starts_with(char::is_alphabetic)
    })
}

/// Whether a text looks like a credential number: it has the prefix and as many symbols, or the groups and the check
/// character. Nine letters or digits alone may be a word or another number.
pub fn looks_like_number(text: &str) -> bool {
    let text = text.trim();
    let symbols = || text.chars().filter(|letter| letter.is_alphanumeric()).count();
    let begins = begins_with_prefix(text) && prefixes(text).next() == Some(0);
    begins && symbols() == 12 || is_grouped(text.chars()) && text.parse::<CredentialNumber>().is_ok()
}

/// Whether a text is a credential number in any spelling, and its check character is right.
pub fn is_number(text: &str) -> bool {
    text.parse::<CredentialNumber>().is_ok()
}

/// Whether a text is written like a credential number, also with a typing error: it begins with the prefix and a sign,
/// and has a digit.
pub fn is_written_like_number(text: &str) -> bool {
    let text = text.trim();
    looks_like_number(text) || prefixes(text).next() == Some(0) && text.contains(char::is_numeric)
}

/// Whether a text has a credential number somewhere, also glued to other text, as where a line end is lost.
pub fn has_number(text: &str) -> bool {
    let is_written = |at: usize| {
        let mut behind = text[at..].chars().skip(3);
        behind.next().is_some_and(is_dash) && is_grouped(behind)
    };
    prefixes(text).any(is_written) || text.split_whitespace().any(looks_like_number) || looks_like_number(text)
}

fn is_dash(letter: char) -> bool {
    matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{A0}')
}

/// Whether letters begin with the groups of a number without its prefix: 7K3M-9QRT-X.
fn is_grouped(mut letters: impl Iterator<Item = char>) -> bool {
    let is_symbols = |letters: &mut dyn Iterator<Item = char>, count: usize| {
        letters.take(count).filter(|letter| letter.is_alphanumeric()).count() == count
    };
    is_symbols(&mut letters, 4)
        && letters.next().is_some_and(is_dash)
        && is_symbols(&mut letters, 4)
        && letters.next().is_some_and(is_dash)
        && is_symbols(&mut letters, 1)
}

/// Where a text has the prefix of a credential number, with a dash or another sign behind it.
fn prefixes(text: &str) -> impl Iterator<Item = usize> {
    let is_prefix = move |at: &usize| {
        let rest = text.as_bytes().get(*at..*at + 3);
        let behind = || text.get(*at + 3..).and_then(|rest| rest.chars().next());
        let is_sign = |next: char| !next.is_alphanumeric() && (!next.is_whitespace() || next == '\u{A0}');
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(b"CPS")) && behind().is_some_and(is_sign)
    };
    (0..text.len()).filter(is_prefix)
}

fn begins_with_prefix(text: &str) -> bool {
    text.trim_start().get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case("CPS"))
}

/// Whether a text is a word or a sign where a credential number should be: it has no digit, no prefix, and not the nine
/// symbols of a number.
pub fn is_word(text: &str) -> bool {
    let symbols = text.chars().filter(|letter| letter.is_alphanumeric()).count();
    !begins_with_prefix(text) && !text.contains(char::is_numeric) && symbols != 9
}

/// Whether a cell holds whole rows behind a line break, because its quote is closed too late. A line looks like a row
/// if it has a number, or as many cells as there are columns; where those are two, one of them must look like some
/// number.
pub fn holds_rows(text: &str, separator: Option<char>, columns: usize) -> bool {
    let looks_like_some_number = |cell: &str| {
        let cell = cell.trim();
        cell.len() > 5 && cell.contains(char::is_numeric) && !cell.contains(char::is_whitespace)
    };
    let looks_like_row = |line: &str| {
        let mut cells = line.split(|letter| Some(letter) == separator);
        let is_wide = cells.clone().count() >= columns.max(2);
        is_wide && (columns > 2 || cells.clone().any(looks_like_some_number))
            || cells.any(|cell| looks_like_number(cell) || prefixes(cell).next().is_some())
    };
    text.split(['\r', '\n']).skip(1).any(looks_like_row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_recognized_by_its_first_word() {
        for text in ["Total", "TOTALS: 3", "total 2 staff", "Subtotal", "Sum of hours", "Count=5", " Grand Total "] {
            assert!(is_totals_word(text), "{text}");
        }
        for text in ["Sumner", "Countess", "Totally", "CPS-DTMK-QJA9-B", "", "the total"] {
            assert!(!is_totals_word(text), "{text}");
        }
    }

    #[test]
    fn a_word_is_not_a_number_and_a_mistyped_number_is_not_a_word() {
        for text in ["pending", "N/A", "-", "see HR", "none"] {
            assert!(is_word(text) && !looks_like_number(text), "{text}");
        }
        for text in ["CPS-DTMK-QJA-B", "cps", "12345", "DTMKAQJAB", "Total: 2"] {
            assert!(!is_word(text), "{text}");
        }
        for text in ["CPS-DTMK-QJA9-B", "dtmk-qja9-b", "CPS-DTMK QJA9 B", "CPS-DTMK-QJA9-C"] {
            assert!(looks_like_number(text), "{text}");
        }
        for text in ["CPS refresher", "CPS report of 3/2", "Merriweather", "DTMKQJA9B", "123-45-6789", ""] {
            assert!(!looks_like_number(text), "{text}");
        }
    }

    #[test]
    fn a_number_is_found_in_other_text() {
        assert!(has_number("Total CPS-DTMK-QJA9-B") && has_number("dtmk-qja9-b"));
        assert!(has_number("Name\"CPS-DTMK-QJA9-B\",\"Poe") && !has_number("CPS report, CPS-1"));
        assert!(has_number("okCPS-DTMK-QJA9-Bok") && has_number("ok\"CPS–DTMK–QJA9–B\","));
        assert!(!has_number("the CPS report") && !has_number("CPS-certification") && !has_number("CPS-1"));
    }

    #[test]
    fn rows_in_a_cell_are_found() {
        assert!(holds_rows("a\r\ncps-y,b", Some(','), 3));
        assert!(holds_rows("a\ndtmk-qja9-b", Some(','), 3));
        assert!(holds_rows("a\nx,y,z", Some(','), 3));
        assert!(holds_rows("a\nDTMK-QJA9,b", Some(','), 2));
        assert!(!holds_rows("two\nlines, \"quoted\"", Some(','), 2));
        assert!(!holds_rows("a, b, c\nCPS report, filed", Some(','), 3));
        assert!(!holds_rows("CPS-DTMK-QJA9-B, once", Some(','), 2));
    }
}
