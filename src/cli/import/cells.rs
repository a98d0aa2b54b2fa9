//! Reads the cells of a row. Reading continues after a fault, so that all faults of a row are reported at once.

use super::ids::Ids;
use super::kind::Kind;
use crate::cli::list::{Fault, Row};
use crate::proto::google::r#type::Date;

/// A value of the contract that a cell names.
pub struct Word {
    /// Its name in the contract, without the prefix of its enum.
    pub name: &'static str,
    /// Its number.
    pub number: i32,
}

/// The values of an enum of the contract, in the order of their numbers.
pub fn words<E: TryFrom<i32>>(name: fn(&E) -> &'static str, prefix: &'static str) -> impl Iterator<Item = Word> {
    let value = move |number| {
        let value = E::try_from(number).ok()?;
        Some(Word { name: name(&value).trim_start_matches(prefix), number })
    };
    (1..).map_while(value)
}

/// The days that a row names, by column.
pub type Days = Vec<(&'static str, Date)>;

/// The cells of a row, and what is wrong with them so far.
pub struct Cells<'a> {
    row: &'a Row,
    ids: &'a Ids,
    faults: Vec<Fault>,
    days: Days,
}

impl<'a> Cells<'a> {
    /// Begins with the faults that the reader of lists found.
    pub fn of(row: &'a Row, ids: &'a Ids) -> Cells<'a> {
        Cells { row, ids, faults: row.faults().to_vec(), days: Vec::new() }
    }

    /// The value that was read and the days in the row, if nothing is wrong; else all faults.
    pub fn finish<T>(self, value: T) -> Result<(T, Days), Vec<Fault>> {
        if self.faults.is_empty() { Ok((value, self.days)) } else { Err(self.faults) }
    }

    /// Notes a fault.
    pub fn refuse(&mut self, column: &str, remedy: impl Into<String>) {
        self.faults.push(self.row.fault(column, remedy));
    }

    /// A text. Empty: the cell is blank.
    pub fn text(&self, column: &str) -> String {
        self.row.text(column).to_owned()
    }

    /// A day. None: the cell is blank, or not a day.
    pub fn day(&mut self, column: &'static str) -> Option<Date> {
        match self.row.date(column) {
            Ok(day) => {
                self.days.extend(day.map(|day| (column, day)));
                day
            }
            Err(fault) => {
                self.faults.push(fault);
                None
            }
        }
    }

    /// The id in the registry of the row that a cell names.
    pub fn named(&mut self, column: &'static str) -> String {
        let Some(kind) = Kind::named_by(column) else { return String::new() };
        let source_id = self.row.text(column);
        if source_id.is_empty() {
            // The reader of lists has reported the blank cell.
            return String::new();
        }
        match self.ids.of(kind, source_id) {
            Ok(id) => id.to_owned(),
            Err(remedy) => {
                self.refuse(column, remedy);
                String::new()
            }
        }
    }

    /// One of some words. 0: the cell is blank, or has another word.
    pub fn word<E: TryFrom<i32>>(
        &mut self,
        column: &'static str,
        name: fn(&E) -> &'static str,
        prefix: &'static str,
    ) -> i32 {
        let text = self.text(column);
        if text.is_empty() { 0 } else { self.one_of(column, &text, words(name, prefix)) }
    }

    fn one_of(&mut self, column: &str, text: &str, words: impl Iterator<Item = Word>) -> i32 {
        let mut names = Vec::new();
        for word in words {
            if folded(word.name) == folded(text) {
                return word.number;
            }
            names.push(word.name);
        }
        self.refuse(column, format!("write one of {}", names.join(", ")));
        0
    }

    /// A list of words.
    pub fn words<E: TryFrom<i32>>(
        &mut self,
        column: &'static str,
        name: fn(&E) -> &'static str,
        prefix: &'static str,
    ) -> Vec<i32> {
        let texts = self.list(column);
        texts.iter().map(|text| self.one_of(column, text, words(name, prefix))).filter(|number| *number != 0).collect()
    }

    /// The parts of a cell, which semicolons separate.
    pub fn list(&self, column: &str) -> Vec<String> {
        let parts = self.row.text(column).split(';').map(str::trim);
        parts.filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// Yes or no. No: the cell is blank.
    pub fn yes(&mut self, column: &str) -> bool {
        match folded(self.row.text(column)).as_str() {
            "yes" | "y" | "true" | "1" => true,
            "no" | "n" | "false" | "0" | "" => false,
            _ => {
                self.refuse(column, "write yes or no");
                false
            }
        }
    }

    /// A number. 0: the cell is blank.
    pub fn amount(&mut self, column: &str) -> f64 {
        let text = self.row.text(column);
        let number = if text.is_empty() { Some(0.0) } else { text.parse().ok() };
        if number.is_none() {
            self.refuse(column, "write a number, such as 12 or 7.5");
        }
        number.unwrap_or_default()
    }

    /// Refuses a cell that must be blank.
    pub fn blank(&mut self, column: &str, why: &str) {
        if !self.row.text(column).is_empty() {
            self.refuse(column, why);
        }
    }
}

/// A word without case, with one spelling of what separates its parts.
pub fn folded(word: &str) -> String {
    let is_between = |letter: char| letter.is_whitespace() || matches!(letter, '_' | '-' | '/');
    let parts = word.split(is_between).filter(|part| !part.is_empty());
    parts.map(str::to_lowercase).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1::{Designation, FacilityType};

    #[test]
    fn the_words_of_a_cell_are_those_of_the_contract() {
        let names: Vec<_> = words(Designation::as_str_name, "DESIGNATION_").map(|word| word.name).collect();
        let all = ["ADULT_AND_RECOVERY", "PARENT_CAREGIVER", "YOUNG_ADULT", "FORENSIC_PEER_RECOVERY", "RECOVERY_ONLY"];
        assert_eq!(names, all);
        let last = words(FacilityType::as_str_name, "FACILITY_TYPE_").last().unwrap();
        assert_eq!((last.name, last.number), ("OTHER", FacilityType::Other as i32));
        assert_eq!(folded(" Parent / Caregiver "), folded("PARENT_CAREGIVER"));
    }
}
