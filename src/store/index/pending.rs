//! The index with records that are decided and not folded yet: what the next command of a batch sees.

use std::collections::BTreeMap;
use std::ops::Bound;

use sled::IVec;

use crate::domain::id::Revision;
use crate::domain::record::Record;

use super::view::{View, Visit};
use super::{Index, IndexError, keys};

/// Records on top of an index.
pub struct Pending<'a> {
    index: &'a Index,
    applied: Revision,
    writes: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl<'a> Pending<'a> {
    pub(super) fn new(index: &'a Index) -> Result<Pending<'a>, IndexError> {
        Ok(Pending { index, applied: index.applied()?, writes: BTreeMap::new() })
    }

    /// Lays the next record on top.
    pub fn add(&mut self, record: &Record) -> Result<(), IndexError> {
        if record.revision != self.applied.next() {
            return Err(IndexError::OutOfOrder { applied: self.applied, offered: record.revision });
        }
        self.applied = record.revision;
        keys::writes(record, &mut |key, value| {
            self.writes.insert(key, value);
        });
        Ok(())
    }

    pub(super) fn into_batch(self) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for (key, value) in self.writes {
            batch.insert(key, value);
        }
        batch
    }
}

impl View for Pending<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        self.writes.get(key).map_or_else(|| self.index.get(key), |value| Ok(Some(value.as_slice().into())))
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), IndexError> {
        let from = self.writes.range::<[u8], _>((Bound::Included(prefix), Bound::Unbounded));
        let mut ours = from.take_while(|(key, _)| key.starts_with(prefix)).peekable();
        self.index.scan(prefix, &mut |key, value| {
            while let Some((earlier, value)) = ours.next_if(|(ours, _)| ours.as_slice() < key) {
                visit(earlier, value)?;
            }
            match ours.next_if(|(ours, _)| ours.as_slice() == key) {
                Some((_, newer)) => visit(key, newer),
                None => visit(key, value),
            }
        })?;
        ours.try_for_each(|(key, value)| visit(key, value))
    }
}
