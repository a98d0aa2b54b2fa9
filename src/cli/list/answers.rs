//! The list with its answers: each row as it was written, and the answers behind it.

use std::io::{self, Write};

use super::encoding::Encoding;
use super::row::Row;

/// Writes a list with its answers.
#[derive(Debug)]
pub struct AnswerWriter<W> {
    out: W,
    encoding: Encoding,
    separator: char,
    /// The number of cells of a row, before the answers.
    width: usize,
}

/// What the writer writes first.
#[derive(Debug)]
pub(super) struct Head<'a> {
    /// The rows above the column names, with their line ends.
    pub(super) above: &'a str,
    /// The row of column names, without its line end.
    pub(super) headings: &'a str,
    /// The line end of that row.
    pub(super) end: &'static str,
    /// The number of column names.
    pub(super) columns: usize,
}

impl<W: Write> AnswerWriter<W> {
    pub(super) fn begin(
        mut out: W,
        encoding: Encoding,
        separator: char,
        width: usize,
        head: &Head<'_>,
        answers: &[&str],
    ) -> io::Result<AnswerWriter<W>> {
        out.write_all(&encoding.marked(head.above)?)?;
        let mut writer = AnswerWriter { out, encoding, separator, width };
        writer.write_line(head.headings, head.columns, answers.iter().copied(), head.end)?;
        Ok(writer)
    }

    /// Writes a row. A row that is left out gets no answers.
    pub fn write<'a>(&mut self, row: &Row, answers: impl IntoIterator<Item = &'a str>) -> io::Result<()> {
        let (text, end) = row.written();
        if row.left_out().is_some() {
            let bytes = self.encoding.encoded(&format!("{text}{end}"))?;
            return self.out.write_all(&bytes);
        }
        self.write_line(text, row.width(), answers.into_iter(), end)
    }

    fn write_line<'a>(
        &mut self,
        text: &str,
        cells: usize,
        answers: impl Iterator<Item = &'a str>,
        end: &str,
    ) -> io::Result<()> {
        let mut line = text.to_owned();
        line.extend(std::iter::repeat_n(self.separator, self.width.saturating_sub(cells)));
        for answer in answers {
            line.push(self.separator);
            line.push_str(&cell_text(answer, self.separator));
        }
        line.push_str(end);
        self.out.write_all(&self.encoding.encoded(&line)?)
    }

    /// Ends the list.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// What a spreadsheet takes for the beginning of a formula.
const BEGIN_FORMULAS: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];

/// The text of a cell that [`cell_text`] wrote.
pub fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|text| text.starts_with(BEGIN_FORMULAS)).unwrap_or(text)
}

/// A text as a cell that no spreadsheet takes for a formula.
pub fn cell_text(text: &str, separator: char) -> String {
    let guard = if text.starts_with(BEGIN_FORMULAS) { "'" } else { "" };
    let must_quote = |letter: char| letter == separator || matches!(letter, '"' | '\r' | '\n');
    if text.contains(must_quote) || text.starts_with(' ') || text.ends_with(' ') {
        format!("\"{guard}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{guard}{text}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_is_a_formula() {
        for (text, cell) in [
            ("=1+1", "'=1+1"),
            ("@a", "'@a"),
            ("+1", "'+1"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("＝1", "'＝1"),
            ("＋1", "'＋1"),
            ("－1", "'－1"),
            ("＠1", "'＠1"),
            ("-1,\"2\"", "\"'-1,\"\"2\"\"\""),
            ("a;b", "a;b"),
            ("a,b", "\"a,b\""),
            ("a\nb", "\"a\nb\""),
            ("", ""),
        ] {
            assert_eq!(cell_text(text, ','), cell);
        }
        assert_eq!(cell_text("a;b", ';'), "\"a;b\"");
        for text in ["=1+1", "@a", "'a", "a"] {
            assert_eq!(unguarded(&cell_text(text, ',')), text);
        }
    }
}
