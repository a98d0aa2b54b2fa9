//! People's names: storing and comparing them.
//!
//! A name must never reach a log: `Debug` prints no name, and `Display` is not implemented.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use super::day::Day;

/// A person's name, as reported.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PersonName {
    /// Given names. Empty for a person with a single name.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Jr, Sr, II and the like. Not compared.
    pub suffix: String,
}

impl PersonName {
    /// The full name, given names first.
    pub fn spoken(&self) -> String {
        let parts = [&self.given, &self.family, &self.suffix];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
    }

    /// Whether the name was redacted. No reported name is empty.
    pub fn is_redacted(&self) -> bool {
        self.given.is_empty() && self.family.is_empty()
    }

    /// The form in which names are compared.
    pub fn folded(&self) -> FoldedName {
        FoldedName { given: fold(&self.given), family: fold_family(&self.family) }
    }
}

impl fmt::Debug for PersonName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonName(redacted)")
    }
}

/// A name in the form in which names are compared.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FoldedName {
    /// Given names, folded.
    pub given: String,
    /// Family name, folded, without a trailing suffix.
    pub family: String,
}

impl fmt::Debug for FoldedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FoldedName(redacted)")
    }
}

/// The names of a person in compact form: the current name in full, and all names folded.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldNames {
    /// The given and family name of each name, folded, each followed by a NUL (which no folded name contains); then the
    /// full current name.
    text: Box<str>,
    spoken_at: u32,
    is_redacted: bool,
}

impl HeldNames {
    /// Builds from names in order; the last one is the current one.
    pub fn of(names: &[PersonName]) -> HeldNames {
        let mut text = String::new();
        for FoldedName { given, family } in names.iter().map(PersonName::folded) {
            for part in [given, family] {
                text.push_str(&part);
                text.push('\0');
            }
        }
        // A request has at most a few megabytes, and so have the names of a person.
        let spoken_at = u32::try_from(text.len()).unwrap_or_default();
        text.push_str(&names.last().map(PersonName::spoken).unwrap_or_default());
        HeldNames { text: text.into(), spoken_at, is_redacted: names.iter().any(PersonName::is_redacted) }
    }

    /// The full current name. Empty if there is none.
    pub fn spoken(&self) -> &str {
        self.text.split_at(self.spoken_at as usize).1
    }

    /// Whether a name was redacted, so that nobody can say any more which names the person never had.
    pub fn is_redacted(&self) -> bool {
        self.is_redacted
    }

    /// The given and family name of each name, folded, the current one last.
    pub fn folded(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.text.split_at(self.spoken_at as usize).0.split_terminator('\0');
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }
}

impl fmt::Debug for HeldNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldNames(redacted)")
    }
}

/// A question about a person without a credential number.
#[derive(Clone, PartialEq, Eq)]
pub struct Holder {
    /// A current or former name of the person.
    pub name: FoldedName,
    /// The birth date.
    pub birth_date: Day,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder(redacted)")
    }
}

/// Folds a text: decomposes it, removes marks and modifier letters, folds case, and keeps letters and digits only.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Most names are ASCII and need no decomposition.
        return text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    }
    fold_any(text)
}

/// Whether a text has more than `longest` characters after decomposition. One character may become eighteen.
pub fn is_long_decomposed(text: &str, longest: usize) -> bool {
    !text.is_ascii() && text.nfkd().nth(longest).is_some()
}

fn fold_any(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| is_compared(*c)).flat_map(char::to_lowercase) {
        match c {
            'ø' => folded.push('o'),
            'ł' => folded.push('l'),
            'đ' => folded.push('d'),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            'ß' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            c => folded.push(c),
        }
    }
    folded
}

/// Whether a character of a decomposed text is compared: letters and digits are. Modifier letters are not, because the
/// ʻokina of a name is also written as an apostrophe or left out.
fn is_compared(c: char) -> bool {
    c.is_alphanumeric() && !is_combining_mark(c) && c.general_category() != GeneralCategory::ModifierLetter
}

/// Folds a family name without a trailing Jr, Sr, II, III or IV.
pub fn fold_family(family: &str) -> String {
    let words = family.trim_end_matches(|c: char| !std::iter::once(c).nfkd().any(is_compared));
    if let Some(at) = words.rfind(|c: char| c.is_whitespace() || c == ',') {
        let (rest, last) = words.split_at(at);
        let rest = fold(rest);
        if !rest.is_empty() && matches!(fold(last).as_str(), "jr" | "sr" | "ii" | "iii" | "iv") {
            return rest;
        }
    }
    fold(family)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_as_people_write_them() {
        for (left, right) in [
            ("Muñoz", "MUNOZ"),
            ("O'Brien", "obrien"),
            ("O’Brien", "O Brien"),
            ("Łukasz-Sørensen", "lukasz sorensen"),
            ("Weiß", "WEISS"),
            ("Smith Jr.", "smith"),
            ("Smith, III", "SMITH"),
            ("Œuvray", "oeuvray"),
            ("Nguyễn", "Nguyen"),
            ("Smith Jr.ʼ", "smith"),
        ] {
            assert_eq!(fold_family(left), fold_family(right), "{left} and {right}");
        }
    }

    #[test]
    fn apostrophes_and_modifier_letters_are_ignored() {
        // Signs of a typewriter, a word processor, and of Hawaiian, Ukrainian and Turkish spelling; also full width and
        // primes.
        for sign in "'\u{2018}\u{2019}\u{201b}\u{2bb}\u{2bc}\u{2bd}\u{2be}\u{2bf}\u{2b9}\u{2c8}\u{2ee}\u{55a}\u{7f4}`\u{b4}\u{2032}\u{ff07}".chars() {
            for name in [format!("Ka{sign}ahumanu"), format!("Kaahumanu{sign}"), format!("{sign}Kaahumanu")] {
                assert_eq!(fold(&name), "kaahumanu", "U+{:04X}", u32::from(sign));
                assert_eq!(fold_family(&name), "kaahumanu", "U+{:04X}", u32::from(sign));
            }
        }
        // A compatibility form of a letter counts as the letter.
        assert_eq!(fold("Mª 2ᵃ"), "ma2a");
    }

    #[test]
    fn folding_is_idempotent() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn different_names_stay_different() {
        assert_ne!(fold_family("Ii"), fold_family(""));
        assert_ne!(fold_family("Smith"), fold_family("Smyth"));
        assert_eq!(fold_family("Jr"), "jr", "a family name that is only a suffix is kept");
    }

    #[test]
    fn the_ascii_path_gives_the_same_result() {
        let ascii: String = (0..=127).map(char::from).collect();
        for at in 0..ascii.len() {
            let text = [&ascii[at..], &ascii[..at]].concat();
            assert_eq!(fold(&text), fold_any(&text));
        }
        assert_eq!(fold(&ascii).len(), 10 + 2 * 26);
    }

    #[test]
    fn held_names_return_the_names_put_in() {
        let name = |given: &str, family: &str| PersonName {
            given: given.into(),
            family: family.into(),
            suffix: String::new(),
        };
        let held = HeldNames::of(&[name("Ada", "Muñoz"), name("\0", "?"), name("Ada \0 B.", "O'Brien")]);
        assert_eq!(held.folded().collect::<Vec<_>>(), [("ada", "munoz"), ("", ""), ("adab", "obrien")]);
        assert_eq!(held.spoken(), "Ada \0 B. O'Brien");
        let nobody = HeldNames::of(&[]);
        assert_eq!((nobody.folded().count(), nobody.spoken()), (0, ""));
        assert!(!held.is_redacted() && !nobody.is_redacted());
        let married = HeldNames::of(&[PersonName::default(), name("Ada", "Example-Stone")]);
        assert!(married.is_redacted() && married.spoken() == "Ada Example-Stone");
    }

    #[test]
    fn a_name_is_not_shown_by_debug() {
        let name = PersonName { given: "Ada".into(), family: "Example".into(), suffix: String::new() };
        let held = HeldNames::of(std::slice::from_ref(&name));
        assert!(!format!("{name:?} {:?} {held:?}", name.folded()).contains("xample"));
    }
}
