//! How messages are written, as JSON or encoded, and how requests are read.

use std::sync::{Arc, Mutex, PoisonError};

use prost::bytes::Bytes;
use tonic::Status;

use super::contract::Method;
use super::json::{MOST_UNKNOWN, from_json};
use crate::surface::status;

/// A form of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    /// JSON.
    Json,
    /// Encoded.
    Proto,
}

/// The maximum length of the header that names unknown fields, in bytes.
const LONGEST_HEADER: usize = 2048;

/// The fields of questions that the contract does not have, at most [`MOST_UNKNOWN`]. A newer client may ask an older
/// replica, so they are answered in a header, and ignored.
#[derive(Clone, Debug, Default)]
pub(super) struct Unknown(Arc<Mutex<Vec<String>>>);

impl Unknown {
    fn add(&self, names: Vec<String>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            if known.len() < MOST_UNKNOWN && !known.contains(&name) {
                known.push(name);
            }
        }
    }

    /// The names in ASCII, as many as a header may have; `None` if there are none.
    pub(super) fn named(&self) -> Option<String> {
        let mut header = String::new();
        for name in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            let comma = if header.is_empty() { "" } else { ", " };
            let name = ascii(name);
            if header.len() + comma.len() + name.len() > LONGEST_HEADER {
                break;
            }
            header.extend([comma, &name]);
        }
        (!header.is_empty()).then_some(header)
    }
}

/// A name, whose control characters are escaped already, in ASCII.
fn ascii(name: &str) -> String {
    let mut ascii = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii() { ascii.push(letter) } else { ascii.extend(letter.escape_unicode()) }
    }
    ascii
}

impl Codec {
    /// Reads a request of a method.
    pub(super) fn read(self, sent: Bytes, method: &Method, unknown: &Unknown) -> Result<Bytes, Status> {
        if self == Codec::Proto {
            return Ok(sent);
        }
        let read = from_json(&sent, &method.input);
        let read = read.map_err(|fault| status::invalid_field(&fault.place, &fault.description))?;
        let Some(first) = read.unknown.first() else { return Ok(read.message) };
        // A question of which nothing is known would be another question.
        if method.writes || read.message.is_empty() {
            let remedy = match &read.nearest {
                Some(nearest) => format!("the contract has no such field; did you mean {nearest}?"),
                None => "the contract has no such field".to_owned(),
            };
            return Err(status::invalid_field(first, &remedy));
        }
        unknown.add(read.unknown);
        Ok(read.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_named_once_and_few_of_them_however_many_messages_have_them() {
        let unknown = Unknown::default();
        assert_eq!(unknown.named(), None);
        for message in 0..1000 {
            unknown.add(vec!["item.colour".to_owned(), format!("field{message}")]);
        }
        let named = unknown.named().unwrap();
        let names: Vec<_> = named.split(", ").collect();
        assert_eq!((names.len(), &names[..3]), (MOST_UNKNOWN, &["item.colour", "field0", "field1"][..]));
        assert_eq!(unknown.0.lock().unwrap().len(), MOST_UNKNOWN);
    }

    #[test]
    fn the_header_of_unknown_fields_is_short_ascii_and_escaped_once() {
        let unknown = Unknown::default();
        // As the reader notes the name of two characters, a line feed and an accented letter.
        unknown.add(vec!["a\\n\u{e9}".to_owned()]);
        assert_eq!(unknown.named().unwrap(), "a\\n\\u{e9}");
        unknown.add((0..MOST_UNKNOWN).map(|at| format!("{at:02}{}", "\u{1f608}".repeat(62))).collect());
        let named = unknown.named().unwrap();
        assert!(named.is_ascii() && named.len() <= LONGEST_HEADER && named.contains("02\\u{1f608}"), "{}", named.len());
    }
}
