//! What can be on record once: a person's death, the bearer of a prior number, a job. Where two rows say the same, the
//! second is reported with the line of the first.

use std::collections::HashMap;
use std::hash::BuildHasher as _;

use foldhash::fast::RandomState;

use super::cells::folded;
use super::conflicts::as_recorded;
use crate::proto::v1::import_row::Command;
use crate::proto::v1::report_employment_start_request::Person;

/// The first line that says each thing. A thing is kept as a hash, so that a million jobs need little memory.
#[derive(Debug, Default)]
pub struct Once {
    lines: HashMap<u64, u64, RandomState>,
    hasher: RandomState,
}

/// What a row says that can be on record once.
#[derive(Debug)]
pub struct Thing {
    /// Its text for people. Empty: the row itself.
    pub text: String,
    hash: u64,
}

impl Once {
    /// Takes what a row says, in the row at this line.
    pub fn take(&mut self, command: Option<&Command>, line: u64) -> Vec<Thing> {
        let thing = |text: &str, key: &[&str]| Thing { text: text.to_owned(), hash: self.hasher.hash_one(key) };
        let things: Vec<Thing> = match command {
            Some(Command::RecordDeath(death)) => vec![thing("", &["death", &death.specialist_id])],
            Some(Command::Transferred(credential)) => {
                let numbers = credential.prior_numbers.iter();
                numbers.map(|number| thing(number, &["prior number", &as_recorded(number)])).collect()
            }
            Some(Command::ReportEmploymentStart(job)) => {
                let Some(Person::SpecialistId(person)) = &job.person else { return Vec::new() };
                let (first_day, position) = (format!("{:?}", job.first_day), folded(&job.position));
                vec![thing("", &["job", person, &job.provider_id, &first_day, &position])]
            }
            _ => Vec::new(),
        };
        for thing in &things {
            self.lines.entry(thing.hash).or_insert(line);
        }
        things
    }

    /// The first of these things that an earlier row says, and the line of that row.
    pub fn earlier<'a>(&self, things: &'a [Thing], line: u64) -> Option<(&'a Thing, u64)> {
        let earlier = |thing: &'a Thing| Some((thing, *self.lines.get(&thing.hash).filter(|first| **first != line)?));
        things.iter().find_map(earlier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1;

    #[test]
    fn a_row_that_says_what_an_earlier_one_says_is_found_with_its_line() {
        let mut once = Once::default();
        let credential = |numbers: &[&str]| {
            let prior_numbers = numbers.iter().map(|number| (*number).to_owned()).collect();
            Command::Transferred(v1::TransferredCredential { prior_numbers, ..Default::default() })
        };
        let first = once.take(Some(&credential(&["MS-1", "MS-2"])), 2);
        assert!(once.earlier(&first, 2).is_none());
        let second = once.take(Some(&credential(&["MS-3", "ms 2"])), 3);
        let (thing, line) = once.earlier(&second, 3).unwrap();
        assert_eq!((thing.text.as_str(), line), ("ms 2", 2));

        let job = |position: &str| {
            Command::ReportEmploymentStart(v1::ReportEmploymentStartRequest {
                person: Some(Person::SpecialistId("SP-1".to_owned())),
                position: position.to_owned(),
                ..Default::default()
            })
        };
        once.take(Some(&job("Night  peer")), 2);
        let same = once.take(Some(&job("night peer")), 9);
        assert_eq!(once.earlier(&same, 9).map(|(_, line)| line), Some(2));
        let other = once.take(Some(&job("day peer")), 10);
        assert!(once.earlier(&other, 10).is_none());
    }
}
