//! Identifiers: what a person can read over the telephone, and the program can compare in one instruction.
//!
//! The registry's own ids are 40 random bits in Crockford's base 32 with a check character (Luhn, modulus 32), grouped
//! for reading: `CPS-7K3M-9QRT-X`. Case, hyphens and the letters O, I and L are forgiven when one is read; a wrong check
//! character is not. A provider may bring an id of its own.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: u32 = 8;

fn value_of(symbol: u8) -> Option<u32> {
    let symbol = match symbol.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    SYMBOLS.iter().position(|s| *s == symbol).and_then(|at| u32::try_from(at).ok())
}

fn digit(number: u64, place: u32) -> u32 {
    ((number >> (5 * place)) & 31) as u32
}

/// The Luhn check digit, modulus 32: one wrong symbol is always found, two neighbours exchanged nearly always.
fn check_digit(number: u64) -> u32 {
    let sum: u32 = (0..DIGITS)
        .map(|place| {
            let digit = digit(number, place);
            if place % 2 == 0 { digit * 2 / 32 + digit * 2 % 32 } else { digit }
        })
        .sum();
    (32 - sum % 32) % 32
}

fn write_grouped(f: &mut fmt::Formatter<'_>, prefix: &str, number: u64) -> fmt::Result {
    let mut text = [b'-'; 11];
    for place in 0..DIGITS {
        let at = 7 - place as usize;
        text[if at < 4 { at } else { at + 1 }] = SYMBOLS[digit(number, place) as usize];
    }
    text[10] = SYMBOLS[check_digit(number) as usize];
    f.write_str(prefix)?;
    f.write_str("-")?;
    f.write_str(std::str::from_utf8(&text).unwrap_or_default())
}

/// A number as it is written, without going through a formatter. `LENGTH` is that of the prefix and twelve more.
fn text_of<const LENGTH: usize>(prefix: &str, number: u64) -> [u8; LENGTH] {
    let mut text = [b'-'; LENGTH];
    let behind = prefix.len() + 1;
    text[..prefix.len()].copy_from_slice(prefix.as_bytes());
    for place in 0..DIGITS {
        let at = 7 - place as usize;
        text[behind + if at < 4 { at } else { at + 1 }] = SYMBOLS[digit(number, place) as usize];
    }
    text[behind + 10] = SYMBOLS[check_digit(number) as usize];
    text
}

fn read_grouped(prefix: &str, text: &str) -> Option<u64> {
    let head = text.get(..prefix.len())?;
    if !head.eq_ignore_ascii_case(prefix) {
        return None;
    }
    let mut number = 0_u64;
    let mut seen = 0;
    for byte in text[prefix.len()..].bytes().filter(|byte| *byte != b'-') {
        let value = value_of(byte)?;
        match seen {
            0..DIGITS => number = number << 5 | u64::from(value),
            DIGITS if value == check_digit(number) => {}
            _ => return None,
        }
        seen += 1;
    }
    (seen == DIGITS + 1).then_some(number)
}

/// The text does not have the form of the id it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct NotAnId(pub &'static str);

macro_rules! grouped_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The id of 40 random bits; higher bits are ignored.
            pub const fn from_number(number: u64) -> Self {
                Self(number & ((1 << (5 * DIGITS)) - 1))
            }

            /// Its 40 bits.
            pub const fn number(self) -> u64 {
                self.0
            }

            /// The id as it is written.
            pub fn text(self) -> [u8; $prefix.len() + 12] {
                text_of($prefix, self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_grouped(f, $prefix, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                read_grouped($prefix, text).map(Self).ok_or(NotAnId($what))
            }
        }
    };
}

grouped_id!(
    /// The number on a certificate: `CPS-7K3M-9QRT-X`.
    CredentialNumber, "CPS", "a credential number (like CPS-7K3M-9QRT-X)"
);

grouped_id!(
    /// A person on file, credentialed or not: `SP-…`.
    SpecialistId, "SP", "a specialist id (like SP-7K3M-9QRT-X)"
);
grouped_id!(
    /// One job of one person with one provider: `EM-…`.
    EmploymentId, "EM", "an employment id (like EM-7K3M-9QRT-X)"
);

/// A provider's id: the certifier's own, or one the registry made (`PR-…`).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// An id of the registry's making.
    pub fn from_number(number: u64) -> ProviderId {
        struct Grouped(u64);
        impl fmt::Display for Grouped {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_grouped(f, "PR", self.0)
            }
        }
        ProviderId(Grouped(number & ((1 << (5 * DIGITS)) - 1)).to_string().into())
    }

    /// The id as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProviderId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<ProviderId, NotAnId> {
        let fits = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && text.as_bytes()[0].is_ascii_alphanumeric();
        fits.then(|| ProviderId(text.into()))
            .ok_or(NotAnId("a provider id (1 to 64 letters, digits, '-', '_' or '.', the first a letter or digit)"))
    }
}

impl std::borrow::Borrow<str> for ProviderId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The position of a record: gap-free from 1. Zero is the empty registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The empty registry.
    pub const ZERO: Revision = Revision(0);
    /// Later than every record.
    pub const LATEST: Revision = Revision(u64::MAX);

    /// The revision that follows.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0 + 1)
    }

    /// The revision before; zero stays zero.
    #[must_use]
    pub fn previous(self) -> Revision {
        Revision(self.0.saturating_sub(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a fact stands: its record, and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId {
    /// The record that brought it.
    pub revision: Revision,
    /// Its place in that record, from 0.
    pub index: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_survives_writing_and_reading() {
        for number in [0, 1, 31, 32, (1 << 40) - 1, 0x12_3456_789a] {
            let id = CredentialNumber::from_number(number);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().as_bytes(), id.text());
            assert_eq!(SpecialistId(number).to_string().as_bytes(), SpecialistId(number).text());
        }
    }

    #[test]
    fn reading_forgives_what_people_do_and_refuses_what_they_mistype() {
        let id = CredentialNumber::from_number(0x12_3456_789a);
        let text = id.to_string();
        assert_eq!(text.to_lowercase().replace('-', "").parse(), Ok(id));
        for at in 4..text.len() {
            for symbol in SYMBOLS {
                let mut wrong = text.clone().into_bytes();
                if wrong[at] == b'-' || wrong[at] == *symbol {
                    continue;
                }
                wrong[at] = *symbol;
                let wrong = String::from_utf8(wrong).unwrap();
                assert!(wrong.parse::<CredentialNumber>().is_err(), "{wrong} passes for {text}");
            }
        }
        assert!(text.parse::<SpecialistId>().is_err());
    }

    #[test]
    fn numbers_sort_as_their_texts_do() {
        let numbers = [5_u64, 0x12_3456_789a, 77, 1 << 39, 31, 32];
        let mut ids: Vec<_> = numbers.map(CredentialNumber::from_number).to_vec();
        ids.sort();
        let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let mut sorted = texts.clone();
        sorted.sort();
        assert_eq!(texts, sorted);
    }
}
