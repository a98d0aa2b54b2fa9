//! Prior numbers: the numbers of certificates that were issued before this registry existed.

use std::fmt;
use std::str::FromStr;

use super::id::is_ignored;

/// The number of an earlier certificate, folded: without dashes, blanks and invisible characters, in upper case. Unlike
/// in the registry's own numbers, no letter is read as a digit, and there is no check character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PriorNumber(Box<str>);

/// Why a text is not a prior number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPriorNumber {
    /// Nothing is left after folding.
    #[error("contains nothing but dashes and blanks")]
    Empty,
    /// Too many characters are left after folding.
    #[error("longer than {} characters without dashes and blanks", PriorNumber::LONGEST)]
    TooLong,
    /// A control character, which no certificate can show.
    #[error("contains a control character: remove it")]
    Control,
}

impl PriorNumber {
    /// The maximum number of characters after folding.
    pub const LONGEST: usize = 32;

    /// The maximum number of characters as written, so that folding takes little time.
    const LONGEST_WRITTEN: usize = 256;

    /// The folded text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PriorNumber {
    type Err = NotAPriorNumber;

    fn from_str(text: &str) -> Result<PriorNumber, NotAPriorNumber> {
        let (mut folded, mut kept) = (String::new(), 0);
        for (at, letter) in text.chars().enumerate() {
            if at == PriorNumber::LONGEST_WRITTEN {
                return Err(NotAPriorNumber::TooLong);
            }
            if is_ignored(letter) {
                continue;
            }
            if letter.is_control() {
                return Err(NotAPriorNumber::Control);
            }
            kept += 1;
            if kept > PriorNumber::LONGEST {
                return Err(NotAPriorNumber::TooLong);
            }
            folded.push(letter.to_ascii_uppercase());
        }
        if folded.is_empty() { Err(NotAPriorNumber::Empty) } else { Ok(PriorNumber(folded.into())) }
    }
}

impl fmt::Display for PriorNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PriorNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Result<String, NotAPriorNumber> {
        text.parse().map(|number: PriorNumber| number.to_string())
    }

    #[test]
    fn a_prior_number_is_folded_as_people_write_it() {
        for written in [
            "MS-00O1il",
            " ms 00o1IL\r\n",
            "\u{feff}ms\u{2013}00\u{2212}o1\u{2043}IL\u{200b}",
            "M\u{ad}S\u{a0}00\u{3000}O1\u{202a}il\u{202c}",
        ] {
            assert_eq!(folded(written).as_deref(), Ok("MS00O1IL"), "{written:?}");
        }
        // No letter is taken for a digit, no prefix is left out, and other letters keep their case.
        assert_eq!(folded("CPS-l0 é/7").as_deref(), Ok("CPSL0é/7"));
        let number: PriorNumber = "MS-00O1il".parse().unwrap();
        assert_eq!(number.as_str().parse(), Ok(number));
    }

    #[test]
    fn a_prior_number_has_1_to_32_characters_after_folding() {
        for nothing in ["", " - \u{2014}\u{200b}"] {
            assert_eq!(folded(nothing), Err(NotAPriorNumber::Empty), "{nothing:?}");
        }
        let longest = "é".repeat(32);
        assert_eq!(folded(&format!(" -{longest}- ")), Ok(longest.clone()));
        assert_eq!(folded(&format!("{longest}7")), Err(NotAPriorNumber::TooLong));
        assert_eq!(folded(&format!("{}7", "-".repeat(255))).as_deref(), Ok("7"));
        assert_eq!(folded(&format!("{}7", "-".repeat(256))), Err(NotAPriorNumber::TooLong));
        assert_eq!(folded("7\0"), Err(NotAPriorNumber::Control));
    }
}
