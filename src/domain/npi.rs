//! National Provider Identifiers: checking the form.

use super::fact::{Identifier, IdentifierKind};

/// The error text for an invalid NPI.
const NOT_AN_NPI: &str = "not an NPI: ten digits, of which the last is a check digit; look for a typing error";

/// The check digit is computed over the NPI with this prefix, which stands for a health (80) card of the United States
/// (840).
const PREFIX: [u8; 5] = *b"80840";
const DIGITS: usize = 10;

impl Identifier {
    /// What is wrong with the value, if anything. Medicaid numbers have no check.
    pub fn fault(&self) -> Option<&'static str> {
        (self.kind == IdentifierKind::Npi && !is_npi(&self.value)).then_some(NOT_AN_NPI)
    }
}

/// Whether the text is a possible NPI: by the Luhn algorithm, the checksum of its digits with the prefix ends with 0.
fn is_npi(text: &str) -> bool {
    if text.len() != DIGITS || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let digits = PREFIX.into_iter().chain(text.bytes()).map(|byte| u32::from(byte - b'0'));
    let sum: u32 = digits
        .rev()
        .enumerate()
        .map(|(place, digit)| if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: IdentifierKind, value: &str) -> Option<&'static str> {
        Identifier { kind, value: value.to_owned() }.fault()
    }

    #[test]
    fn an_npi_has_ten_digits_and_its_check_digit() {
        // The first value is the example in the standard.
        for value in ["1234567893", "1245319599", "2000000010"] {
            assert_eq!(fault(IdentifierKind::Npi, value), None, "{value}");
            for last in '0'..='9' {
                let other = format!("{}{last}", &value[..9]);
                assert_eq!(fault(IdentifierKind::Npi, &other).is_none(), other == value, "{other}");
            }
        }
        for value in
            ["", "123456789", "12345678933", "808401234567893", "123456789X", "１２３４５６７８９３", "1324567893"]
        {
            assert!(fault(IdentifierKind::Npi, value).is_some(), "{value}");
            assert_eq!(fault(IdentifierKind::MedicaidId, value), None, "{value}");
        }
    }
}
