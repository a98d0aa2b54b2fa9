//! Names, birth dates and identifiers of nobody.

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
/// Few people's names need folding; each of these does.
const WRITTEN_ELSEWHERE: [&str; 8] = ["Núñez", "Sørensen", "Łukasik", "Weiß", "O'Dell", "D’Arby", "Nguyễn", "Šimić"];

/// The counties of the providers: real ones.
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

/// A name.
pub(super) fn name(dice: &mut Rng) -> PersonName {
    let given = syllables(dice, &GIVEN_ENDINGS);
    let suffix = if dice.percent(3) { dice.one_of(&["Jr", "Sr", "III"], "Jr") } else { "" };
    PersonName { given, family: family(dice), suffix: suffix.to_owned() }
}

/// A family name.
pub(super) fn family(dice: &mut Rng) -> String {
    if dice.percent(4) {
        return dice.one_of(&WRITTEN_ELSEWHERE, "Núñez").to_owned();
    }
    let family = syllables(dice, &FAMILY_ENDINGS);
    if dice.percent(5) { format!("{family}-{}", syllables(dice, &FAMILY_ENDINGS)) } else { family }
}

/// The name of a place.
pub(super) fn place(dice: &mut Rng) -> String {
    syllables(dice, &FAMILY_ENDINGS)
}

fn syllables(dice: &mut Rng, endings: &[&str]) -> String {
    let mut word = dice.one_of(&BEGINNINGS, "Al").to_owned();
    for _ in 0..dice.below(3) {
        word.push_str(dice.one_of(&MIDDLES, "a"));
    }
    word.push_str(dice.one_of(endings, "a"));
    word
}

/// The birth date of somebody who is hired for the first time on a day.
pub(super) fn birth_date(dice: &mut Rng, hired: Day) -> Day {
    hired.plus(-dice.days(19 * 365 + 5, 62 * 365))
}

/// A National Provider Identifier with its check digit, of those that begin with 2: none was ever given out.
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
    fn an_identifier_has_the_check_digit_of_the_sample_s() {
        assert_eq!([npi(1), npi(2), npi(9)], ["2000000010", "2000000028", "2000000093"]);
    }
}
