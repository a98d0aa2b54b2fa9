//! The index together with records that are decided but not folded yet: the view of the next command of a batch.

use std::convert::Infallible;
use std::ops::Bound;

use sled::IVec;

use crate::domain::day::Day;
use crate::domain::fact::Fact;
use crate::domain::id::Revision;
use crate::domain::record::Record;
use crate::store::in_parts::in_parts;
use crate::store::record::Filing;

use super::keys::Entry;
use super::merge::{merge_into, merge_over};
use super::read::{ScanResult, View, Visit};
use super::{Index, IndexError, Writes, keys};

/// Records on top of an index.
pub struct Overlay<'a> {
    index: &'a Index,
    applied: Revision,
    writes: Writes,
}

/// A change of the due date of an entry.
pub struct Moved {
    /// What it writes: the earlier date removed, the new date, and the new date by entry.
    writes: [Option<(IVec, IVec)>; 3],
}

impl Moved {
    /// The change of the due date of an entry that was due on another day before.
    pub fn new(of: &Entry, before: Option<Day>, due: Option<Day>) -> Moved {
        if before == due {
            return Moved { writes: [const { None }; 3] };
        }
        let removed = before.map(|before| entry(keys::due_entry(before, of), []));
        let added = due.map(|due| entry(keys::due_entry(due, of), keys::PRESENT));
        let by_entry = match due {
            Some(due) => entry(keys::due(of), due.number().to_be_bytes()),
            None => entry(keys::due(of), []),
        };
        Moved { writes: [removed, added, Some(by_entry)] }
    }
}

/// As many entries are added one by one. To sort and merge more of them is faster.
const FEW: usize = 64;

/// Entries by their kind, the first byte of the key. Those of one kind are mostly in order already.
#[derive(Default)]
struct Entries(Vec<(u8, Vec<(IVec, IVec)>)>);

impl Entries {
    fn add(&mut self, entry: (IVec, IVec)) {
        self.of_kind(entry.0.first().copied().unwrap_or_default()).push(entry);
    }

    fn append(&mut self, other: Entries) {
        for (kind, mut entries) in other.0 {
            self.of_kind(kind).append(&mut entries);
        }
    }

    fn of_kind(&mut self, kind: u8) -> &mut Vec<(IVec, IVec)> {
        let at = self.0.iter().position(|(other, _)| *other == kind).unwrap_or_else(|| {
            self.0.push((kind, Vec::new()));
            self.0.len() - 1
        });
        &mut self.0[at].1
    }

    /// Adds the entries to others. Of two with the same key the later one counts.
    fn add_to(self, writes: &mut Writes) {
        let Entries(mut kinds) = self;
        if kinds.iter().map(|(_, entries)| entries.len()).sum::<usize>() <= FEW {
            return writes.extend(kinds.into_iter().flat_map(|(_, entries)| entries));
        }
        kinds.sort_unstable_by_key(|(kind, _)| *kind);
        // The sort is stable.
        kinds.iter_mut().for_each(|(_, entries)| entries.sort_by(|(one, _), (other, _)| one.cmp(other)));
        merge_into(writes, kinds.into_iter().flat_map(|(_, entries)| entries).collect());
    }
}

fn entry(key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> (IVec, IVec) {
    (key.as_ref().into(), value.as_ref().into())
}

impl<'a> Overlay<'a> {
    pub(super) fn new(index: &'a Index) -> Result<Overlay<'a>, IndexError> {
        index.recent.require()?;
        Ok(Overlay { index, applied: index.applied()?, writes: Writes::new() })
    }

    /// Adds the next record.
    pub fn add(&mut self, record: &Record) -> Result<(), IndexError> {
        let entries = self.entries_of(record)?;
        self.put_all(record, entries);
        Ok(())
    }

    /// Returns the entries of the next record.
    fn entries_of(&self, record: &Record) -> Result<Entries, IndexError> {
        if record.revision != self.applied.next() {
            return Err(IndexError::OutOfOrder { applied: self.applied, offered: record.revision });
        }
        let key = keys::instants(record.revision);
        let before = self.get(&key)?.unwrap_or_default();
        let instants = keys::instants_with(&before, record).ok_or(IndexError::Damaged("a revision is missing"))?;
        let mut entries = Entries::default();
        entries.add(entry(key, instants));
        keys::writes_of_request(record, &mut |key, value| entries.add(entry(key, value)));
        let facts: Vec<(usize, &Fact)> = record.facts.iter().enumerate().collect();
        let filing = Filing::of(record);
        let Ok(parts) = in_parts(&facts, |facts| {
            let mut entries = Entries::default();
            for (at, fact) in facts {
                let put = &mut |key: &[u8], value: &[u8]| entries.add(entry(key, value));
                keys::writes_of_fact(record.fact_id(*at), fact, &filing, put);
            }
            Ok::<_, Infallible>(entries)
        });
        parts.into_iter().for_each(|part| entries.append(part));
        Ok(entries)
    }

    /// Adds the entries of a record.
    fn put_all(&mut self, record: &Record, entries: Entries) {
        self.applied = record.revision;
        entries.add_to(&mut self.writes);
    }

    /// Adds the next record and the changes of due dates that follow from it. On an error nothing is added.
    pub fn add_with_due_dates(&mut self, record: &Record, mut moved: Vec<Moved>) -> Result<(), IndexError> {
        let mut entries = self.entries_of(record)?;
        // One sort of key after the other, because each is mostly in order.
        for at in 0..3 {
            moved.iter_mut().filter_map(|moved| moved.writes[at].take()).for_each(|entry| entries.add(entry));
        }
        entries.add(entry(keys::DUE_DATES_APPLIED, record.revision.0.to_be_bytes()));
        self.put_all(record, entries);
        Ok(())
    }

    /// Sets the due date of an entry. `None`: it is not due on any day.
    pub fn schedule(&mut self, entry: &Entry, due: Option<Day>) -> Result<(), IndexError> {
        let Moved { writes } = self.moved(entry, due)?;
        self.writes.extend(writes.into_iter().flatten());
        Ok(())
    }

    /// Prepares the change of an entry's due date that [`Overlay::schedule`] would make. Writes nothing, so that a
    /// caller that schedules several entries can still give up.
    pub fn moved(&self, entry: &Entry, due: Option<Day>) -> Result<Moved, IndexError> {
        Ok(Moved::new(entry, self.due_on(entry)?, due))
    }

    /// Stores that the due dates take every record into account that was added so far.
    pub fn mark_due_dates_current(&mut self) {
        self.writes.extend([entry(keys::DUE_DATES_APPLIED, self.applied.0.to_be_bytes())]);
    }

    /// The entries to be added to the index.
    pub(super) fn into_writes(self) -> Writes {
        self.writes
    }
}

impl View for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        let Some(value) = self.writes.get(key) else { return self.index.get(key) };
        Ok((!value.is_empty()).then(|| value.clone()))
    }

    fn range(&self, from: &[u8], before: &[u8], visit: &mut Visit<'_>) -> ScanResult {
        let ours = self.writes.range::<[u8], _>((Bound::Included(from), Bound::Excluded(before)));
        merge_over(ours.map(Ok), &mut |visit| self.index.range(from, before, visit), visit)
    }
}
