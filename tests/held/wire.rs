//! The worst messages of a type: the maximum number of values, the longest texts, unknown fields, and random bytes.

use std::collections::HashMap;

use fastrand::Rng;
use prost::bytes::Bytes;
use prost::encoding::encode_varint;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, MethodDescriptorProto};

use super::harness::raw;

/// The maximum number of list entries and the longest text that are decoded.
const MOST_ENTRIES: usize = 1000;
const LONGEST_TEXT: usize = 16 * 1024;

/// Pieces for texts that are expensive to process: letters, marks that are sorted, invisible characters, characters
/// without letters, a character that decomposes into eighteen, and ignored characters.
const HARD: &[(&str, &str)] = &[
    ("letters", "a"),
    ("marks", "a\u{301}\u{328}\u{327}"),
    ("hidden characters", "\u{202e}"),
    ("blanks", "\u{3000}"),
    ("ligatures", "\u{fdfa}"),
    ("hyphens", "-"),
];

/// The messages of the contract.
pub struct Shapes {
    messages: HashMap<String, DescriptorProto>,
    methods: HashMap<String, MethodDescriptorProto>,
}

/// Appends a length-delimited field.
pub fn field(number: i32, value: &[u8], into: &mut Vec<u8>) {
    encode_varint(u64::try_from(number).unwrap() << 3 | 2, into);
    encode_varint(value.len() as u64, into);
    into.extend(value);
}

/// Repeats a piece up to a size.
fn filled(piece: &[u8], size: usize) -> Vec<u8> {
    piece.repeat(size / piece.len())
}

impl Shapes {
    pub fn of_the_contract() -> Shapes {
        let mut messages = HashMap::new();
        for file in &raw::descriptors().file {
            for message in &file.message_type {
                messages.insert(format!(".{}.{}", file.package(), message.name()), message.clone());
            }
        }
        Shapes { messages, methods: raw::methods().into_iter().collect() }
    }

    /// True if a method takes a stream of requests.
    pub fn is_streamed(&self, method: &str) -> bool {
        self.methods[method].client_streaming()
    }

    /// The worst messages for a method's request, each with a description.
    pub fn worst(&self, method: &str, size: usize, random: &mut Rng) -> Vec<(String, Bytes)> {
        let request = self.methods[method].input_type();
        let mut worst = vec![
            ("unknown numbers".to_owned(), filled(&[0xf8, 0x7f, 0], size)),
            ("unknown texts".to_owned(), filled(&[0xfa, 0x7f, 0], size)),
            ("groups".to_owned(), filled(&[0xfb, 0x7f, 0xfc, 0x7f], size)),
            ("deep groups".to_owned(), [filled(&[0xfb, 0x7f], size / 2), filled(&[0xfc, 0x7f], size / 2)].concat()),
            ("the longest unknown text".to_owned(), {
                let mut bytes = Vec::new();
                field(2047, &vec![b'a'; size - 8], &mut bytes);
                bytes
            }),
            ("a list that is cut off".to_owned(), [filled(&[0x0a, 0], size - 2), vec![0x0a, 9]].concat()),
            ("nothing".to_owned(), Vec::new()),
        ];
        self.of_fields(request, "", size, &mut worst);
        for (name, piece) in HARD {
            worst.push((format!("everything full of {name}"), self.full(request, piece, size, random)));
        }
        for turn in 0..4 {
            worst.push((format!("chance {turn}"), self.any(request, size, random)));
        }
        worst.into_iter().map(|(kind, bytes)| (kind, bytes.into())).collect()
    }

    /// For each field as many values as fit, and the same within nested messages.
    fn of_fields(&self, message: &str, path: &str, size: usize, worst: &mut Vec<(String, Vec<u8>)>) {
        for part in &self.messages[message].field {
            let path = format!("{path}{}", part.name());
            let number = part.number();
            let mut of = |kind: &str, piece: &[u8], size: usize| {
                let mut one = Vec::new();
                field(number, piece, &mut one);
                worst.push((format!("{path}: {kind}"), filled(&one, size)));
            };
            match part.r#type() {
                Type::Message => {
                    of("empty", b"", size);
                    of("a thousand empty", b"", 2 * MOST_ENTRIES);
                    of("as many as are decoded", b"", 47_000.min(size));
                    let mut inner = Vec::new();
                    self.of_fields(part.type_name(), &format!("{path}."), size - 16, &mut inner);
                    worst.extend(inner.into_iter().map(|(kind, inner)| {
                        let mut bytes = Vec::new();
                        field(number, &inner, &mut bytes);
                        (kind, bytes)
                    }));
                }
                Type::String | Type::Bytes => {
                    of("empty", b"", size);
                    of("the longest", &vec![b'a'; size - 16], size);
                    for (kind, piece) in HARD {
                        of(
                            kind,
                            &filled(piece.as_bytes(), LONGEST_TEXT.min(size - 16)),
                            LONGEST_TEXT.min(size - 8) + 8,
                        );
                    }
                }
                _ if part.label() == Label::Repeated => {
                    of("packed", &vec![99; size - 16], size);
                    of("packed, few enough to decode", &vec![99; 190_000.min(size - 16)], size);
                }
                _ => {}
            }
        }
    }

    /// A message with all fields set and all lists full, with every text made of a piece.
    fn full(&self, message: &str, piece: &str, size: usize, random: &mut Rng) -> Vec<u8> {
        let mut once = Vec::new();
        let parts = &self.messages[message].field;
        let lists = parts.iter().filter(|part| part.label() == Label::Repeated).count().max(1);
        for part in parts {
            let mut one = Vec::new();
            self.fill(part, piece, random, &mut one);
            let is_list = part.label() == Label::Repeated;
            let times = if is_list { (size / lists / one.len().max(1)).min(MOST_ENTRIES) } else { 1 };
            once.extend(one.repeat(times));
        }
        once
    }

    /// A field with a value that may be valid.
    fn fill(&self, part: &FieldDescriptorProto, piece: &str, random: &mut Rng, into: &mut Vec<u8>) {
        let number = part.number();
        match part.r#type() {
            Type::Message => {
                let inner = self.inner(part, piece, random);
                field(number, &inner, into);
            }
            Type::String | Type::Bytes => {
                let longest = if part.name().contains("name") { 200 } else { 64 };
                field(number, piece.repeat(longest / piece.chars().count().max(1)).as_bytes(), into);
            }
            Type::Double => {
                encode_varint(u64::try_from(number).unwrap() << 3 | 1, into);
                into.extend(40_f64.to_le_bytes());
            }
            _ => {
                encode_varint(u64::try_from(number).unwrap() << 3, into);
                let value = if part.name() == "year" { 2020 } else { random.u64(1..=5) };
                encode_varint(value, into);
            }
        }
    }

    /// The content of a message field: a valid date, or all fields set. Of alternatives the last one applies.
    fn inner(&self, part: &FieldDescriptorProto, piece: &str, random: &mut Rng) -> Vec<u8> {
        let mut inner = Vec::new();
        let mut parts: Vec<_> = self.messages[part.type_name()].field.iter().collect();
        random.shuffle(&mut parts);
        for part in parts {
            let times = if part.label() == Label::Repeated { 16 } else { 1 };
            (0..times).for_each(|_| self.fill(part, piece, random, &mut inner));
        }
        inner
    }

    /// Random messages, concatenated: together they are one message.
    fn any(&self, message: &str, size: usize, random: &mut Rng) -> Vec<u8> {
        let mut bytes = Vec::new();
        let parts = &self.messages[message].field;
        while bytes.len() < size && !parts.is_empty() {
            let (part, (_, piece)) = (random.choice(parts).unwrap(), random.choice(HARD).unwrap());
            let before = bytes.len();
            self.fill(part, piece, random, &mut bytes);
            if random.u8(..100) == 0 {
                let at = random.usize(before..bytes.len());
                bytes[at] ^= 1 << random.u8(..8);
            }
        }
        bytes.truncate(size);
        bytes
    }
}
