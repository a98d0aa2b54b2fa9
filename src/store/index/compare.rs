//! Compares two indexes, entry by entry, in key order. At most one page of entries per index is in memory.

use std::cmp::Ordering;
use std::fmt;
use std::ops::ControlFlow;

use super::read::{CONTINUE, View as _};
use super::{Index, IndexError, keys, names};

/// An entry that differs between two indexes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    key: Vec<u8>,
    kind: DifferenceKind,
}

/// How an entry differs from the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The index lacks the entry.
    Missing,
    /// Only the index has the entry.
    Extra,
    /// The index has the entry with another value.
    Changed,
}

impl Difference {
    /// A description for people.
    pub fn reason(&self) -> &'static str {
        match self.kind {
            DifferenceKind::Missing => "the entry is missing from the index",
            DifferenceKind::Extra => "the entry does not follow from the log",
            DifferenceKind::Changed => "the value differs from what follows from the log",
        }
    }
}

/// The key of the entry: its kind as a letter, then the rest in hexadecimal, without names and birth dates.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, rest) = names::shown(&self.key);
        write!(f, "index entry {}:", kind.escape_ascii())?;
        rest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The number of entries that are read at once.
const PAGE: usize = 4096;

/// A key and its value.
type Entry = (Vec<u8>, Vec<u8>);

/// The entries of an index that depend only on the log, in order. Due dates are left out, because they also depend on
/// timelines.
struct Entries<'a> {
    index: &'a Index,
    page: std::vec::IntoIter<Entry>,
    /// Where the next page begins. `None` if there is no next page.
    next_page: Option<Vec<u8>>,
}

impl Entries<'_> {
    fn of(index: &Index) -> Entries<'_> {
        Entries { index, page: Vec::new().into_iter(), next_page: Some(Vec::new()) }
    }

    fn next(&mut self) -> Result<Option<Entry>, IndexError> {
        loop {
            if let Some(entry) = self.page.next() {
                return Ok(Some(entry));
            }
            let Some(from) = self.next_page.take() else { return Ok(None) };
            let (mut page, mut read) = (Vec::new(), 0);
            self.index
                .range(&from, &[u8::MAX], &mut |key, value| {
                    read += 1;
                    if read > PAGE {
                        self.next_page = Some(key.to_vec());
                        return Ok(ControlFlow::Break(()));
                    }
                    if keys::follows_from_log(key) {
                        page.push((key.to_vec(), value.to_vec()));
                    }
                    CONTINUE
                })
                .map(|_| self.page = page.into_iter())?;
        }
    }
}

impl Index {
    /// Counts the entries that depend only on the log.
    pub fn count(&self) -> Result<u64, IndexError> {
        let (mut entries, mut count) = (Entries::of(self), 0);
        while entries.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Calls `found` for each difference between this index and a correct one. Returns the number of entries compared.
    pub fn differences(
        &self,
        correct: &Index,
        on_entry: &mut dyn FnMut(u64),
        found: &mut dyn FnMut(Difference),
    ) -> Result<u64, IndexError> {
        let (mut ours, mut theirs) = (Entries::of(self), Entries::of(correct));
        let (mut our, mut their) = (ours.next()?, theirs.next()?);
        let mut compared = 0;
        loop {
            let order = match (&our, &their) {
                (None, None) => return Ok(compared),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((our, _)), Some((their, _))) => our.cmp(their),
            };
            let entry = if order == Ordering::Greater { &their } else { &our };
            let key = entry.as_ref().map(|(key, _)| key.clone()).unwrap_or_default();
            let kind = match order {
                Ordering::Less => Some(DifferenceKind::Extra),
                Ordering::Greater => Some(DifferenceKind::Missing),
                Ordering::Equal => (our != their).then_some(DifferenceKind::Changed),
            };
            if let Some(kind) = kind {
                found(Difference { key, kind });
            }
            if order != Ordering::Greater {
                our = ours.next()?;
            }
            if order != Ordering::Less {
                their = theirs.next()?;
            }
            compared += 1;
            on_entry(compared);
        }
    }
}
