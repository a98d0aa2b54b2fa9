//! Randomness where anything will do, and numbers that look random.

use std::cell::RefCell;

/// How many random numbers a thread draws together. For one number the kernel takes as long as for some.
const DRAWN_TOGETHER: usize = 32;

thread_local! {
    /// Random numbers that were drawn and are not used yet.
    static DRAWN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// A byte at random. Without randomness it is the greatest.
pub(super) fn random_byte() -> u8 {
    let mut byte = [u8::MAX];
    getrandom::fill(&mut byte).unwrap_or_default();
    let [byte] = byte;
    byte
}

/// A random number, of those that the thread draws together.
///
/// # Errors
///
/// If the kernel has no randomness.
pub fn random_number() -> Result<u64, getrandom::Error> {
    DRAWN.with_borrow_mut(|drawn| {
        if let Some(number) = drawn.pop() {
            return Ok(number);
        }
        let mut bytes = [0; DRAWN_TOGETHER * size_of::<u64>()];
        getrandom::fill(&mut bytes)?;
        let mut numbers = bytes.as_chunks().0.iter().map(|bytes| u64::from_ne_bytes(*bytes));
        let first = numbers.next().unwrap_or_default();
        drawn.extend(numbers);
        Ok(first)
    })
}

/// Mixes the bits of a number, as splitmix64 does. It is part of the layout of a base of the index, and of sample data.
pub fn mixed(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::thread;

    use super::*;

    #[test]
    fn random_numbers_differ_however_many_are_drawn_together() {
        let draw = || (0..3 * DRAWN_TOGETHER).map(|_| random_number().unwrap()).collect::<HashSet<_>>();
        let (one, other) = (draw(), thread::spawn(draw).join().unwrap());
        assert_eq!((one.len(), other.len()), (3 * DRAWN_TOGETHER, 3 * DRAWN_TOGETHER));
        assert!(one.is_disjoint(&other) && one.is_disjoint(&draw()));
    }
}
