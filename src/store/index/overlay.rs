//! The index together with records that are decided but not folded yet: the view of the next command of a batch.

use std::ops::Bound;

use sled::IVec;

use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::domain::record::Record;

use super::keys::Entry;
use super::merge::merge_over;
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
    entry: Entry,
    before: Option<Day>,
    due: Option<Day>,
}

impl<'a> Overlay<'a> {
    pub(super) fn new(index: &'a Index) -> Result<Overlay<'a>, IndexError> {
        index.recent.require()?;
        Ok(Overlay { index, applied: index.applied()?, writes: Writes::new() })
    }

    /// Adds the next record.
    pub fn add(&mut self, record: &Record) -> Result<(), IndexError> {
        if record.revision != self.applied.next() {
            return Err(IndexError::OutOfOrder { applied: self.applied, offered: record.revision });
        }
        let key = keys::instants(record.revision);
        let before = self.get(&key)?.unwrap_or_default();
        let instants = keys::instants_with(&before, record).ok_or(IndexError::Damaged("a revision is missing"))?;
        self.put(key, instants);
        self.applied = record.revision;
        keys::writes(record, &mut |key, value| {
            self.put(key, value);
        });
        Ok(())
    }

    /// Adds the next record and the changes of due dates that follow from it. On an error nothing is added.
    pub fn add_with_due_dates(&mut self, record: &Record, moved: Vec<Moved>) -> Result<(), IndexError> {
        self.add(record)?;
        moved.into_iter().for_each(|moved| self.shift(moved));
        self.mark_due_dates_current();
        Ok(())
    }

    /// Sets the due date of an entry. `None`: it is not due on any day.
    pub fn schedule(&mut self, entry: &Entry, due: Option<Day>) -> Result<(), IndexError> {
        self.moved(entry.clone(), due).map(|moved| self.shift(moved))
    }

    /// Prepares the change of an entry's due date that [`Overlay::schedule`] would make. Writes nothing, so that a
    /// caller that schedules several entries can still give up.
    pub fn moved(&self, entry: Entry, due: Option<Day>) -> Result<Moved, IndexError> {
        Ok(Moved { before: self.due_on(&entry)?, entry, due })
    }

    /// Applies a change of a due date.
    fn shift(&mut self, Moved { entry, before, due }: Moved) {
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.put(keys::due_entry(before, &entry), []);
        }
        if let Some(due) = due {
            self.put(keys::due_entry(due, &entry), keys::PRESENT);
            self.put(keys::due(&entry), due.number().to_be_bytes());
        } else {
            self.put(keys::due(&entry), []);
        }
    }

    /// Stores that the due dates take every record into account that was added so far.
    pub fn mark_due_dates_current(&mut self) {
        self.put(keys::DUE_DATES_APPLIED, self.applied.0.to_be_bytes());
    }

    fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.writes.insert(key.as_ref().into(), value.as_ref().into());
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
