//! The filter of a base: which of the keys that are often looked for in vain it surely lacks.
//!
//! It is a Bloom filter whose bits of one key are all in one cache line, so that a look-up waits for memory once. With
//! [`BITS_PER_RECORD`] it takes about one absent key in a hundred for one that is there.

use super::block::{sealed, verified};

/// Most records have one such key, the request, and every second one a new id.
const BITS_PER_RECORD: u64 = 16;

/// How many bits a key sets.
const BITS_PER_KEY: u32 = 5;

/// A cache line.
const LINE_BITS: u64 = 512;
type Line = [u64; 8];

/// The number of bits of a hash that select one of a line.
const LINE_INDEX_BITS: u32 = LINE_BITS.trailing_zeros();

/// The filter of a base.
pub(super) struct Filter {
    lines: Vec<Line>,
}

impl Filter {
    /// An empty filter, for the keys of some records.
    pub(super) fn for_records(records: u64) -> Filter {
        let lines = records.saturating_mul(BITS_PER_RECORD).div_ceil(LINE_BITS).max(1);
        Filter { lines: vec![Line::default(); usize::try_from(lines).unwrap_or(usize::MAX)] }
    }

    /// Adds the key with this hash, of which all bits must be mixed.
    pub(super) fn add(&mut self, hash: u64) {
        let line = self.line_of(hash);
        bits(hash).for_each(|(word, bit)| self.lines[line][word] |= bit);
    }

    /// False if no key with this hash was added.
    pub(super) fn may_contain(&self, hash: u64) -> bool {
        let line = &self.lines[self.line_of(hash)];
        bits(hash).all(|(word, bit)| line[word] & bit != 0)
    }

    /// The line is selected by the highest bits, and the bits in it by the lowest.
    fn line_of(&self, hash: u64) -> usize {
        let line = (u128::from(hash) * self.lines.len() as u128) >> u64::BITS;
        // It is less than the number of lines.
        usize::try_from(line).unwrap_or_default()
    }

    /// The bytes of the filter in a file.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        sealed(self.lines.as_flattened().iter().flat_map(|word| word.to_le_bytes()).collect())
    }

    /// Reads those bytes. `None` if they are damaged.
    pub(super) fn of_bytes(bytes: Vec<u8>) -> Option<Filter> {
        let bytes = verified(bytes)?;
        let (lines, rest) = bytes.as_chunks::<{ size_of::<Line>() }>();
        let line = |line: &[u8; size_of::<Line>()]| {
            let mut words = line.as_chunks().0.iter().map(|word| u64::from_le_bytes(*word));
            std::array::from_fn(|_| words.next().unwrap_or_default())
        };
        (rest.is_empty() && !lines.is_empty()).then(|| Filter { lines: lines.iter().map(line).collect() })
    }
}

/// The words and the bits in them that a hash selects in a line.
fn bits(hash: u64) -> impl Iterator<Item = (usize, u64)> {
    (0..BITS_PER_KEY).map(move |at| {
        let bit = hash >> (at * LINE_INDEX_BITS) & (LINE_BITS - 1);
        // The conversion cannot fail: a line has eight words.
        (usize::try_from(bit / u64::from(u64::BITS)).unwrap_or_default(), 1 << (bit % u64::from(u64::BITS)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::random::mixed;

    const RECORDS: u64 = 100_000;

    #[test]
    fn every_key_is_found_and_few_others_are() {
        let mut filter = Filter::for_records(RECORDS);
        (0..RECORDS * 3 / 2).for_each(|key| filter.add(mixed(key)));
        let read = Filter::of_bytes(filter.to_bytes()).unwrap();
        for filter in [filter, read] {
            assert!((0..RECORDS * 3 / 2).all(|key| filter.may_contain(mixed(key))));
            let wrong = (1 << 40..(1 << 40) + RECORDS).filter(|key| filter.may_contain(mixed(*key))).count() as u64;
            assert!(wrong > 0 && wrong < RECORDS / 50, "{wrong}");
        }
        assert!(!Filter::for_records(0).may_contain(mixed(1)));
    }

    #[test]
    fn a_damaged_filter_is_refused() {
        let mut filter = Filter::for_records(100);
        (0..100).for_each(|key| filter.add(mixed(key)));
        let whole = filter.to_bytes();
        for at in (0..whole.len()).step_by(7) {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            assert!(Filter::of_bytes(bytes).is_none());
        }
        assert!(Filter::of_bytes(whole[..whole.len() - 8].to_vec()).is_none());
        assert!(Filter::of_bytes(Vec::new()).is_none());
    }
}
