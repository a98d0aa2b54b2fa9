//! Texts side by side, within the width of a terminal.

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

/// A text beside a label is not made narrower than this.
const NARROWEST: usize = 10;

/// The blanks before each column.
const GAP: usize = 2;

/// A table with headings. Cells are wrapped between words to keep the table within `limit` columns of the terminal.
/// Where even that is too wide, each row is a block of lines, so that nothing is left out.
pub fn table(columns: &[&str], rows: &[Vec<String>], limit: Option<usize>) -> String {
    let headings: Vec<String> = columns.iter().map(|name| (*name).replace('_', " ")).collect();
    let cells = |at: usize| rows.iter().filter_map(move |row| row.get(at)).chain(headings.get(at));
    let widest = |at: usize| cells(at).map(|cell| width(cell)).max().unwrap_or(0);
    let longest_word = |at: usize| cells(at).flat_map(|cell| cell.split_whitespace()).map(width).max().unwrap_or(0);
    let columns = (0..columns.len()).map(|at| (widest(at), longest_word(at)));
    let Some(widths) = fitted(columns.collect(), limit) else { return blocks(&headings, rows, limit) };
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    let mut text = String::new();
    for row in [&headings, &rule].into_iter().chain(rows) {
        write_row(&mut text, row, &widths);
    }
    text
}

/// The widths that keep a table within a limit, from the natural and the least width of each column. The widest columns
/// give up most. `None`: no widths do.
fn fitted(columns: Vec<(usize, usize)>, limit: Option<usize>) -> Option<Vec<usize>> {
    let (mut widths, least): (Vec<usize>, Vec<usize>) = columns.into_iter().unzip();
    let Some(limit) = limit else { return Some(widths) };
    while widths.iter().map(|width| GAP + width).sum::<usize>() > limit {
        let can_shrink = widths.iter_mut().zip(&least).filter(|(width, least)| **width > **least);
        *can_shrink.map(|(width, _)| width).max()? -= 1;
    }
    Some(widths)
}

/// Writes the cells of a row side by side, each wrapped to the width of its column.
fn write_row(text: &mut String, row: &[String], widths: &[usize]) {
    let columns: Vec<(usize, Vec<String>)> =
        widths.iter().zip(row).map(|(width, cell)| (*width, wrapped(cell, *width))).collect();
    let height = columns.iter().map(|(_, lines)| lines.len()).max().unwrap_or(0);
    for at in 0..height {
        let mut line = String::new();
        for (columns, lines) in &columns {
            let cell = lines.get(at).map_or("", String::as_str);
            line.push_str(&format!("{}{cell}{}", " ".repeat(GAP), " ".repeat(columns.saturating_sub(width(cell)))));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Each row as lines of a heading and a text. Empty cells are left out.
fn blocks(headings: &[String], rows: &[Vec<String>], limit: Option<usize>) -> String {
    let label = headings.iter().map(|heading| width(heading)).max().unwrap_or(0);
    let mut text = String::new();
    for row in rows {
        for (heading, cell) in headings.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
            text.push_str(&labeled(heading, cell, label, limit));
        }
        text.push('\n');
    }
    text
}

/// A label and a text in two columns. The text is wrapped to the limit.
pub fn labeled(label: &str, text: &str, label_width: usize, limit: Option<usize>) -> String {
    let room = limit.map_or(usize::MAX, |limit| limit.saturating_sub(2 * GAP + label_width).max(NARROWEST));
    let mut out = String::new();
    write_row(&mut out, &[label.to_owned(), text.to_owned()], &[label_width, room.min(width(text))]);
    out
}

/// Wraps a text into lines of at most `limit` columns: between words, and within a word only where it is longer.
pub fn wrapped(text: &str, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.extend(pieces(word, limit)),
        }
    }
    lines
}

/// A sentence within the width of the terminal.
pub fn sentence(text: &str, limit: Option<usize>) -> String {
    limit.map_or_else(|| text.to_owned(), |limit| wrapped(text, limit.max(NARROWEST)).join("\n"))
}

fn pieces(word: &str, limit: usize) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for character in word.chars() {
        if let Some(piece) = pieces.last_mut().filter(|piece| width(piece) + columns_of(character) <= limit) {
            piece.push(character);
        } else {
            pieces.push(character.to_string());
        }
    }
    pieces
}

/// The number of columns that a text takes on a terminal.
fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

/// Marks and joiners take no column of their own.
fn columns_of(character: char) -> usize {
    use GeneralCategory::{EnclosingMark, Format, NonspacingMark};
    let takes_none =
        !character.is_ascii() && matches!(character.general_category(), NonspacingMark | EnclosingMark | Format);
    usize::from(!takes_none)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<String>> {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        vec![
            row(["CPS-DTMK-QJA9-B", "Ada Merriweather", "peer support specialist, nights and weekends"]),
            row(["CPS-28MS-MN2K-Z", "Faye Nu\u{301}n\u{303}ez", ""]),
        ]
    }

    const COLUMNS: [&str; 3] = ["credential_number", "name", "position"];

    #[test]
    fn a_table_has_its_natural_width_where_there_is_room() {
        let expected = [
            "  credential number  name              position",
            "  -----------------  ----------------  --------------------------------------------",
            "  CPS-DTMK-QJA9-B    Ada Merriweather  peer support specialist, nights and weekends",
            "  CPS-28MS-MN2K-Z    Faye Nu\u{301}n\u{303}ez",
        ];
        assert_eq!(table(&COLUMNS, &rows(), None).lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn every_line_keeps_to_the_terminal_and_nothing_is_left_out() {
        for limit in 32..100 {
            let text = table(&COLUMNS, &rows(), Some(limit));
            assert!(text.lines().all(|line| width(line) <= limit), "{limit}:\n{text}");
            let letters = |text: &str| text.chars().filter(|letter| letter.is_alphanumeric()).count();
            let cells: usize = rows().iter().flatten().map(|cell| letters(cell)).sum();
            assert!(letters(&text) >= cells, "{limit}:\n{text}");
        }
    }

    #[test]
    fn a_label_and_its_text_are_wrapped_beside_each_other() {
        let text = labeled("note", "So far: employers may still report about that day.", 12, Some(40));
        assert_eq!(
            text,
            "  note          So far: employers may\n                still report about that\n                day.\n"
        );
        assert_eq!(labeled("note", "short", 12, None), "  note          short\n");
    }
}
