//! Whole numbers in the cells of claims.

/// Reads a whole number as spreadsheets write it: 4, 4.0, 4.00, or 1,200.
pub fn whole_number(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut groups = whole.split(',');
    let first = groups.next().unwrap_or_default();
    let is_grouped =
        groups.clone().count() == 0 || (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let digits: String = whole.split(',').collect();
    let is_whole = matches!(fraction, "0" | "00") && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_grouped && is_whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_read_as_spreadsheets_write_it() {
        for (text, number) in [("4", 4), ("4.0", 4), ("4.00", 4), ("1,200", 1200), ("12,345,678.0", 12_345_678)] {
            assert_eq!(whole_number(text), Some(number), "{text}");
        }
        for text in ["", "4.5", "4.", "1.000", "1,5", "1,20", "1234,567", "-4", "+4", "x", ",200", "4 units"] {
            assert_eq!(whole_number(text), None, "{text}");
        }
    }
}
