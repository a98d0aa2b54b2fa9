//! Section 5: name matching, step by step.

use unicode_normalization::UnicodeNormalization as _;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};

/// "NFKD without marks, ø→o ł→l đ→d æ→ae œ→oe ß→ss, case folded, letters and digits only (modifier letters, category
/// Lm, such as the ʻokina, are left out)".
pub fn folded(text: &str) -> String {
    let mut text: String = text.nfkd().collect();
    text.retain(|c| c.general_category_group() != GeneralCategoryGroup::Mark);
    text.retain(|c| c.general_category() != GeneralCategory::ModifierLetter);
    text.retain(|c| matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number));
    text = text.to_lowercase().replace('ς', "σ");
    for (letter, spelt) in [("ø", "o"), ("ł", "l"), ("đ", "d"), ("æ", "ae"), ("œ", "oe"), ("ß", "ss")] {
        text = text.replace(letter, spelt);
    }
    text
}

/// "A trailing Jr Sr II III IV of the family name dropped": a separate word after others.
pub fn folded_family(family: &str) -> String {
    let words: Vec<&str> = family.split(|c: char| c.is_whitespace() || c == ',').collect();
    let mut words: Vec<&str> = words.into_iter().filter(|word| !folded(word).is_empty()).collect();
    if words.len() > 1 && ["jr", "sr", "ii", "iii", "iv"].contains(&folded(words[words.len() - 1]).as_str()) {
        words.pop();
    }
    words.into_iter().map(folded).collect()
}
