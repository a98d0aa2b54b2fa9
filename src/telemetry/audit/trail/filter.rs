//! A Bloom filter of the keys in a block of lines. It has no false negatives.

/// The bits per key, and the number of probes. The false positive rate is one percent.
const BITS: usize = 10;
const PROBES: u64 = 7;

/// A key that a block is searched by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key<'a> {
    Number(&'a [u8]),
    /// The name of a client, escaped as in the lines.
    Client(&'a [u8]),
    /// The id of a specialist, a job or a fact.
    Id(&'a [u8]),
}

impl Key<'_> {
    /// The hash is stable across processes, because the filters are stored on disk.
    fn hash(self) -> u64 {
        let (kind, bytes) = match self {
            Key::Number(bytes) => (b'n', bytes),
            Key::Client(bytes) => (b'c', bytes),
            Key::Id(bytes) => (b'i', bytes),
        };
        // FNV-1a, then the last steps of MurmurHash3.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in std::iter::once(&kind).chain(bytes) {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ (hash >> 33)
    }
}

/// The hashes of the keys of a block.
#[derive(Default)]
pub(super) struct Keys(Vec<u64>);

impl Keys {
    pub(super) fn add(&mut self, key: Key<'_>) {
        self.0.push(key.hash());
    }

    /// Returns the filter of all keys so far, and clears them.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut hashes = std::mem::take(&mut self.0);
        hashes.sort_unstable();
        hashes.dedup();
        let mut filter = vec![0; (hashes.len() * BITS).div_ceil(8).max(1)];
        for hash in hashes {
            for (byte, bit) in probes(hash, filter.len()) {
                filter[byte] |= bit;
            }
        }
        filter
    }
}

/// True if a block with this filter may contain a key.
pub(super) fn may_contain(filter: &[u8], key: Key<'_>) -> bool {
    filter.is_empty() || probes(key.hash(), filter.len()).all(|(byte, bit)| filter[byte] & bit != 0)
}

/// The bits of a hash, as byte index and mask.
fn probes(hash: u64, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    let bits = bytes as u64 * 8;
    let step = (hash >> 32) | 1;
    (0..PROBES).map(move |probe| {
        let bit = hash.wrapping_add(probe.wrapping_mul(step)) % bits;
        (usize::try_from(bit / 8).unwrap_or(0), 1 << (bit % 8))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_false_negatives_and_few_false_positives() {
        let name = |at: u32| format!("CPS-{at:04}-0000-0").into_bytes();
        let mut keys = Keys::default();
        (0..5000).for_each(|at| keys.add(Key::Number(&name(at))));
        let filter = keys.take();
        assert!((0..5000).all(|at| may_contain(&filter, Key::Number(&name(at)))));
        let taken = (5000..15_000).filter(|at| may_contain(&filter, Key::Number(&name(*at)))).count();
        assert!(taken < 200, "{taken} of 10,000");
        let clients = (0..5000).filter(|at| may_contain(&filter, Key::Client(&name(*at)))).count();
        assert!(clients < 200, "a client is not a number: {clients}");
    }
}
