//! Identifiers that people can read over the telephone and the program can compare as one integer.
//!
//! The registry's own ids are 40 random bits in Crockford's base 32 with a check character (Luhn, modulus 32), grouped
//! for reading: `CPS-7K3M-9QRT-X`. Parsing accepts how people write them: other dashes, spaces, lower case, O, I and L
//! for digits, and no prefix. A wrong check character is an error. A provider may have an id of the certifier's choice.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: u32 = 8;

/// The maximum number of characters of an id as written, including ignored ones.
const LONGEST_WRITTEN: usize = 64;

/// The meaning of an ignored ASCII character: whitespace or the hyphen.
const IGNORED: u8 = 32;
/// The meaning of an ASCII character that is not allowed in an id.
const NOT_ALLOWED: u8 = 33;

/// The meaning of each ASCII character: the value of a symbol, `IGNORED` or `NOT_ALLOWED`.
const MEANING: [u8; 128] = {
    let mut meaning = [NOT_ALLOWED; 128];
    let mut value = 0_u8;
    while value < IGNORED {
        let symbol = SYMBOLS[value as usize];
        meaning[symbol as usize] = value;
        meaning[symbol.to_ascii_lowercase() as usize] = value;
        value += 1;
    }
    let (zero, one) = (meaning[b'0' as usize], meaning[b'1' as usize]);
    (meaning[b'O' as usize], meaning[b'o' as usize]) = (zero, zero);
    (meaning[b'I' as usize], meaning[b'i' as usize]) = (one, one);
    (meaning[b'L' as usize], meaning[b'l' as usize]) = (one, one);
    let ignored = b"\t\n\x0b\x0c\r -";
    let mut at = 0;
    while at < ignored.len() {
        meaning[ignored[at] as usize] = IGNORED;
        at += 1;
    }
    meaning
};

/// The meaning of any character, as in `MEANING`.
fn meaning_of(letter: char) -> u8 {
    if let Some(meaning) = MEANING.get(letter as usize) {
        return *meaning;
    }
    let is_dash = || matches!(letter.general_category(), GeneralCategory::DashPunctuation | GeneralCategory::Format);
    // The minus sign and the hyphen bullet look like dashes but have other categories.
    let is_ignored = letter.is_whitespace() || matches!(letter, '\u{2212}' | '\u{2043}') || is_dash();
    if is_ignored { IGNORED } else { NOT_ALLOWED }
}

/// Whether a character is left out of an id: a blank, a dash, or an invisible character.
pub(super) fn is_ignored(letter: char) -> bool {
    meaning_of(letter) == IGNORED
}

fn digit(number: u64, place: u32) -> u32 {
    ((number >> (5 * place)) & 31) as u32
}

/// The Luhn check digit, modulus 32. It detects every single wrong symbol and nearly every swap of two adjacent ones.
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

/// The text of an id, without using a formatter. `LENGTH` must be the length of the prefix plus twelve.
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

/// Parses an id as people write it, without allocating. The prefix may be missing.
fn read_grouped(prefix: &str, text: &str) -> Option<u64> {
    let (mut symbols, mut seen) = (0_u64, 0);
    for (at, letter) in text.chars().enumerate() {
        if at == LONGEST_WRITTEN {
            return None;
        }
        match meaning_of(letter) {
            IGNORED => {}
            NOT_ALLOWED => return None,
            value => {
                symbols = symbols << 5 | u64::from(value);
                seen += 1;
                // At most twelve symbols of five bits each fit.
                if seen > prefix.len() + WITHOUT_PREFIX {
                    return None;
                }
            }
        }
    }
    let (head, symbols) = (symbols >> (5 * WITHOUT_PREFIX), symbols & ((1 << (5 * WITHOUT_PREFIX)) - 1));
    let has_prefix = seen == prefix.len() + WITHOUT_PREFIX && head == symbols_of(prefix);
    let (number, check) = (symbols >> 5, digit(symbols, 0));
    ((has_prefix || seen == WITHOUT_PREFIX) && check == check_digit(number)).then_some(number)
}

/// The number of symbols without the prefix: the digits and the check character.
const WITHOUT_PREFIX: usize = DIGITS as usize + 1;

/// The symbols of a prefix, five bits each.
fn symbols_of(prefix: &str) -> u64 {
    prefix.chars().fold(0, |symbols, letter| symbols << 5 | u64::from(meaning_of(letter)))
}

/// The text is not an id of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not {0}")]
pub struct NotAnId(pub &'static str);

macro_rules! grouped_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// The id with these 40 bits. Higher bits are ignored.
            pub const fn from_number(number: u64) -> Self {
                Self(number & ((1 << (5 * DIGITS)) - 1))
            }

            /// The 40 bits.
            pub const fn number(self) -> u64 {
                self.0
            }

            /// The id in text form.
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
    /// The id of a person, with or without a credential: `SP-…`.
    SpecialistId, "SP", "a specialist id (like SP-7K3M-9QRT-X)"
);
grouped_id!(
    /// The id of one job of one person with one provider: `EM-…`.
    EmploymentId, "EM", "an employment id (like EM-7K3M-9QRT-X)"
);

/// A provider's id, chosen by the certifier or assigned by the registry (`PR-…`).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ProviderId(Arc<str>);

impl Ord for ProviderId {
    /// Orders by the text, which is not read if both share it.
    fn cmp(&self, other: &ProviderId) -> Ordering {
        if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
    }
}

impl PartialOrd for ProviderId {
    fn partial_cmp(&self, other: &ProviderId) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl ProviderId {
    /// An id assigned by the registry, from 40 random bits.
    pub fn from_number(number: u64) -> ProviderId {
        struct Grouped(u64);
        impl fmt::Display for Grouped {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_grouped(f, "PR", self.0)
            }
        }
        ProviderId(Grouped(number & ((1 << (5 * DIGITS)) - 1)).to_string().into())
    }

    /// The id as text.
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

/// The revision of a record: numbered without gaps from 1. Zero is the empty registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u64);

impl Revision {
    /// The empty registry.
    pub const ZERO: Revision = Revision(0);
    /// A value after every revision.
    pub const LATEST: Revision = Revision(u64::MAX);

    /// The next revision.
    #[must_use]
    pub fn next(self) -> Revision {
        Revision(self.0 + 1)
    }

    /// The previous revision. Zero stays zero.
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

/// The id of a fact: its record, and its index in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FactId {
    /// The revision of the record.
    pub revision: Revision,
    /// The index in the record, starting at 0.
    pub index: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_can_be_written_and_parsed() {
        for number in [0, 1, 31, 32, (1 << 40) - 1, 0x12_3456_789a] {
            let id = CredentialNumber::from_number(number);
            assert_eq!(id.to_string().parse(), Ok(id));
            assert_eq!(id.to_string().as_bytes(), id.text());
            assert_eq!(SpecialistId(number).to_string().as_bytes(), SpecialistId(number).text());
        }
    }

    #[test]
    fn an_id_is_parsed_as_people_write_it() {
        let id = CredentialNumber::from_number(0x12_3456_0020);
        let text = id.to_string();
        assert_eq!(text, "CPS-28T5-C010-X");
        for written in [
            "cps28t5c010x",
            "28T5-C010-X",
            "28t5c010x",
            "CPS-28T5-COlO-X",
            "cps-28t5-coIo-x",
            "CPS\u{2013}28T5\u{2014}C010\u{2010}X",
            "CPS\u{2212}28T5\u{2043}C010\u{ff0d}X",
            " CPS 28T5 C010 X\r\n",
            "\u{feff}CPS\u{a0}28T5\u{202f}C010\u{3000}X\u{200b}",
            "\u{202a}CPS-28T5\u{ad}-C010-X\u{202c}",
            "C-P-S-2-8-T-5-C-0-1-0-X",
        ] {
            assert_eq!(written.parse(), Ok(id), "{written:?}");
        }
        let (specialist, job) = (SpecialistId::from_number(7), EmploymentId::from_number(7));
        assert_eq!("sp 0000 0oO7 j".replace(' ', "\u{2011}").parse(), Ok(specialist));
        assert_eq!("em00000007j".parse(), Ok(job));
        assert_eq!("0000 0007 J".parse(), Ok(job));
    }

    #[test]
    fn a_text_that_is_not_an_id_is_an_error() {
        let id = CredentialNumber::from_number(0x12_3456_0020);
        for written in [
            "",
            " - ",
            "CPS",
            "CPS-28T5-C010",
            "CPS-28T5-C010-XY",
            "SPS-28T5-C010-X",
            "PS-28T5-C010-X",
            "CPS-28T5-C0U0-X",
            "CPS_28T5_C010_X",
            "CPS.28T5.C010.X",
            "CPS-28T5-C010-X\0",
            "CPS-28T5-C010-\u{ff38}",
            "CPS-\u{662}8T5-C010-Y",
        ] {
            assert!(written.parse::<CredentialNumber>().is_err(), "{written:?}");
        }
        assert_eq!(format!("CPS-28T5-C010-X{}", "-".repeat(49)).parse(), Ok(id), "64 characters");
        assert!(format!("CPS-28T5-C010-X{}", "-".repeat(50)).parse::<CredentialNumber>().is_err(), "65 characters");
        assert!(format!("CPS-28T5-C010-X{}", "\u{200b}".repeat(50)).parse::<CredentialNumber>().is_err());
    }

    #[test]
    fn a_wrong_symbol_is_detected() {
        let id = CredentialNumber::from_number(0x12_3456_789a);
        let text = id.to_string();
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
    fn ids_sort_like_their_texts() {
        let numbers = [5_u64, 0x12_3456_789a, 77, 1 << 39, 31, 32];
        let mut ids: Vec<_> = numbers.map(CredentialNumber::from_number).to_vec();
        ids.sort();
        let texts: Vec<_> = ids.iter().map(ToString::to_string).collect();
        let mut sorted = texts.clone();
        sorted.sort();
        assert_eq!(texts, sorted);
    }
}
