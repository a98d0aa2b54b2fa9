//! What is known while a text is read: the encoded message so far, and the place in the text.

use std::fmt::Write as _;

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// The maximum number of unknown fields that are named, and their maximum length in characters.
pub(in crate::http) const MOST_UNKNOWN: usize = 16;
const LONGEST_NAME: usize = 64;

/// What is known while a text is read.
pub(super) struct Reading {
    /// The encoded fields of the message that is being read.
    pub(super) out: Vec<u8>,
    /// Where the text is being read. After an error: where it is wrong.
    pub(super) path: Vec<Step>,
    /// What is expected there.
    pub(super) expected: Expected,
    /// Why it is wrong, if the text has the right type.
    pub(super) wrong: Option<String>,
    pub(super) unknown: Vec<String>,
    pub(super) nearest: Option<String>,
}

/// What is expected at a place.
pub(super) enum Expected {
    /// The fields of a message.
    Object,
    /// The elements of a field.
    List,
    /// A value of this kind.
    Value(Kind),
}

/// A step of a path.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// A field, by its name in the contract.
    Field(FieldDescriptor),
    /// An element of a list.
    Element(usize),
}

impl Reading {
    /// Nothing is read yet of a text of this length.
    pub(super) fn new(length: usize) -> Reading {
        Reading {
            out: Vec::with_capacity(length / 2),
            path: Vec::new(),
            expected: Expected::Object,
            wrong: None,
            unknown: Vec::new(),
            nearest: None,
        }
    }

    /// The path, as errors of the contract write it.
    pub(super) fn place(&self) -> String {
        let mut place = String::new();
        for step in &self.path {
            let dot = if place.is_empty() { "" } else { "." };
            // Writing to a string never fails.
            match step {
                Step::Field(field) => write!(place, "{dot}{}", field.name()).unwrap_or_default(),
                Step::Element(at) => write!(place, "[{at}]").unwrap_or_default(),
            }
        }
        place
    }

    /// Records that a value of the right type is wrong. Returns an error for serde, whose text nobody sees.
    pub(super) fn wrong<E: serde::de::Error>(&mut self, why: impl Into<String>) -> E {
        self.wrong = Some(why.into());
        E::custom("")
    }

    /// Notes a field that the message does not have.
    pub(super) fn note_unknown(&mut self, message: &MessageDescriptor, name: &str) {
        if self.unknown.len() >= MOST_UNKNOWN {
            return;
        }
        let shown: String = name.chars().take(LONGEST_NAME).flat_map(char::escape_debug).collect();
        let place = self.place();
        if self.unknown.is_empty() {
            self.nearest = nearest(message, name);
        }
        self.unknown.push(if place.is_empty() { shown } else { format!("{place}.{shown}") });
    }

    /// Writes a field that is a message: `read` writes its content.
    pub(super) fn nested<E>(&mut self, number: u32, read: impl FnOnce(&mut Reading) -> Result<(), E>) -> Result<(), E> {
        let outer = std::mem::take(&mut self.out);
        read(self)?;
        let inner = std::mem::replace(&mut self.out, outer);
        self.bytes(number, &inner);
        Ok(())
    }

    /// Writes a field of bytes, text or an encoded message.
    pub(super) fn bytes(&mut self, number: u32, bytes: &[u8]) {
        encode_key(number, WireType::LengthDelimited, &mut self.out);
        encode_varint(bytes.len() as u64, &mut self.out);
        self.out.extend_from_slice(bytes);
    }
}

/// The known field whose name is most like this one.
fn nearest(message: &MessageDescriptor, name: &str) -> Option<String> {
    let name: String = name.chars().take(LONGEST_NAME).collect();
    let alike = message.fields().map(|field| (strsim::jaro_winkler(&name, field.json_name()), field));
    let (likeness, field) = alike.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (likeness > 0.8).then(|| field.json_name().to_owned())
}

impl Expected {
    /// What it is called in errors.
    pub(super) fn description(&self) -> String {
        let kind = match self {
            Expected::Object => return "an object".to_owned(),
            Expected::List => return "a list".to_owned(),
            Expected::Value(kind) => kind,
        };
        match kind {
            Kind::Double => "a number".to_owned(),
            Kind::Int32 => format!("a whole number from {} to {}", i32::MIN, i32::MAX),
            Kind::Uint32 => format!("a whole number from 0 to {}", u32::MAX),
            Kind::Uint64 => "a whole number from 0, or one in quotes".to_owned(),
            Kind::Bool => "true or false".to_owned(),
            Kind::String => "a text".to_owned(),
            Kind::Bytes => "bytes in base 64".to_owned(),
            Kind::Enum(values) => format!("a value of {}, by its name", values.name()),
            Kind::Message(message) => match message.full_name() {
                "google.type.Date" => "a date, such as \"2026-03-01\"".to_owned(),
                "google.protobuf.Timestamp" => "a time, such as \"2026-03-01T12:00:00Z\"".to_owned(),
                _ => "an object".to_owned(),
            },
            _ => "a whole number, or one in quotes".to_owned(),
        }
    }
}
