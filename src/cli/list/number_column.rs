//! Which column has the credential numbers, as its cells show it.

use super::columns::Known;
use super::error::ListError;
use super::headings::Headings;
use super::record::{is_number, is_written_like_number};
use super::survey::Table;

/// The filled cells of a column, and how many of them are credential numbers.
#[derive(Clone, Copy, Default)]
struct Count {
    filled: u64,
    numbers: u64,
}

impl Count {
    /// Whether the column is one of numbers, and not of something else that may look like a number now and then.
    fn is_of_numbers(self) -> bool {
        self.numbers * 2 > self.filled
    }
}

/// Settles by the cells which column has the numbers, if its heading does not, or if the rows may be asked by other
/// columns. A column whose heading only makes it likely is not read if it has no number. A list is refused if its
/// numbers are in a column that is not read.
pub(super) fn settle(table: &Table, headings: &mut Headings) -> Result<(), ListError> {
    let Some((known, place)) = headings.numbers() else { return Ok(()) };
    let is_certain = headings.is_certainly(known);
    if is_certain && headings.is_only_way(known) {
        return Ok(());
    }
    let is_used = |count: Count| count.numbers > 0 || is_certain && count.filled > 0;
    let Some(counts) = counts(table, headings, |counts| place.is_some_and(|place| is_used(counts[place])))? else {
        return Ok(());
    };
    // Without a column that is only likely, the list has what the command needs.
    if let Some(place) = place.filter(|_| !is_certain && headings.is_certain()) {
        headings.forget(place);
    }
    let is_unread = |place: &usize| headings.known_at(*place).is_none() && counts[*place].is_of_numbers();
    match (0..counts.len()).find(is_unread) {
        Some(place) => Err(unread(headings, known, place)),
        None => Ok(()),
    }
}

/// Counts the cells below the column names. `None`: after some row the counts were enough.
fn counts(
    table: &Table,
    headings: &Headings,
    are_enough: impl Fn(&[Count]) -> bool,
) -> Result<Option<Vec<Count>>, ListError> {
    let mut counts = vec![Count::default(); headings.cells.len()];
    let mut records = table.records();
    while let Some(record) = records.next()? {
        if record.line <= headings.line {
            continue;
        }
        for (count, cell) in counts.iter_mut().zip(&record.cells).filter(|(_, cell)| !cell.is_blank()) {
            count.filled += 1;
            count.numbers += u64::from(is_number(&cell.text) || is_written_like_number(&cell.text));
        }
        if are_enough(&counts) {
            return Ok(None);
        }
    }
    Ok(Some(counts))
}

fn unread(headings: &Headings, known: &Known, place: usize) -> ListError {
    let key = known.key;
    let remedy = match headings.for_flag(place) {
        Some(column) => format!("read it with --column {key}={column}"),
        None => "call it Cert #".to_owned(),
    };
    let remedy = format!("{remedy}, or remove the column if the numbers are of other people");
    ListError::UnreadNumbers { line: headings.line, column: format!("column {}", headings.shown(place)), remedy }
}
