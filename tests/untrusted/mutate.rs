//! Mutating valid input.

use fastrand::Rng;

/// Random bytes.
pub fn any(random: &mut Rng, most: usize) -> Vec<u8> {
    let length = random.usize(..=most);
    (0..length).map(|_| random.u8(..)).collect()
}

/// Inserts a few faults, or none.
pub fn mutate(random: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..random.usize(..4) {
        let at = random.usize(..=bytes.len());
        let to = random.usize(at..=bytes.len().min(at + 64));
        match random.u8(..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.u8(..8),
            1 if at < bytes.len() => bytes[at] = random.u8(..),
            2 => bytes.truncate(at),
            3 => drop(bytes.drain(at..to)),
            4 => {
                let part = bytes[at..to].to_vec();
                let place = random.usize(..=bytes.len());
                bytes.splice(place..place, part);
            }
            5 => {
                let part = any(random, 16);
                bytes.splice(at..at, part);
            }
            // The largest lengths.
            6 => drop(bytes.splice(at..to.min(at + 5), [255, 255, 255, 255, 15])),
            _ => {}
        }
    }
}

/// Valid text with a few faults, or none. It is still text.
pub fn bent_text(random: &mut Rng, text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    mutate(random, &mut bytes);
    String::from_utf8_lossy(&bytes).into_owned().into_bytes()
}
