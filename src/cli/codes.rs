//! Values of enums of the contract as arguments.

/// Reads a value by its name in the contract, a short form of it, or as it is printed: `Young Adult` is
/// DESIGNATION_YOUNG_ADULT.
pub fn read_code<E: TryFrom<i32>>(text: &str, name: fn(&E) -> &'static str, prefix: &str) -> Result<E, String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let wanted = words.collect::<Vec<_>>().join("_").to_ascii_uppercase();
    let known = || (1..).map_while(|number| E::try_from(number).ok());
    let short = |value: &E| name(value).trim_start_matches(prefix);
    let found = known().find(|value| short(value) == wanted || name(value) == wanted);
    found.ok_or_else(|| format!("not one of {}", known().map(|value| short(&value)).collect::<Vec<_>>().join(", ")))
}
