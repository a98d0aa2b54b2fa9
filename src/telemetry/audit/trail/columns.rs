//! Splits lines into columns of similar data, which compress far better than the lines do.
//!
//! The text keeps a mark in place of each extracted value: instants, UUIDs, digests and credential numbers. This works
//! for any kind of line. Every text is restored byte for byte, even if it is not JSON.

use jiff::Timestamp;

use super::super::{Number, line};
use super::line_keys;

/// The marks. JSON contains none of these bytes. If one occurs in the text, `ESCAPE` precedes it.
const ESCAPE: u8 = 0;
const INSTANT: u8 = 1;
const UUID: u8 = 2;
const DIGEST: u8 = 3;
const NUMBER: u8 = 4;

const INSTANT_CHARS: usize = 27;
const UUID_CHARS: usize = 36;
const DIGEST_CHARS: usize = 64;

/// The positions of the dashes in a UUID, and of the symbols in a number.
const DASHES: [usize; 4] = [8, 13, 18, 23];
const SYMBOLS: [usize; 9] = [4, 5, 6, 7, 9, 10, 11, 12, 14];

/// The number of columns.
pub(super) const COLUMNS: usize = 5;

/// Lines in columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Columns {
    /// The text, with marks.
    pub(super) text: Vec<u8>,
    /// The instants, each as the difference in microseconds to the previous one.
    pub(super) instants: Vec<u8>,
    pub(super) uuids: Vec<u8>,
    pub(super) digests: Vec<u8>,
    /// The credential numbers, without their fixed characters.
    pub(super) numbers: Vec<u8>,
}

impl Columns {
    /// All columns, in the order of storage.
    pub(super) fn all(&self) -> [&[u8]; COLUMNS] {
        [&self.text, &self.instants, &self.uuids, &self.digests, &self.numbers]
    }

    /// Assembles columns that were read from storage.
    pub(super) fn of([text, instants, uuids, digests, numbers]: [Vec<u8>; COLUMNS]) -> Columns {
        Columns { text, instants, uuids, digests, numbers }
    }

    /// Splits lines into columns.
    pub(super) fn split(lines: &[u8]) -> Columns {
        let mut columns = Columns::default();
        let (mut at, mut before) = (0, 0);
        while let Some(byte) = lines.get(at) {
            let is_begin = at > 0 && matches!(lines[at - 1], b'"' | b' ');
            if let Some(length) = is_begin.then(|| columns.take_out(&lines[at..], &mut before)).flatten() {
                at += length;
                continue;
            }
            if *byte <= NUMBER {
                columns.text.push(ESCAPE);
            }
            columns.text.push(*byte);
            at += 1;
        }
        columns
    }

    /// Extracts the value that begins here, if it has a column. Returns its length.
    fn take_out(&mut self, rest: &[u8], before: &mut i64) -> Option<usize> {
        if let Some(number) = line_keys::number_at(rest, 0) {
            self.text.push(NUMBER);
            self.numbers.extend(SYMBOLS.map(|at| number[at]));
            return Some(number.len());
        }
        if let Some(micros) = rest.get(..INSTANT_CHARS).and_then(instant) {
            self.text.push(INSTANT);
            push_varint(&mut self.instants, micros.wrapping_sub(*before));
            *before = micros;
            return Some(INSTANT_CHARS);
        }
        if let Some(bytes) = rest.get(..UUID_CHARS).and_then(uuid) {
            self.text.push(UUID);
            self.uuids.extend(bytes);
            return Some(UUID_CHARS);
        }
        let digest = rest.get(..DIGEST_CHARS).and_then(hex)?;
        self.text.push(DIGEST);
        self.digests.extend(digest);
        Some(DIGEST_CHARS)
    }

    /// Restores the lines. None if the columns are inconsistent.
    pub(super) fn join(&self) -> Option<Vec<u8>> {
        let mut lines = Vec::with_capacity(self.text.len() * 4);
        let [mut text, mut instants, mut uuids, mut digests, mut numbers] = self.all();
        let mut before = 0_i64;
        loop {
            let literal = text.iter().position(|byte| *byte <= NUMBER).unwrap_or(text.len());
            lines.extend_from_slice(text.split_off(..literal)?);
            let Some(mark) = text.split_off_first() else { break };
            match *mark {
                ESCAPE => lines.push(*text.split_off_first()?),
                INSTANT => {
                    before = before.wrapping_add(take_varint(&mut instants)?);
                    lines.extend(line::instant(Timestamp::from_microsecond(before).ok()?).as_bytes());
                }
                UUID => {
                    let bytes: &[u8; 16] = take(&mut uuids)?;
                    let mut buffer = uuid::Uuid::encode_buffer();
                    lines.extend(uuid::Uuid::from_bytes(*bytes).hyphenated().encode_lower(&mut buffer).as_bytes());
                }
                DIGEST => {
                    let bytes: &[u8; 32] = take(&mut digests)?;
                    lines.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
                }
                _ => {
                    let symbols: &[u8; 9] = take(&mut numbers)?;
                    let mut number: Number = *b"CPS-0000-0000-0";
                    SYMBOLS.iter().zip(symbols).for_each(|(at, symbol)| number[*at] = *symbol);
                    lines.extend(number);
                }
            }
        }
        Some(lines)
    }
}

fn take<'a, const N: usize>(column: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (first, rest) = column.split_first_chunk()?;
    *column = rest;
    Some(first)
}

/// Parses an instant in the form of [`line::instant`], to microseconds.
fn instant(text: &[u8]) -> Option<i64> {
    if text.last() != Some(&b'Z') || !text[0].is_ascii_digit() {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let at: Timestamp = text.parse().ok()?;
    (line::instant(at) == text).then(|| at.as_microsecond())
}

fn uuid(text: &[u8]) -> Option<[u8; 16]> {
    if DASHES.iter().any(|at| text[*at] != b'-') {
        return None;
    }
    let mut digits = [0; 32];
    let found = text.iter().enumerate().filter(|(at, _)| !DASHES.contains(at)).map(|(_, byte)| *byte);
    digits.iter_mut().zip(found).for_each(|(digit, byte)| *digit = byte);
    hex(&digits)?.try_into().ok()
}

/// Decodes hexadecimal digits in lower case, as lines contain them.
fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: &u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    digits.chunks_exact(2).map(|pair| Some(value(&pair[0])? << 4 | value(&pair[1])?)).collect()
}

fn digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// Encodes an integer in one to ten bytes (zigzag varint).
fn push_varint(column: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    loop {
        let [low, ..] = left.to_le_bytes();
        left >>= 7;
        if left == 0 {
            return column.push(low & 127);
        }
        column.push(low | 128);
    }
}

fn take_varint(column: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let [byte] = *take::<1>(column)?;
        number |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_restored_byte_for_byte() {
        let line = "{\"at\":\"2026-11-28T16:12:27.123456Z\",\"request_id\":\"67e55044-10b1-426f-9247-bb680e5fe0c8\",\
                    \"number\":\"CPS-28MS-MN2K-Z\",\"numbers\":\"CPS-28MS-MN2K-Z*3 - CPS-28MS-MN2K-X\"}\n";
        let columns = Columns::split(line.as_bytes());
        assert_eq!((columns.uuids.len(), columns.numbers.len()), (16, 27));
        assert!(columns.text.len() < line.len() / 2);
        let digest = format!("\"{}\"", "0a".repeat(32));
        let upper = "\"67E55044-10b1-426f-9247-bb680e5fe0c8\" \"2026-11-28T25:12:27.123456Z\" \"CPS-28MS-MN2K-";
        for text in [line, &digest, upper, "", "\u{0}\u{1}\u{2}\"\u{3}\u{4}\u{5}", "\"1969-12-31T23:59:59.000000Z"] {
            let text = text.as_bytes();
            assert_eq!(Columns::split(text).join().unwrap(), text);
        }
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..500 {
            let pieces = ["\"", " ", "CPS-", line, &digest, "-", "\u{0}", "\u{4}", "2026-11-28T16:12:27.123456Z"];
            let text: String = (0..20).map(|_| *random.choice(pieces.iter()).unwrap()).collect();
            assert_eq!(Columns::split(text.as_bytes()).join().unwrap(), text.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn inconsistent_columns_are_detected() {
        let mut columns = Columns::split(b"\"CPS-28MS-MN2K-Z\" \"2026-11-28T16:12:27.123456Z\"");
        columns.numbers.pop();
        assert_eq!(columns.join(), None);
        columns.numbers.push(b'Z');
        columns.instants.clear();
        assert_eq!(columns.join(), None);
    }
}
