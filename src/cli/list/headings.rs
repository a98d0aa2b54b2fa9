//! The row of column names of a list: which of its headings stand for the columns that a command understands.

use std::str::FromStr;

use super::columns::{Columns, Known, folded};
use super::error::ListError;
use super::record::{Cell, is_blank};

/// A `--column NAME=HEADING`: which heading stands for a known column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    key: String,
    heading: String,
}

impl FromStr for Given {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Given, &'static str> {
        let (key, heading) = text.split_once('=').ok_or("not of the form NAME=HEADING, such as number=\"Cert #\"")?;
        if key.trim().is_empty() || heading.trim().is_empty() {
            return Err("NAME or HEADING is empty");
        }
        Ok(Given { key: key.trim().to_owned(), heading: heading.trim().to_owned() })
    }
}

impl Given {
    fn is_for(&self, known: &Known) -> bool {
        self.key == known.key || self.key == known.name
    }

    /// The place of a heading such as `#5`, the fifth column.
    fn position(&self) -> Option<usize> {
        self.heading.strip_prefix('#')?.parse::<usize>().ok()?.checked_sub(1)
    }
}

/// The row of column names of a list.
#[derive(Debug)]
pub struct Headings {
    /// The line that they are in.
    pub line: u64,
    /// The headings as written, trimmed. A nameless column has an empty one.
    pub cells: Vec<String>,
    columns: &'static Columns,
    /// For each known column, where it is.
    places: Vec<Option<usize>>,
    /// The keys of the known columns that are there for certain: a heading does not only make them likely.
    certain: Vec<&'static str>,
}

impl Headings {
    /// Takes a row as the row of column names, if it has the columns that the command needs.
    pub(super) fn of(
        line: u64,
        cells: &[Cell],
        columns: &'static Columns,
        given: &[Given],
    ) -> Result<Option<Headings>, ListError> {
        if !missing(cells, columns, given).is_empty() {
            return Ok(None);
        }
        let cells = headings(cells);
        let found: Vec<Vec<usize>> = columns.known.iter().map(|known| places(known, &cells, given)).collect();
        for (known, at) in columns.known.iter().zip(&found) {
            if let [first, second, ..] = at[..] {
                let remedy = if !columns.has_flags {
                    "rename or remove one of them".to_owned()
                } else if cells[first] == cells[second] {
                    let key = known.key;
                    format!("choose one with --column {key}=#{} or --column {key}=#{}", first + 1, second + 1)
                } else {
                    format!("choose one with --column {}=\"{}\"", known.key, cells[first])
                };
                let (first, second) = (cells[first].clone(), cells[second].clone());
                return Err(ListError::Ambiguous { line, name: known.name, first, second, remedy });
            }
        }
        let reserved = columns.answers.iter().copied().filter(|answer| cells.iter().any(|cell| cell == answer));
        let reserved: Vec<&str> = reserved.collect();
        if !reserved.is_empty() {
            return Err(ListError::Reserved { line, headings: reserved });
        }
        let places = found.into_iter().map(|at| at.first().copied()).collect();
        let is_certain = |known: &&Known| !certain_places(known, &cells, given).is_empty();
        let certain = columns.known.iter().filter(is_certain).map(|known| known.key).collect();
        Ok(Some(Headings { line, cells, columns, places, certain }))
    }

    /// Whether the list has what the command needs without the columns that headings only make likely.
    pub(super) fn is_certain(&self) -> bool {
        self.columns.needs.iter().all(|group| group.iter().any(|key| self.certain.contains(key)))
    }

    /// The column of numbers that the command knows, and where it is. `None`: the command knows none.
    pub(super) fn numbers(&self) -> Option<(&'static Known, Option<usize>)> {
        let at = self.columns.known.iter().position(|known| known.is_number)?;
        Some((&self.columns.known[at], self.places[at]))
    }

    /// Whether a known column is there for certain.
    pub(super) fn is_certainly(&self, known: &Known) -> bool {
        self.certain.contains(&known.key)
    }

    /// Whether no other column of the list can stand in for a known one.
    pub(super) fn is_only_way(&self, known: &Known) -> bool {
        let is_there = |key: &&str| *key != known.key && self.place(key).is_some();
        let mut groups = self.columns.needs.iter().filter(|group| group.contains(&known.key));
        !groups.any(|group| group.iter().any(is_there))
    }

    /// Takes a column for one that is not understood.
    pub(super) fn forget(&mut self, place: usize) {
        for at in self.places.iter_mut().filter(|at| **at == Some(place)) {
            *at = None;
        }
    }

    /// How `--column` names a column. `None`: it has no name, or there is no such flag.
    pub(super) fn for_flag(&self, place: usize) -> Option<String> {
        if !self.columns.has_flags {
            return None;
        }
        let heading = self.cells.get(place).filter(|heading| !is_blank(heading))?;
        let is_unique = self.cells.iter().filter(|cell| cell.to_lowercase() == heading.to_lowercase()).count() == 1;
        Some(if is_unique { format!("\"{heading}\"") } else { format!("#{}", place + 1) })
    }

    /// Where a known column is, if the list has it.
    pub fn place(&self, key: &str) -> Option<usize> {
        let known = self.columns.known.iter().position(|known| known.key == key)?;
        self.places[known]
    }

    /// The known column at a place.
    pub(super) fn known_at(&self, place: usize) -> Option<&'static Known> {
        let known = self.places.iter().position(|at| *at == Some(place))?;
        self.columns.known.get(known)
    }

    /// Whether the heading of a column says that it has numbers of credentials.
    pub(super) fn is_for_numbers(&self, place: usize) -> bool {
        let heading = self.cells.get(place).map(|heading| folded(heading)).unwrap_or_default();
        ["credential", "cpss"].iter().any(|word| heading.contains(word))
    }

    /// The known columns that the list has, with the headings that they have there.
    pub fn understood(&self) -> impl Iterator<Item = (&'static Known, &str)> {
        let known = self.columns.known.iter().zip(&self.places);
        known.filter_map(|(known, at)| Some((known, self.cells.get((*at)?)?.as_str())))
    }

    /// The known columns that the list has and that are part of its digest.
    pub(super) fn digested(&self) -> impl Iterator<Item = &'static Known> {
        self.understood().map(|(known, _)| known).filter(|known| known.is_digested)
    }

    /// The groups of columns of which each row must have one, as far as the list has them.
    pub(super) fn needs(&self) -> impl Iterator<Item = Vec<usize>> {
        self.columns.needs.iter().map(|group| group.iter().filter_map(|key| self.place(key)).collect())
    }

    /// A column for people: its heading, or its number if it has none.
    pub(super) fn shown(&self, place: usize) -> String {
        match self.cells.get(place) {
            Some(heading) if !is_blank(heading) => format!("`{heading}`"),
            _ => (place + 1).to_string(),
        }
    }
}

/// A column that a command needs and that a row of cells does not name.
#[derive(Debug)]
pub(super) struct Missing {
    /// The name of the column, or of all that could stand there.
    pub(super) name: String,
    /// The key of the first of them.
    pub(super) key: &'static str,
}

/// Returns what a row of cells lacks to be the row of column names: columns that the command needs, and headings that
/// the user gave.
pub(super) fn missing(cells: &[Cell], columns: &'static Columns, given: &[Given]) -> Vec<Missing> {
    let cells = headings(cells);
    let has = |known: &&Known| !places(known, &cells, given).is_empty();
    let of_group = |group: &&'static [&'static str]| {
        let known: Vec<_> = columns.known.iter().filter(|known| group.contains(&known.key)).collect();
        let names: Vec<_> = known.iter().map(|known| known.name).collect();
        let key = group.first().copied().unwrap_or_default();
        (!known.iter().any(has)).then(|| Missing { name: names.join(" or "), key })
    };
    let mut missing: Vec<Missing> = columns.needs.iter().filter_map(of_group).collect();
    for wanted in given {
        let known = columns.known.iter().find(|known| wanted.is_for(known));
        if let Some(known) = known.filter(|known| !has(known) && missing.iter().all(|other| other.key != known.key)) {
            missing.push(Missing { name: known.name.to_owned(), key: known.key });
        }
    }
    missing
}

/// The headings in a row of cells.
fn headings(cells: &[Cell]) -> Vec<String> {
    cells.iter().map(|cell| cell.text.trim().to_owned()).collect()
}

/// Refuses a `--column` for a column that the command does not understand.
pub(super) fn check_given(columns: &Columns, given: &[Given]) -> Result<(), ListError> {
    let is_unknown = |wanted: &&Given| !columns.known.iter().any(|known| wanted.is_for(known));
    match given.iter().find(is_unknown) {
        None => Ok(()),
        Some(wanted) => {
            let keys: Vec<&str> = columns.known.iter().map(|known| known.key).collect();
            Err(ListError::UnknownKey { key: wanted.key.clone(), keys: keys.join(", ") })
        }
    }
}

/// Where a known column is, also by a heading that only makes it likely.
fn places(known: &Known, cells: &[String], given: &[Given]) -> Vec<usize> {
    let certain = certain_places(known, cells, given);
    if !certain.is_empty() || given.iter().any(|wanted| wanted.is_for(known)) {
        return certain;
    }
    called(known.likely, cells, given)
}

/// Where a known column is: under the heading or at the position that the user gave, else under its own name or its
/// key, else under an alias.
fn certain_places(known: &Known, cells: &[String], given: &[Given]) -> Vec<usize> {
    let equal = |heading: &str| -> Vec<usize> {
        let is_it = |cell: &String| cell.to_lowercase() == heading.to_lowercase();
        cells.iter().enumerate().filter(|(_, cell)| is_it(cell)).map(|(at, _)| at).collect()
    };
    if let Some(wanted) = given.iter().find(|wanted| wanted.is_for(known)) {
        let by_heading = equal(&wanted.heading);
        let is_named = |place: &usize| cells.get(*place).is_some_and(|cell| !is_blank(cell));
        let position = wanted.position().filter(|place| by_heading.is_empty() && is_named(place));
        return position.map_or(by_heading, |place| vec![place]);
    }
    // A key is a word that may mean something else, unless it is written as the flag has it.
    let by_key = cells.iter().enumerate().filter(|(_, cell)| *cell == known.key).map(|(at, _)| at);
    if let Some(own) = [equal(known.name), by_key.collect()].into_iter().find(|own| !own.is_empty()) {
        return own;
    }
    let names: Vec<&str> = known.aliases.iter().chain([&known.name]).copied().collect();
    called(&names, cells, given)
}

/// The columns with one of these headings, but for those that the user gave for something else.
fn called(names: &[&str], cells: &[String], given: &[Given]) -> Vec<usize> {
    let names: Vec<String> = names.iter().map(|name| folded(name)).collect();
    let is_given = |cell: &String| given.iter().any(|wanted| wanted.heading.to_lowercase() == cell.to_lowercase());
    let is_it = |cell: &String| !is_given(cell) && names.contains(&folded(cell));
    cells.iter().enumerate().filter(|(_, cell)| is_it(cell)).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::list::columns::{BIRTH_DATE, FAMILY_NAME, NUMBER};

    const COLUMNS: Columns = Columns {
        known: &[NUMBER, FAMILY_NAME, BIRTH_DATE],
        needs: &[&["number"]],
        answers: &["verdict"],
        has_flags: true,
    };

    fn headings(cells: &[&str], given: &[&str]) -> Result<Option<Headings>, ListError> {
        let cells: Vec<Cell> = cells.iter().map(|text| Cell::text((*text).to_owned())).collect();
        let given: Vec<Given> = given.iter().map(|text| text.parse().unwrap()).collect();
        Headings::of(1, &cells, &COLUMNS, &given)
    }

    fn number_at(cells: &[&str], given: &[&str]) -> Option<usize> {
        headings(cells, given).unwrap().and_then(|headings| headings.place("number"))
    }

    #[test]
    fn a_heading_is_understood_in_the_usual_spellings() {
        for heading in [
            "Cert #",
            "cert#",
            "CERT NO.",
            "Certificate Number",
            "CredentialNumber",
            "certification_no",
            "CPSS #",
            "Credential ID",
            "CPSS Certification Number",
            " credential_number ",
            "Certificate Num",
        ] {
            assert_eq!(number_at(&["Dept", heading], &[]), Some(1), "{heading}");
        }
        for heading in ["Employee #", "#", "Number", "Phone Number", "Certified", "License #", "Cert Date", ""] {
            assert_eq!(number_at(&["Dept", heading], &[]), None, "{heading}");
        }
        let found = headings(&["Cert #", "LAST NAME", "dob"], &[]).unwrap().unwrap();
        assert_eq!((found.place("family_name"), found.place("birth_date")), (Some(1), Some(2)));
    }

    #[test]
    fn a_heading_that_only_makes_a_column_likely_counts_if_no_other_does() {
        for heading in
            ["Cert", "Cert.", "CERT", "Certification", "Credential", "Credentials", "Peer Cert", "Certificate"]
        {
            assert_eq!(number_at(&["Dept", heading], &[]), Some(1), "{heading}");
            assert_eq!(number_at(&[heading, "Cert #"], &[]), Some(1), "{heading}");
            assert_eq!(number_at(&[heading, "License #"], &["number=License #"]), Some(1), "{heading}");
            let certain = |cells: &[&str], given: &[&str]| headings(cells, given).unwrap().unwrap().is_certain();
            assert!(!certain(&[heading], &[]) && certain(&[heading], &[&format!("number={heading}")]), "{heading}");
        }
        let two = headings(&["Cert", "Credential"], &[]).unwrap_err().to_string();
        assert!(two.contains("`Cert` and `Credential` both look like credential_number"), "{two}");
    }

    #[test]
    fn a_column_can_be_named_and_two_that_look_alike_must_be() {
        assert_eq!(number_at(&["Nummer", "Name"], &["number=nummer"]), Some(0));
        assert_eq!(number_at(&["Nummer", "Name"], &["credential_number=Nummer"]), Some(0));
        assert_eq!(number_at(&["Cert #", "CPSS #"], &["number=CPSS #"]), Some(1));
        assert_eq!(number_at(&["Cert #", "CPSS #"], &["number=Badge"]), None);
        assert_eq!(number_at(&["Cert #", "credential_number"], &[]), Some(1), "its own name comes first");
        let error = headings(&["Cert #", "Name", "CPSS #"], &[]).unwrap_err().to_string();
        assert!(error.contains("`Cert #` and `CPSS #`") && error.contains("--column number="), "{error}");
        assert_eq!(number_at(&["Name", "number"], &[]), Some(1), "the key of the flag");
        let twice = ["Cert #", "Name", "Cert #"];
        let error = headings(&twice, &[]).unwrap_err().to_string();
        assert!(error.contains("--column number=#1 or --column number=#3"), "{error}");
        assert_eq!((number_at(&twice, &["number=#3"]), number_at(&twice, &["number=#4"])), (Some(2), None));
        assert_eq!(number_at(&["#2", "Name"], &["number=#2"]), Some(0), "a heading comes first");
        let error = headings(&["Cert #", "verdict"], &[]).unwrap_err().to_string();
        assert!(error.contains("`verdict`"), "{error}");
    }
}
