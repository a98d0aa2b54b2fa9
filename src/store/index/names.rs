//! The keys under which people are found: by name, in the order of names, and by birth date.
//!
//! A key holds only the beginning of a long name, so several names may share a key. Callers compare the names in full.

use std::fmt;

use crate::domain::day::Day;
use crate::domain::id::SpecialistId;
use crate::domain::name::FoldedName;

/// The kinds of the keys.
const BIRTH_DATE: u8 = b'b';
const NAME: u8 = b'n';

/// The number of bytes of a folded family name in a key.
const FAMILY_BYTES: usize = 40;

/// The number of bytes of a folded given name in a key.
const GIVEN_BYTES: usize = 24;

/// Ends each of the two names in a key. No folded name contains it.
const END_OF_NAME: u8 = 0;

/// A name of a specialist, as the index orders names: by family name, given name, and the specialist's id.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NameKey(Vec<u8>);

impl NameKey {
    /// The key of a name of a specialist.
    pub fn of(bears: &FoldedName, id: SpecialistId) -> NameKey {
        let mut key = name(bears);
        key.extend(id.number().to_be_bytes());
        NameKey(key)
    }

    pub(super) fn read(key: &[u8]) -> Option<NameKey> {
        trailing_specialist(key).map(|_| NameKey(key.to_vec()))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The specialist who bears or bore the name.
    pub fn specialist(&self) -> SpecialistId {
        // The conversion cannot fail: every key ends with an id.
        trailing_specialist(&self.0).unwrap_or(SpecialistId::from_number(0))
    }

    /// False if no given name with this key begins with `prefix`, which is folded.
    pub fn may_have_given_name(&self, prefix: &str) -> bool {
        let mut parts = self.0.splitn(3, |byte| *byte == END_OF_NAME);
        parts.nth(1).is_some_and(|given| given.starts_with(beginning(prefix, GIVEN_BYTES)))
    }
}

impl fmt::Debug for NameKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NameKey(redacted)")
    }
}

/// The specialist that a key or a value ends with.
pub(super) fn trailing_specialist(bytes: &[u8]) -> Option<SpecialistId> {
    bytes.last_chunk().map(|number| SpecialistId::from_number(u64::from_be_bytes(*number)))
}

/// A day within a key. Flipping the sign bit makes days before 1970 sort before later ones.
pub(super) fn ordered_day(day: Day) -> [u8; 4] {
    (day.number().cast_unsigned() ^ (1 << 31)).to_be_bytes()
}

fn beginning(name: &str, bytes: usize) -> &[u8] {
    &name.as_bytes()[..name.len().min(bytes)]
}

/// The prefix of the specialists with a name.
pub(super) fn name(bears: &FoldedName) -> Vec<u8> {
    let mut key = family_names(&bears.family);
    key.push(END_OF_NAME);
    key.extend_from_slice(beginning(&bears.given, GIVEN_BYTES));
    key.push(END_OF_NAME);
    key
}

/// The prefix of the names whose family name begins with `prefix`, which is folded.
pub(super) fn family_names(prefix: &str) -> Vec<u8> {
    [&[NAME], beginning(prefix, FAMILY_BYTES)].concat()
}

/// The prefix of the specialists born on a day.
pub(super) fn born_on(day: Day) -> Vec<u8> {
    [[BIRTH_DATE].as_slice(), &ordered_day(day)].concat()
}

/// The part of a key that may be shown to people: its kind, and of a key with personal data only the specialist's id.
pub(super) fn shown(key: &[u8]) -> (u8, &[u8]) {
    match key {
        [kind @ (NAME | BIRTH_DATE), rest @ ..] => (*kind, rest.last_chunk::<8>().map_or(&[], <[u8; 8]>::as_slice)),
        [kind, rest @ ..] => (*kind, rest),
        [] => (b'?', &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(given: &str, family: &str) -> FoldedName {
        FoldedName { given: given.to_owned(), family: family.to_owned() }
    }

    fn key(given: &str, family: &str, id: u64) -> NameKey {
        NameKey::of(&folded(given, family), SpecialistId::from_number(id))
    }

    #[test]
    fn names_sort_by_family_name_given_name_and_id() {
        let sorted = [
            key("zoe", "li", 9),
            key("", "lin", 7),
            key("ada", "lin", 1),
            key("ada", "lin", 2),
            key("adab", "lin", 1),
            key("ada", "linde", 0),
            key("ada", "łin", 0),
        ];
        assert!(sorted.is_sorted(), "{sorted:?}");
        assert_eq!(sorted[3].specialist(), SpecialistId::from_number(2));
        assert!(
            sorted[4].bytes().starts_with(&family_names("li")) && !sorted[0].bytes().starts_with(&family_names("lin"))
        );
        assert!(sorted[2].bytes().starts_with(&name(&folded("ada", "lin"))));
        assert!(!sorted[4].bytes().starts_with(&name(&folded("ada", "lin"))), "a longer given name is another name");
    }

    #[test]
    fn a_key_is_found_by_every_prefix_of_a_long_name() {
        let (given, family) = ("g\u{10428}".repeat(60), "f\u{10428}".repeat(200));
        let long = key(&given, &family, 5);
        assert!(long.bytes().len() < 100, "{}", long.bytes().len());
        for (at, _) in family.char_indices() {
            assert!(long.bytes().starts_with(&family_names(&family[..at])), "{at}");
        }
        for (at, _) in given.char_indices() {
            assert!(long.may_have_given_name(&given[..at]), "{at}");
        }
        for other in ["x", "gx", "g\u{10428}x"] {
            assert!(!long.may_have_given_name(other), "{other}");
        }
        assert!(key("", "li", 1).may_have_given_name("") && !key("", "li", 1).may_have_given_name("a"));
    }

    #[test]
    fn what_is_shown_of_a_key_names_nobody() {
        let printed = format!("{:?}", key("ada", "example", 5));
        assert!(!printed.contains("ada") && !printed.contains("example"), "{printed}");
        let id = SpecialistId::from_number(5).number().to_be_bytes();
        assert_eq!(shown(key("ada", "example", 5).bytes()), (NAME, id.as_slice()));
        let born = [born_on(Day::from_number(3_000)), id.to_vec()].concat();
        assert_eq!(shown(&born), (BIRTH_DATE, id.as_slice()));
        assert_eq!(shown(b"c123"), (b'c', b"123".as_slice()));
    }
}
