//! Comparing two indexes, entry by entry, in the order of their keys: nothing is held in memory but two entries.

use std::cmp::Ordering;
use std::fmt;
use std::ops::ControlFlow;

use super::read::{MORE, View as _};
use super::{Index, IndexError, keys};

/// An entry that two indexes do not have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    key: Vec<u8>,
    how: HowDifferent,
}

/// How the one index differs from the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowDifferent {
    /// It does not have the entry.
    Missing,
    /// It alone has the entry.
    Extra,
    /// It has the entry with another value.
    Changed,
}

impl Difference {
    /// How it differs, in words.
    pub fn reason(&self) -> &'static str {
        match self.how {
            HowDifferent::Missing => "the index does not have what follows from the log",
            HowDifferent::Extra => "the index has what does not follow from the log",
            HowDifferent::Changed => "the index has another value than follows from the log",
        }
    }
}

/// The key of the entry: its kind as a letter, the rest in hexadecimal.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, rest) = self.key.split_first().map_or((b'?', &[][..]), |(kind, rest)| (*kind, rest));
        write!(f, "index entry {}:", kind.escape_ascii())?;
        rest.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// How many entries are read at once.
const PAGE: usize = 4096;

/// A key with its value.
type Entry = (Vec<u8>, Vec<u8>);

/// The entries of an index that follow from the log alone, in order. Due dates follow from timelines as well.
struct Entries<'a> {
    index: &'a Index,
    page: std::vec::IntoIter<Entry>,
    /// Where the next page begins; none: there is none.
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
            let (mut page, mut seen) = (Vec::new(), 0);
            self.index
                .range(&from, &[u8::MAX], &mut |key, value| {
                    seen += 1;
                    if seen > PAGE {
                        self.next_page = Some(key.to_vec());
                        return Ok(ControlFlow::Break(()));
                    }
                    if keys::follows_from_log(key) {
                        page.push((key.to_vec(), value.to_vec()));
                    }
                    MORE
                })
                .map(|_| self.page = page.into_iter())?;
        }
    }
}

impl Index {
    /// How many entries it has that follow from the log. Counts them.
    pub fn count(&self) -> Result<u64, IndexError> {
        let (mut entries, mut count) = (Entries::of(self), 0);
        while entries.next()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Tells where this index differs from one that is right, and gives how many entries were compared.
    pub fn differences(
        &self,
        right: &Index,
        on_entry: &mut dyn FnMut(u64),
        found: &mut dyn FnMut(Difference),
    ) -> Result<u64, IndexError> {
        let (mut ours, mut theirs) = (Entries::of(self), Entries::of(right));
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
            let how = match order {
                Ordering::Less => Some(HowDifferent::Extra),
                Ordering::Greater => Some(HowDifferent::Missing),
                Ordering::Equal => (our != their).then_some(HowDifferent::Changed),
            };
            if let Some(how) = how {
                found(Difference { key, how });
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
