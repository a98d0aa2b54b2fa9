//! The files of people that the writer read last, so that the next command about one of them need not read it again.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashlink::LinkedHashMap;

use crate::domain::id::SpecialistId;
use crate::domain::specialist::SpecialistFile;

/// Files as the batch in work leaves them. Those go that were not seen for the longest; they can be read again.
pub(super) struct SpecialistCache {
    /// How many facts are kept at most, in all files. A fact has some 300 bytes.
    most: usize,
    /// The one seen last is the last one.
    files: LinkedHashMap<SpecialistId, Arc<SpecialistFile>, RandomState>,
    /// In all files.
    facts: usize,
}

impl SpecialistCache {
    /// None yet, and never more than so many facts, but for those of the file put last.
    pub(super) fn of_facts(most: usize) -> SpecialistCache {
        SpecialistCache { most, files: LinkedHashMap::default(), facts: 0 }
    }

    /// What is here, and leaves none here.
    pub(super) fn take(&mut self) -> SpecialistCache {
        let none = SpecialistCache::of_facts(self.most);
        std::mem::replace(self, none)
    }

    /// A file, if it is here.
    pub(super) fn get(&mut self, id: SpecialistId) -> Option<Arc<SpecialistFile>> {
        self.files.to_back(&id).map(|file| Arc::clone(file))
    }

    /// Keeps a file in place of an earlier one of the same person. A few others go for it: never many at once, which
    /// those would notice who wait for the writer.
    pub(super) fn put(&mut self, file: Arc<SpecialistFile>) {
        self.facts += file.facts.len();
        let earlier = self.files.insert(file.id, file);
        self.facts -= earlier.map_or(0, |file| file.facts.len());
        while self.facts > self.most
            && self.files.len() > 1
            && let Some((_, file)) = self.files.pop_front()
        {
            self.facts -= file.facts.len();
        }
    }

    /// Drops a file, so that another owner of it, if it is the only one, need not copy it to change it.
    pub(super) fn let_go(&mut self, id: SpecialistId) {
        self.facts -= self.files.remove(&id).map_or(0, |file| file.facts.len());
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
            imported: false,
            note: String::new(),
            fact: SpecialistFact::NameChanged { name },
        };
        Arc::new(SpecialistFile { id: SpecialistId::from_number(number), facts: vec![fact; facts] })
    }

    #[test]
    fn who_is_asked_for_stays_and_there_are_never_more_facts_than_may_be() {
        const MOST: usize = 100_000;
        let mut cache = SpecialistCache::of_facts(MOST);
        let (often, each) = (file(0, 10), 1_000);
        cache.put(Arc::clone(&often));
        for number in 1..1_000 {
            cache.put(file(number, each));
            assert_eq!(cache.get(often.id).map(|file| file.facts.len()), Some(10));
            assert_eq!(cache.files.values().map(|file| file.facts.len()).sum::<usize>(), cache.facts);
            assert!(cache.facts <= MOST);
        }
        assert!(cache.facts > MOST - each);
        assert!(cache.get(SpecialistId::from_number(900)).is_none());
        cache.put(file(1_000, MOST + 1));
        assert_eq!(cache.files.len(), 1, "one file that is larger than all may be is kept");
    }

    #[test]
    fn what_is_put_last_counts() {
        let mut cache = SpecialistCache::of_facts(100);
        for facts in [2, 3, 1] {
            cache.put(file(7, facts));
            assert_eq!(cache.get(SpecialistId::from_number(7)).map(|file| file.facts.len()), Some(facts));
        }
        assert_eq!(cache.facts, 1);
        cache.let_go(SpecialistId::from_number(7));
        assert_eq!((cache.get(SpecialistId::from_number(7)).is_none(), cache.facts), (true, 0));
    }
}
