//! Randomness where anything will do, and numbers that look random.

/// A byte at random. Without randomness it is the greatest.
pub(super) fn random_byte() -> u8 {
    let mut byte = [u8::MAX];
    getrandom::fill(&mut byte).unwrap_or_default();
    let [byte] = byte;
    byte
}

/// Random numbers. The list is empty if there is no randomness.
pub fn random_numbers(count: usize) -> Vec<u64> {
    let mut bytes = vec![0; count * size_of::<u64>()];
    let drawn =
        getrandom::fill(&mut bytes).map(|()| bytes.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes)));
    drawn.map_or_else(|_| Vec::new(), Iterator::collect)
}

/// Mixes the bits of a number, as splitmix64 does. It is part of the layout of a base of the index, and of sample data.
pub fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
