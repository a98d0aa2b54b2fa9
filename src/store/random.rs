//! Randomness where anything will do.

/// A byte at random. Without randomness it is the greatest.
pub(super) fn random_byte() -> u8 {
    let mut byte = [u8::MAX];
    getrandom::fill(&mut byte).unwrap_or_default();
    let [byte] = byte;
    byte
}
