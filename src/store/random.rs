//! Randomness where anything will do, and numbers that look random.

/// A byte at random. Without randomness it is the greatest.
pub(super) fn random_byte() -> u8 {
    let mut byte = [u8::MAX];
    getrandom::fill(&mut byte).unwrap_or_default();
    let [byte] = byte;
    byte
}

/// Mixes the bits of a number, as splitmix64 does. It is part of the layout of a base of the index, and of sample data.
pub fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
