//! The columns that a command understands, and how their headings are recognized.

use std::str::FromStr;

use super::error::ListError;
use super::record::{Cell, is_blank};

/// A column that a command understands.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Its short name, as in `--column number="Cert #"`.
    pub key: &'static str,
    /// Its own heading.
    pub name: &'static str,
    /// Other headings for it. Case, spaces and punctuation do not matter; `#`, `no.` and `num` mean `number`.
    pub aliases: &'static [&'static str],
    /// Whether its cells are credential numbers, so that a word cannot be one.
    pub is_number: bool,
}

/// The columns of a command.
#[derive(Debug)]
pub struct Columns {
    /// The columns that the command understands.
    pub known: &'static [Known],
    /// What every row must have: of each group, at least one cell that is not blank.
    pub needs: &'static [&'static [&'static str]],
    /// The headings of the columns that the command adds.
    pub answers: &'static [&'static str],
}

const fn text(key: &'static str, name: &'static str, aliases: &'static [&'static str]) -> Known {
    Known { key, name, aliases, is_number: false }
}

/// The credential number.
pub const NUMBER: Known = Known {
    key: "number",
    name: "credential_number",
    aliases: &["Cert #", "Cert ID", "CPSS #", "CPSS ID", "CPSS Cert #", "CPSSP #", "CPSSP ID", "CPSSP Cert #"],
    is_number: true,
};

/// The number of an earlier certificate.
pub const PRIOR_NUMBER: Known = text(
    "prior_number",
    "prior_number",
    &["Old #", "Former #", "Previous #", "Old Cert #", "Former Cert #", "Previous Cert #", "Prior Cert #"],
);

/// The family name.
pub const FAMILY_NAME: Known = text(
    "family_name",
    "family_name",
    &["Last Name", "Last", "Surname", "LName", "Employee Last Name", "Staff Last Name"],
);

/// The given name.
pub const GIVEN_NAME: Known = text(
    "given_name",
    "given_name",
    &["First Name", "First", "Forename", "FName", "Employee First Name", "Staff First Name"],
);

/// The birth date.
pub const BIRTH_DATE: Known = text("birth_date", "birth_date", &["DOB", "D.O.B.", "Date of Birth", "Birthday"]);

/// The first day of a job.
pub const FIRST_DAY: Known = text(
    "first_day",
    "first_day",
    &["Hire Date", "Date of Hire", "Date Hired", "Hired", "Start Date", "Date Started", "First Day of Work"],
);

/// The position of a job.
pub const POSITION: Known = text("position", "position", &["Job Title", "Title", "Job", "Role"]);

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
}

impl Headings {
    /// Takes a row as the row of column names, if it has the columns that the command needs.
    pub(super) fn of(
        line: u64,
        cells: &[Cell],
        columns: &'static Columns,
        given: &[Given],
    ) -> Result<Option<Headings>, ListError> {
        let cells: Vec<String> = cells.iter().map(|cell| cell.text.trim().to_owned()).collect();
        let found: Vec<Vec<usize>> = columns.known.iter().map(|known| places(known, &cells, given)).collect();
        let has = |key: &&str| columns.known.iter().zip(&found).any(|(known, at)| known.key == *key && !at.is_empty());
        let is_there = |wanted: &Given| {
            let is_it = |known: &Known| wanted.key == known.key || wanted.key == known.name;
            columns.known.iter().zip(&found).any(|(known, at)| is_it(known) && !at.is_empty())
        };
        if !columns.needs.iter().all(|group| group.iter().any(has)) || !given.iter().all(is_there) {
            return Ok(None);
        }
        for (known, at) in columns.known.iter().zip(&found) {
            if let [first, second, ..] = at[..] {
                let (first, second) = (cells[first].clone(), cells[second].clone());
                return Err(ListError::Ambiguous { line, name: known.name, key: known.key, first, second });
            }
        }
        if let Some(reserved) = columns.answers.iter().find(|answer| cells.iter().any(|cell| cell == **answer)) {
            return Err(ListError::Reserved { line, heading: reserved });
        }
        let places = found.into_iter().map(|at| at.first().copied()).collect();
        Ok(Some(Headings { line, cells, columns, places }))
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

/// Refuses a `--column` for a column that the command does not understand.
pub(super) fn check_given(columns: &Columns, given: &[Given]) -> Result<(), ListError> {
    let is_known =
        |wanted: &&Given| !columns.known.iter().any(|known| wanted.key == known.key || wanted.key == known.name);
    match given.iter().find(is_known) {
        None => Ok(()),
        Some(wanted) => {
            let keys: Vec<&str> = columns.known.iter().map(|known| known.key).collect();
            Err(ListError::UnknownKey { key: wanted.key.clone(), keys: keys.join(", ") })
        }
    }
}

/// Where a known column is: under the heading that the user gave, else under its own, else under an alias.
fn places(known: &Known, cells: &[String], given: &[Given]) -> Vec<usize> {
    let equal = |heading: &str| -> Vec<usize> {
        let is_it = |cell: &String| cell.to_lowercase() == heading.to_lowercase();
        cells.iter().enumerate().filter(|(_, cell)| is_it(cell)).map(|(at, _)| at).collect()
    };
    if let Some(wanted) = given.iter().find(|wanted| wanted.key == known.key || wanted.key == known.name) {
        return equal(&wanted.heading);
    }
    let own = equal(known.name);
    if !own.is_empty() {
        return own;
    }
    let names: Vec<String> = known.aliases.iter().chain([&known.name]).map(|name| folded(name)).collect();
    let is_given = |cell: &String| given.iter().any(|wanted| wanted.heading.to_lowercase() == cell.to_lowercase());
    let is_alias = |cell: &String| !is_given(cell) && names.contains(&folded(cell));
    cells.iter().enumerate().filter(|(_, cell)| is_alias(cell)).map(|(at, _)| at).collect()
}

/// A heading without case, spaces and punctuation, in the words of the registry: `Cert #` is `credentialnumber`.
fn folded(heading: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut last = ' ';
    for letter in heading.chars() {
        let begins_word = !last.is_alphanumeric() || last.is_lowercase() && letter.is_uppercase();
        match words.last_mut() {
            _ if letter == '#' => words.push("#".to_owned()),
            Some(word) if letter.is_alphanumeric() && !begins_word => word.extend(letter.to_lowercase()),
            _ if letter.is_alphanumeric() => words.push(letter.to_lowercase().collect()),
            _ => {}
        }
        last = letter;
    }
    let word = |word: &String| match word.as_str() {
        "#" | "no" | "num" | "nr" | "nbr" => "number".to_owned(),
        "cert" | "cred" | "certificate" | "certification" => "credential".to_owned(),
        _ => word.clone(),
    };
    words.iter().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: Columns =
        Columns { known: &[NUMBER, FAMILY_NAME, BIRTH_DATE], needs: &[&["number"]], answers: &["verdict"] };

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
    fn a_column_can_be_named_and_two_that_look_alike_must_be() {
        assert_eq!(number_at(&["Nummer", "Name"], &["number=nummer"]), Some(0));
        assert_eq!(number_at(&["Nummer", "Name"], &["credential_number=Nummer"]), Some(0));
        assert_eq!(number_at(&["Cert #", "CPSS #"], &["number=CPSS #"]), Some(1));
        assert_eq!(number_at(&["Cert #", "CPSS #"], &["number=Badge"]), None);
        assert_eq!(number_at(&["Cert #", "credential_number"], &[]), Some(1), "its own name comes first");
        let error = headings(&["Cert #", "Name", "CPSS #"], &[]).unwrap_err().to_string();
        assert!(error.contains("`Cert #` and `CPSS #`") && error.contains("--column number="), "{error}");
        let error = headings(&["Cert #", "verdict"], &[]).unwrap_err().to_string();
        assert!(error.contains("`verdict`"), "{error}");
    }
}
