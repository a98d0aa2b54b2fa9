//! Comparing two indexes, entry by entry, in the order of their keys: nothing is held in memory but two entries.

use std::cmp::Ordering;
use std::fmt;

use super::{Index, IndexError};

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

impl Index {
    /// How many entries it has. Counts them.
    pub fn count(&self) -> u64 {
        self.db.len() as u64
    }

    /// Tells where this index differs from one that is right, and gives how many entries were compared.
    pub fn differences(
        &self,
        right: &Index,
        on_entry: &mut dyn FnMut(u64),
        found: &mut dyn FnMut(Difference),
    ) -> Result<u64, IndexError> {
        let (mut ours, mut theirs) = (self.db.iter(), right.db.iter());
        let next = |entries: &mut sled::Iter| entries.next().transpose().map_err(IndexError::Sled);
        let (mut our, mut their) = (next(&mut ours)?, next(&mut theirs)?);
        let mut compared = 0;
        loop {
            let order = match (&our, &their) {
                (None, None) => return Ok(compared),
                (None, Some(_)) => Ordering::Greater,
                (Some(_), None) => Ordering::Less,
                (Some((our, _)), Some((their, _))) => our.cmp(their),
            };
            let entry = if order == Ordering::Greater { &their } else { &our };
            let key = entry.as_ref().map(|(key, _)| key.to_vec()).unwrap_or_default();
            let how = match order {
                Ordering::Less => Some(HowDifferent::Extra),
                Ordering::Greater => Some(HowDifferent::Missing),
                Ordering::Equal => (our != their).then_some(HowDifferent::Changed),
            };
            if let Some(how) = how {
                found(Difference { key, how });
            }
            if order != Ordering::Greater {
                our = next(&mut ours)?;
            }
            if order != Ordering::Less {
                their = next(&mut theirs)?;
            }
            compared += 1;
            on_entry(compared);
        }
    }
}
