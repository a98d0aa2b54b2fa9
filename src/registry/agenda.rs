//! The agenda: on which day each credential and each provider next differs from the day before.
//!
//! It is rewritten whenever a timeline is compiled, so that opening a day looks at those alone that are due.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, ProviderId};

/// What can be due.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// A credential.
    Credential(CredentialNumber),
    /// A provider's peer support service.
    Provider(ProviderId),
}

/// The next day on which each entry differs from the day before.
#[derive(Debug, Default)]
pub struct Agenda {
    by_day: BTreeMap<Day, BTreeSet<Entry>>,
    day_of: HashMap<Entry, Day>,
}

impl Agenda {
    /// Sets when an entry is due; none: never, as the facts now stand.
    pub fn set(&mut self, entry: Entry, due: Option<Day>) {
        if let Some(before) = self.day_of.remove(&entry)
            && let Some(entries) = self.by_day.get_mut(&before)
        {
            entries.remove(&entry);
            if entries.is_empty() {
                self.by_day.remove(&before);
            }
        }
        if let Some(day) = due {
            self.by_day.entry(day).or_default().insert(entry.clone());
            self.day_of.insert(entry, day);
        }
    }

    /// What is due on a day or before it.
    pub fn due(&self, day: Day) -> Vec<Entry> {
        self.by_day.range(..=day).flat_map(|(_, entries)| entries.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_due_once_and_on_its_last_date() {
        let entry = Entry::Credential(CredentialNumber::from_number(7));
        let mut agenda = Agenda::default();
        agenda.set(entry.clone(), Some(Day::from_number(10)));
        agenda.set(entry.clone(), Some(Day::from_number(12)));
        assert!(agenda.due(Day::from_number(11)).is_empty());
        assert_eq!(agenda.due(Day::from_number(12)), std::slice::from_ref(&entry));
        agenda.set(entry, None);
        assert!(agenda.due(Day::from_number(99)).is_empty());
    }
}
