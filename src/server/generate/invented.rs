//! Fictional names, birth dates and identifiers.

use super::rng::Rng;
use crate::domain::day::Day;
use crate::domain::name::PersonName;

const BEGINNINGS: [&str; 24] = [
    "Al", "Ber", "Cal", "Dar", "El", "Fen", "Gar", "Hal", "Is", "Jor", "Kel", "Lan", "Mar", "Nor", "Or", "Pel", "Quin",
    "Ros", "Sel", "Tam", "Ur", "Ver", "Wil", "Zan",
];
const MIDDLES: [&str; 16] =
    ["a", "ber", "de", "e", "fa", "ga", "i", "ken", "la", "mi", "ne", "o", "ri", "sa", "ti", "vo"];
const GIVEN_ENDINGS: [&str; 16] =
    ["a", "bel", "cia", "dra", "el", "fin", "ia", "la", "lyn", "na", "ne", "on", "ra", "ric", "ta", "vin"];
const FAMILY_ENDINGS: [&str; 20] = [
    "bert", "bridge", "by", "dale", "den", "field", "ford", "ham", "heim", "ler", "ley", "man", "mont", "more", "ner",
    "son", "stad", "ton", "well", "worth",
];
/// Few names need folding of letters. Each of these does.
const SPECIAL_NAMES: [&str; 8] = ["Núñez", "Sørensen", "Łukasik", "Weiß", "O'Dell", "D’Arby", "Nguyễn", "Šimić"];

/// The counties of the providers. These are real.
pub(super) const COUNTIES: [&str; 12] = [
    "Adams",
    "Coahoma",
    "Forrest",
    "Harrison",
    "Hinds",
    "Jones",
    "Lafayette",
    "Lauderdale",
    "Lee",
    "Rankin",
    "Warren",
    "Washington",
];

/// Generates a name.
pub(super) fn name(rng: &mut Rng) -> PersonName {
    let given = syllables(rng, &GIVEN_ENDINGS);
    let suffix = if rng.percent(3) { rng.one_of(&["Jr", "Sr", "III"], "Jr") } else { "" };
    PersonName { given, family: family(rng), suffix: suffix.to_owned() }
}

/// Generates a family name.
pub(super) fn family(rng: &mut Rng) -> String {
    if rng.percent(4) {
        return rng.one_of(&SPECIAL_NAMES, "Núñez").to_owned();
    }
    let family = syllables(rng, &FAMILY_ENDINGS);
    if rng.percent(5) { format!("{family}-{}", syllables(rng, &FAMILY_ENDINGS)) } else { family }
}

/// Generates the name of a place.
pub(super) fn place(rng: &mut Rng) -> String {
    syllables(rng, &FAMILY_ENDINGS)
}

fn syllables(rng: &mut Rng, endings: &[&str]) -> String {
    let mut word = rng.one_of(&BEGINNINGS, "Al").to_owned();
    for _ in 0..rng.below(3) {
        word.push_str(rng.one_of(&MIDDLES, "a"));
    }
    word.push_str(rng.one_of(endings, "a"));
    word
}

/// Generates the birth date of a person who is first hired on this day.
pub(super) fn birth_date(rng: &mut Rng, hired: Day) -> Day {
    hired.plus(-rng.days(19 * 365 + 5, 62 * 365))
}

/// Generates a National Provider Identifier with its check digit. It begins with 2: no assigned identifier does.
pub(super) fn npi(number: usize) -> String {
    let digits = format!("2{number:08}");
    // The check digit covers the prefix 80840, which adds 24.
    let sum: u32 = (0..).zip(digits.bytes().rev()).map(|(place, digit)| weighed(place, u32::from(digit - b'0'))).sum();
    format!("{digits}{}", (10 - (sum + 24) % 10) % 10)
}

fn weighed(place: u32, digit: u32) -> u32 {
    if place.is_multiple_of(2) { digit * 2 / 10 + digit * 2 % 10 } else { digit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_have_the_check_digits_of_the_sample_data() {
        assert_eq!([npi(1), npi(2), npi(9)], ["2000000010", "2000000028", "2000000093"]);
    }
}
