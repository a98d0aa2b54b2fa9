//! A cache of the people's files that the writer read recently, so that the next command about one of them does not
//! read it again.

use std::sync::Arc;

use foldhash::fast::RandomState;
use hashlink::LinkedHashMap;

use crate::domain::id::SpecialistId;
use crate::domain::specialist_file::SpecialistFile;

/// An LRU cache of files, including the facts of the batch in progress. Evicted files are read again when needed.
pub(super) struct SpecialistCache {
    /// The maximum number of facts in all files. A fact takes about 300 bytes.
    capacity: usize,
    /// The most recently used file is last.
    files: LinkedHashMap<SpecialistId, Arc<SpecialistFile>, RandomState>,
    /// The number of facts in all files.
    facts: usize,
}

impl SpecialistCache {
    /// Returns an empty cache of at most `capacity` facts. A single larger file is kept alone.
    pub(super) fn with_capacity(capacity: usize) -> SpecialistCache {
        SpecialistCache { capacity, files: LinkedHashMap::default(), facts: 0 }
    }

    /// Returns the contents, and leaves the cache empty.
    pub(super) fn take(&mut self) -> SpecialistCache {
        let none = SpecialistCache::with_capacity(self.capacity);
        std::mem::replace(self, none)
    }

    /// Returns a file, if it is cached.
    pub(super) fn get(&mut self, id: SpecialistId) -> Option<Arc<SpecialistFile>> {
        self.files.to_back(&id).map(|file| Arc::clone(file))
    }

    /// Inserts a file and replaces the earlier one of the same person. Evicts as few files as necessary, so that no
    /// command waits long for it.
    pub(super) fn put(&mut self, file: Arc<SpecialistFile>) {
        self.facts += file.facts().len();
        let earlier = self.files.insert(file.id, file);
        self.facts -= earlier.map_or(0, |file| file.facts().len());
        while self.facts > self.capacity
            && self.files.len() > 1
            && let Some((_, file)) = self.files.pop_front()
        {
            self.facts -= file.facts().len();
        }
    }

    /// Takes a file out, so that its only owner can change it without copying.
    pub(super) fn remove(&mut self, id: SpecialistId) -> Option<Arc<SpecialistFile>> {
        let file = self.files.remove(&id)?;
        self.facts -= file.facts().len();
        Some(file)
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
        Arc::new(SpecialistFile::new(SpecialistId::from_number(number), vec![fact; facts]))
    }

    #[test]
    fn recently_used_files_stay_and_the_limit_holds() {
        const MOST: usize = 100_000;
        let mut cache = SpecialistCache::with_capacity(MOST);
        let (often, each) = (file(0, 10), 1_000);
        cache.put(Arc::clone(&often));
        for number in 1..1_000 {
            cache.put(file(number, each));
            assert_eq!(cache.get(often.id).map(|file| file.facts().len()), Some(10));
            assert_eq!(cache.files.values().map(|file| file.facts().len()).sum::<usize>(), cache.facts);
            assert!(cache.facts <= MOST);
        }
        assert!(cache.facts > MOST - each);
        assert!(cache.get(SpecialistId::from_number(900)).is_none());
        cache.put(file(1_000, MOST + 1));
        assert_eq!(cache.files.len(), 1, "a single file over the limit is kept");
    }

    #[test]
    fn a_file_replaces_the_earlier_one_of_the_same_person() {
        let mut cache = SpecialistCache::with_capacity(100);
        for facts in [2, 3, 1] {
            cache.put(file(7, facts));
            assert_eq!(cache.get(SpecialistId::from_number(7)).map(|file| file.facts().len()), Some(facts));
        }
        assert_eq!(cache.facts, 1);
        cache.remove(SpecialistId::from_number(7));
        assert_eq!((cache.get(SpecialistId::from_number(7)).is_none(), cache.facts), (true, 0));
    }
}
