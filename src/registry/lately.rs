//! The files of people that the writer saw lately, so that who is commanded about again is not read again.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::domain::id::SpecialistId;
use crate::domain::specialist::SpecialistFile;

/// Files as the batch in work leaves them. Those go that were not seen for the longest; they can be read again.
pub(super) struct Lately {
    /// How many facts are kept at most, in all files. A fact has some 300 bytes.
    most: usize,
    newer: HashMap<SpecialistId, Arc<SpecialistFile>, RandomState>,
    older: HashMap<SpecialistId, Arc<SpecialistFile>, RandomState>,
    /// In the newer ones.
    facts: usize,
}

impl Lately {
    /// None yet, and never more than so many facts.
    pub(super) fn of_facts(most: usize) -> Lately {
        Lately { most, newer: HashMap::default(), older: HashMap::default(), facts: 0 }
    }

    /// What is here, and leaves none here.
    pub(super) fn take(&mut self) -> Lately {
        let none = Lately::of_facts(self.most);
        std::mem::replace(self, none)
    }

    /// A file, if it is here.
    pub(super) fn get(&mut self, id: SpecialistId) -> Option<Arc<SpecialistFile>> {
        if let Some(file) = self.newer.get(&id) {
            return Some(Arc::clone(file));
        }
        let file = self.older.remove(&id)?;
        self.put(Arc::clone(&file));
        Some(file)
    }

    /// Keeps a file in place of an earlier one of the same person.
    pub(super) fn put(&mut self, file: Arc<SpecialistFile>) {
        self.let_go(file.id);
        self.facts += file.facts.len();
        self.newer.insert(file.id, file);
        if self.facts > self.most / 2 {
            self.older = std::mem::take(&mut self.newer);
            self.facts = 0;
        }
    }

    /// Lets a file go: whoever has it otherwise, and alone, need not copy it to change it.
    pub(super) fn let_go(&mut self, id: SpecialistId) {
        self.older.remove(&id);
        if let Some(file) = self.newer.remove(&id) {
            self.facts -= file.facts.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::domain::fact::{Recorded, Reporter, SpecialistFact};
    use crate::domain::id::{FactId, Revision};
    use crate::domain::name::PersonName;

    fn file(number: u64, facts: usize) -> Arc<SpecialistFile> {
        let name = PersonName { given: "Example".to_owned(), family: "Person".to_owned(), suffix: String::new() };
        let fact = Recorded {
            id: FactId { revision: Revision(1), index: 0 },
            recorded_at: Timestamp::UNIX_EPOCH,
            reporter: Reporter::registry(),
            note: String::new(),
            fact: SpecialistFact::NameChanged { name },
        };
        Arc::new(SpecialistFile { id: SpecialistId::from_number(number), facts: vec![fact; facts] })
    }

    #[test]
    fn who_is_asked_for_stays_and_there_are_never_more_facts_than_may_be() {
        const MOST: usize = 100_000;
        let mut lately = Lately::of_facts(MOST);
        let (often, each) = (file(0, 10), 1_000);
        lately.put(Arc::clone(&often));
        for number in 1..1_000 {
            lately.put(file(number, each));
            assert_eq!(lately.get(often.id).map(|file| file.facts.len()), Some(10));
            let facts = |files: &HashMap<_, Arc<SpecialistFile>, _>| files.values().map(|file| file.facts.len()).sum();
            let (newer, older): (usize, usize) = (facts(&lately.newer), facts(&lately.older));
            assert_eq!(newer, lately.facts);
            assert!(newer + older <= MOST + each, "{newer} and {older}");
        }
        assert!(lately.get(SpecialistId::from_number(1)).is_none());
    }

    #[test]
    fn what_is_put_last_counts() {
        let mut lately = Lately::of_facts(100);
        for facts in [2, 3, 1] {
            lately.put(file(7, facts));
            assert_eq!(lately.get(SpecialistId::from_number(7)).map(|file| file.facts.len()), Some(facts));
        }
        assert_eq!(lately.facts, 1);
        lately.let_go(SpecialistId::from_number(7));
        assert_eq!((lately.get(SpecialistId::from_number(7)).is_none(), lately.facts), (true, 0));
    }
}
