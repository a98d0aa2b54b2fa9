//! Names of people: how they are kept, and when two of them are the same.
//!
//! A name never reaches a log: `Debug` says that there is one, and `Display` does not exist.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory as _};

use super::day::Day;

/// A person's name, as it was reported.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PersonName {
    /// Given names. Empty: the person has one name only.
    pub given: String,
    /// Family name.
    pub family: String,
    /// Jr, Sr, II and the like; plays no part in matching.
    pub suffix: String,
}

impl PersonName {
    /// The name in the order in which it is spoken.
    pub fn spoken(&self) -> String {
        let parts = [&self.given, &self.family, &self.suffix];
        parts.into_iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
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

/// The names of a person in little room: the current one as it is spoken, and every one ever held, folded.
#[derive(Clone, PartialEq, Eq)]
pub struct HeldNames {
    /// Given and family name of each, folded, every one with a NUL behind it, which no folded name has; then the current
    /// one as it is spoken.
    text: Box<str>,
    spoken_at: usize,
}

impl HeldNames {
    /// Of names of which the last is the current one.
    pub fn of(names: &[PersonName]) -> HeldNames {
        let mut text = String::new();
        for FoldedName { given, family } in names.iter().map(PersonName::folded) {
            for part in [given, family] {
                text.push_str(&part);
                text.push('\0');
            }
        }
        let spoken_at = text.len();
        text.push_str(&names.last().map(PersonName::spoken).unwrap_or_default());
        HeldNames { text: text.into(), spoken_at }
    }

    /// Looks at a little of the text, so that it is fetched from memory. What it gives means nothing.
    pub fn glance(&self) -> i32 {
        self.text.as_bytes().get(self.spoken_at).copied().map_or(0, i32::from)
    }

    /// The current one as it is spoken; empty if there is none.
    pub fn spoken(&self) -> &str {
        &self.text[self.spoken_at..]
    }

    /// Given and family name of each, folded, the current one last.
    pub fn folded(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut parts = self.text[..self.spoken_at].split_terminator('\0');
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }
}

impl fmt::Debug for HeldNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HeldNames(redacted)")
    }
}

/// How a person is asked for without a number.
#[derive(Clone, PartialEq, Eq)]
pub struct Holder {
    /// A name the person holds or held.
    pub name: FoldedName,
    /// The birth date.
    pub birth_date: Day,
}

impl fmt::Debug for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Holder(redacted)")
    }
}

/// Decomposed, without marks and modifier letters, case folded, letters and digits only.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        // Most names: there is nothing to take apart.
        return text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    }
    fold_any(text)
}

/// Whether a text has more than so many characters once it is decomposed: one may become eighteen.
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

/// Whether a character of a decomposed text counts: a letter or a digit. A modifier letter does not: one person writes
/// the ʻokina of a name so, another with an apostrophe, a third not at all.
fn is_compared(c: char) -> bool {
    c.is_alphanumeric() && !is_combining_mark(c) && c.general_category() != GeneralCategory::ModifierLetter
}

/// A family name folded, its trailing Jr, Sr, II, III or IV dropped.
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
    fn an_apostrophe_or_a_modifier_letter_makes_no_difference() {
        // As a typewriter, a word processor, a Hawaiian, a Ukrainian, and a Turk write them; and full width, and primes.
        for sign in "'\u{2018}\u{2019}\u{201b}\u{2bb}\u{2bc}\u{2bd}\u{2be}\u{2bf}\u{2b9}\u{2c8}\u{2ee}\u{55a}\u{7f4}`\u{b4}\u{2032}\u{ff07}".chars() {
            for name in [format!("Ka{sign}ahumanu"), format!("Kaahumanu{sign}"), format!("{sign}Kaahumanu")] {
                assert_eq!(fold(&name), "kaahumanu", "U+{:04X}", u32::from(sign));
                assert_eq!(fold_family(&name), "kaahumanu", "U+{:04X}", u32::from(sign));
            }
        }
        // A compatibility form of a letter is that letter.
        assert_eq!(fold("Mª 2ᵃ"), "ma2a");
    }

    #[test]
    fn folding_twice_is_folding_once() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", u32::from(c));
        }
    }

    #[test]
    fn names_that_differ_stay_apart() {
        assert_ne!(fold_family("Ii"), fold_family(""));
        assert_ne!(fold_family("Smith"), fold_family("Smyth"));
        assert_eq!(fold_family("Jr"), "jr", "a family name that is nothing else is kept");
    }

    #[test]
    fn ascii_is_folded_as_anything_is() {
        let ascii: String = (0..=127).map(char::from).collect();
        for at in 0..ascii.len() {
            let text = [&ascii[at..], &ascii[..at]].concat();
            assert_eq!(fold(&text), fold_any(&text));
        }
        assert_eq!(fold(&ascii).len(), 10 + 2 * 26);
    }

    #[test]
    fn held_names_are_those_that_went_in() {
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
    }

    #[test]
    fn a_name_is_not_shown_by_debug() {
        let name = PersonName { given: "Ada".into(), family: "Example".into(), suffix: String::new() };
        let held = HeldNames::of(std::slice::from_ref(&name));
        assert!(!format!("{name:?} {:?} {held:?}", name.folded()).contains("xample"));
    }
}
