//! Name matching, compared with a literal implementation of the specification.

use cpss_registry::domain::name::{PersonName, fold, fold_family};

use super::histories::Random;
use super::model::names::{folded, folded_family};

/// Parts of names, and confusable characters.
const PARTS: &[&str] = &[
    "Ka", "a", "O", "Brien", "mac", "Đurić", "Ø", "ß", "Æ", "œ", "Łu", "ς", "Σ", "ñ", "n\u{303}", "İ", "ı", "ﬁ", "Ⅷ",
    "²", "7", "ª", "ʰ", "Jr", "sr.", "II", "iii", "IV", "V", " ", "  ", ",", ", ", "-", "'", "\u{2018}", "\u{2019}",
    "\u{2bb}", "\u{2bc}", "\u{2ee}", "\u{7f4}", "\u{ff07}", "`", "\u{b4}", "\u{301}", "\u{200d}", "\u{a0}", ".", "ー",
    "々", "王", "한", "ไ",
];

fn text(random: &mut Random) -> String {
    (0..random.between(0, 7)).map(|_| *random.pick(PARTS)).collect()
}

#[test]
fn names_are_compared_as_specified() {
    let mut random = Random::new(20_260_302);
    for _ in 0..50_000 {
        let (given, family) = (text(&mut random), text(&mut random));
        assert_eq!(fold(&given), folded(&given), "{given:?}");
        assert_eq!(fold_family(&family), folded_family(&family), "{family:?}");
        let name = PersonName { given, family, suffix: String::new() }.folded();
        // A folded name folds to itself, so the index can store it in place of the name.
        assert_eq!((fold(&name.given), fold(&name.family)), (name.given, name.family));
    }
}
