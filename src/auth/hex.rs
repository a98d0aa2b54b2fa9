//! Hexadecimal digits of digests and serial numbers.

/// Decodes pairs of hexadecimal digits, in upper or lower case.
pub(super) fn bytes(digits: &[u8]) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let bytes = pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect::<Option<Vec<_>>>();
    bytes.filter(|_| rest.is_empty())
}
