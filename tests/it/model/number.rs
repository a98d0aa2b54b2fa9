//! Section 11: numbers as people write them.

/// "White_Space, categories Pd and Cf, U+2212 and U+2043 are taken out." The characters that occur in practice, and
/// some from the ends of the lists.
pub const TAKEN_OUT: &str = "\t\n\u{b}\u{c}\r -\u{85}\u{a0}\u{ad}\u{58a}\u{5be}\u{600}\u{61c}\u{6dd}\u{70f}\u{8e2}\u{1400}\
    \u{1680}\u{1806}\u{180e}\u{2000}\u{2007}\u{2009}\u{200a}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2010}\u{2011}\u{2012}\
    \u{2013}\u{2014}\u{2015}\u{2028}\u{2029}\u{202a}\u{202c}\u{202e}\u{202f}\u{2043}\u{205f}\u{2060}\u{2066}\u{2069}\
    \u{206f}\u{2212}\u{2e17}\u{2e3a}\u{2e3b}\u{3000}\u{301c}\u{3030}\u{30a0}\u{fe31}\u{fe58}\u{fe63}\u{feff}\u{ff0d}\
    \u{fff9}\u{fffb}\u{110bd}\u{1bca0}\u{1d173}\u{1d17a}\u{e0001}\u{e0020}\u{e007f}";

/// "Folded like numbers (dashes, blanks and invisible characters out, upper case, but no letter is taken for a digit),
/// 1 to 32 characters then." `None`: no credential can bear it.
pub fn folded_prior(written: &str) -> Option<String> {
    let kept: String = written.chars().filter(|letter| !TAKEN_OUT.contains(*letter)).collect();
    (1..=32).contains(&kept.chars().count()).then(|| kept.to_ascii_uppercase())
}

const ALPHABET: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The canonical form of a number of a credential (`CPS`), a specialist (`SP`) or a job (`EM`). `None`: no such number
/// can exist.
pub fn canonical(prefix: &str, written: &str) -> Option<String> {
    // "... nor more than 64 characters before folding."
    if written.chars().count() > 64 {
        return None;
    }
    let kept: String = written.chars().filter(|letter| !TAKEN_OUT.contains(*letter)).collect();
    // "ASCII upper case; O→0, I and L→1; nothing else is changed."
    let folded = kept.to_ascii_uppercase().replace('O', "0").replace(['I', 'L'], "1");
    // "Twelve symbols that begin with CPS lose it; nine are taken as they are; any other length cannot exist."
    let symbols: Vec<char> = match folded.strip_prefix(prefix) {
        Some(rest) if folded.chars().count() == prefix.len() + 9 => rest.chars().collect(),
        _ if folded.chars().count() == 9 => folded.chars().collect(),
        _ => return None,
    };
    let values: Option<Vec<usize>> = symbols.iter().map(|symbol| ALPHABET.find(*symbol)).collect();
    // The check character makes the Luhn sum, modulus 32, end with 0.
    let sum: usize = values?
        .iter()
        .rev()
        .enumerate()
        .map(|(place, value)| if place % 2 == 1 { value * 2 / 32 + value * 2 % 32 } else { *value })
        .sum();
    let group = |range: std::ops::Range<usize>| symbols[range].iter().collect::<String>();
    sum.is_multiple_of(32).then(|| format!("{prefix}-{}-{}-{}", group(0..4), group(4..8), group(8..9)))
}
