//! The order in which the rows are sent.
//!
//! A row can be sent once the rows that it names have their ids from the registry. The rows of one person are sent
//! near each other: the registry then still has the person's file in memory, and need not read it for each row.

use std::collections::HashMap;
use std::iter::Peekable;

use super::kind::{Kind, SOURCE_ID};
use super::source::{File, Source};
use crate::cli::list::{ListError, Row};

/// How many people later the rows that name a person are sent, and again as many later those that name a credential:
/// the registry has answered the named row by then.
const LATER: usize = 256;

/// The rows of a group of files, in the order in which they are sent.
pub type Rows<'a> = Peekable<Box<dyn Iterator<Item = Result<(&'a File, Row), ListError>> + 'a>>;

/// When a row is sent, compared with the others.
type Place = (usize, usize, (i32, i32, i32), Kind, u64);

/// The positions of the people in their file, by the source ids of the rows that others name.
#[derive(Default)]
struct People {
    specialists: HashMap<String, usize>,
    credentials: HashMap<String, usize>,
}

impl People {
    /// The place of a row. Rows must be added in the order of the files.
    fn add(&mut self, kind: Kind, row: &Row) -> Place {
        // No row names the person: the row is bad.
        let missing = usize::MAX - 2 * LATER;
        let (person, later) = match kind {
            Kind::Specialists => (self.specialists.len(), 0),
            Kind::Terms | Kind::Designations | Kind::Acts => {
                (self.credentials.get(row.text("credential")).copied().unwrap_or(missing), 2 * LATER)
            }
            _ => (self.specialists.get(row.text("specialist")).copied().unwrap_or(missing), LATER),
        };
        match kind {
            Kind::Specialists => drop(self.specialists.insert(row.text(SOURCE_ID).to_owned(), person)),
            Kind::Credentials => drop(self.credentials.insert(row.text(SOURCE_ID).to_owned(), person)),
            _ => {}
        }
        let event = row.date(kind.first_day()).ok().flatten().filter(|_| later > LATER);
        (person + later, person, event.map_or((0, 0, 0), |day| (day.year, day.month, day.day)), kind, row.line())
    }
}

/// Returns the rows of a group of files, without those that are left out. The events of a credential are sent in the
/// order of their days, terms first, because they depend on each other.
pub fn rows<'a>(source: &'a Source, kinds: &'static [Kind]) -> Result<Rows<'a>, ListError> {
    let files = source.files.iter().filter(|file| kinds.contains(&file.kind));
    let rows = files.flat_map(|file| file.list.rows().map(move |row| Ok((file, row?))));
    let rows = rows.filter(|row| !matches!(row, Ok((_, row)) if row.left_out().is_some()));
    if kinds.len() == 1 {
        let rows: Box<dyn Iterator<Item = _>> = Box::new(rows);
        return Ok(rows.peekable());
    }
    let (mut people, mut placed) = (People::default(), Vec::new());
    placed.reserve_exact(usize::try_from(source.rows(kinds)).unwrap_or_default());
    for row in rows {
        let (file, row) = row?;
        placed.push((people.add(file.kind, &row), file, row));
    }
    placed.sort_unstable_by_key(|(place, ..)| *place);
    let rows: Box<dyn Iterator<Item = _>> = Box::new(placed.into_iter().map(|(_, file, row)| Ok((file, row))));
    Ok(rows.peekable())
}
