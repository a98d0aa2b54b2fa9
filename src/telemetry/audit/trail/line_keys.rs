//! Extracts the search keys of a line, whatever its kind: the instant, the client, every credential number, and the ids
//! that identify a person.

use jiff::Timestamp;
use memchr::memmem;

use super::super::Number;

const AT: &[u8] = b"{\"at\":\"";
const CLIENT: &[u8] = b"\"client\":\"";
const NUMBER: &[u8] = b"CPS-";
const ID: &[u8] = b"_id\":\"";
const FIELDS: [&[u8]; 3] = [b",\"specialist", b",\"employment", b",\"fact"];

/// The instant of a line.
pub(in super::super) fn instant(line: &[u8]) -> Option<Timestamp> {
    let rest = line.strip_prefix(AT)?;
    let end = memchr::memchr(b'"', rest)?;
    std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()
}

/// The instants of all lines that a text begins or contains the beginning of.
pub(super) fn instants(text: &[u8]) -> impl Iterator<Item = Timestamp> {
    memmem::find_iter(text, AT).filter_map(|at| instant(text.get(at..)?))
}

/// True if a text names a client, whose name is escaped as JSON.
pub(super) fn names_client(text: &[u8], client: &[u8]) -> bool {
    memmem::find_iter(text, CLIENT).any(|at| self::client(text.get(at..).unwrap_or_default()) == Some(client))
}

/// The name of the client of a line, still escaped as JSON.
pub(in super::super) fn client(line: &[u8]) -> Option<&[u8]> {
    let begin = memmem::find(line, CLIENT)? + CLIENT.len();
    let rest = line.get(begin..)?;
    let mut end = 0;
    loop {
        match rest.get(end)? {
            b'"' => return rest.get(..end),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

/// The ids in a line that identify a person, other than numbers.
pub(super) fn ids(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    memmem::find_iter(line, ID).filter_map(|at| {
        let names_a_person = FIELDS.iter().any(|field| line.get(..at).is_some_and(|before| before.ends_with(field)));
        let value = line.get(at + ID.len()..).filter(|_| names_a_person)?;
        value.get(..memchr::memchr(b'"', value)?)
    })
}

/// Every credential number anywhere in a text, including texts that only look like one.
pub(super) fn numbers(text: &[u8]) -> impl Iterator<Item = Number> {
    memmem::find_iter(text, NUMBER).filter_map(|at| number_at(text, at))
}

/// The credential numbers of a line, with the number of times each was asked about: `CPS-28MS-MN2K-Z*3` means three
/// times.
pub(in super::super) fn numbers_asked(line: &[u8]) -> Vec<(Number, u64)> {
    // Skip the client name, which may look like a number.
    let begin = client(line).and_then(|name| Some(memmem::find(line, CLIENT)? + CLIENT.len() + name.len()));
    let line = line.get(begin.unwrap_or(0)..).unwrap_or_default();
    let mut asked: Vec<(Number, u64)> = Vec::new();
    for at in memmem::find_iter(line, NUMBER) {
        let Some(number) = number_at(line, at) else { continue };
        let times = line.get(at + number.len()..).and_then(|rest| rest.strip_prefix(b"*")).map_or(1, leading_digits);
        asked.push((number, times));
    }
    asked.sort_unstable();
    asked.dedup_by(|later, earlier| {
        let is_same = later.0 == earlier.0;
        if is_same {
            earlier.1 += later.1;
        }
        is_same
    });
    asked
}

fn leading_digits(text: &[u8]) -> u64 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u64, digit| number.saturating_mul(10).saturating_add(u64::from(digit - b'0')))
}

/// The number that begins at this offset.
pub(super) fn number_at(text: &[u8], at: usize) -> Option<Number> {
    let number: Number = text.get(at..at + 15)?.try_into().ok()?;
    let is_symbol = |byte: &u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'-');
    let is_one = number.starts_with(NUMBER)
        && number[8] == b'-'
        && number[13] == b'-'
        && [4, 5, 6, 7, 9, 10, 11, 12, 14].iter().all(|at| is_symbol(&number[*at]));
    is_one.then_some(number)
}
