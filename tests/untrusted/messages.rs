//! Plausible messages, generated from their descriptors.

use std::collections::HashMap;

use cpss_registry::domain::id::{CredentialNumber, EmploymentId, SpecialistId};
use cpss_registry::proto;
use fastrand::Rng;
use prost::Message as _;
use prost::encoding::encode_varint;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FileDescriptorSet};

/// The maximum depth of nested messages.
const DEEPEST: usize = 6;

/// The messages of the contract and those that it uses.
pub struct Messages {
    by_name: HashMap<String, DescriptorProto>,
    texts: Vec<String>,
    /// The paths of the methods, with the types of their requests.
    pub methods: Vec<(String, String)>,
}

impl Messages {
    pub fn of_the_contract() -> Messages {
        let descriptors = FileDescriptorSet::decode(proto::DESCRIPTORS).unwrap();
        let mut by_name = HashMap::new();
        let mut methods = Vec::new();
        for file in descriptors.file {
            for message in &file.message_type {
                by_name.insert(
                    format!(".{}.{}", file.package.as_deref().unwrap_or_default(), message.name()),
                    message.clone(),
                );
            }
            for service in &file.service {
                methods.extend(service.method.iter().map(|method| {
                    let path = format!("/{}.{}/{}", file.package(), service.name(), method.name());
                    (path, method.input_type().rsplit('.').next().unwrap().to_owned())
                }));
            }
        }
        let plain = [
            "",
            "region-1",
            "PR-1.a_b",
            "2026-03-01",
            "1234567893",
            "12345678",
            "Rosalind",
            "García-Ñandú",
            "e\u{301}",
            "\u{202e}x\u{0}",
            "ﬁ",
            "7b9e52a4-9f0e-4d2c-8f7a-0d3f3c1b2a10",
            "F-1f0c93a2-7-1",
            "0-0-18446744073709551615-1-0",
        ];
        let mut texts: Vec<String> = plain.iter().map(ToString::to_string).collect();
        texts.push(CredentialNumber::from_number(7).to_string());
        texts.push(SpecialistId::from_number(8).to_string());
        texts.push(EmploymentId::from_number(9).to_string());
        texts.push("é".repeat(3000));
        Messages { by_name, texts, methods }
    }

    /// A message of a type of the contract.
    pub fn make(&self, random: &mut Rng, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.fill(random, &format!(".ms.dmh.credential.v1.{name}"), 0, &mut bytes);
        bytes
    }

    fn fill(&self, random: &mut Rng, name: &str, depth: usize, into: &mut Vec<u8>) {
        let Some(message) = self.by_name.get(name).filter(|_| depth < DEEPEST) else { return };
        for field in &message.field {
            let most = if field.label() == Label::Repeated { random.usize(..4) } else { random.usize(..4).min(1) };
            let number = u64::try_from(field.number()).unwrap();
            for _ in 0..most {
                let wire_type = match field.r#type() {
                    Type::String | Type::Bytes | Type::Message => 2,
                    Type::Double | Type::Fixed64 | Type::Sfixed64 => 1,
                    Type::Float | Type::Fixed32 | Type::Sfixed32 => 5,
                    _ => 0,
                };
                encode_varint(number << 3 | wire_type, into);
                match (wire_type, field.r#type()) {
                    (0, _) => encode_varint(self.number(random), into),
                    (1, _) => into.extend(random.u64(..).to_le_bytes()),
                    (5, _) => into.extend(random.u32(..).to_le_bytes()),
                    (_, Type::Message) => {
                        let mut inner = Vec::new();
                        self.fill(random, field.type_name(), depth + 1, &mut inner);
                        encode_varint(inner.len() as u64, into);
                        into.extend(inner);
                    }
                    _ => {
                        let text = random.choice(&self.texts).unwrap();
                        encode_varint(text.len() as u64, into);
                        into.extend(text.as_bytes());
                    }
                }
            }
        }
    }

    fn number(&self, random: &mut Rng) -> u64 {
        match random.u8(..4) {
            0 => random.u64(..8),
            1 => random.u64(1..=31),
            2 => random.u64(1900..2201),
            _ => *random.choice([u64::MAX, i64::MIN.cast_unsigned(), 1 << 31, 1 << 62, u64::MAX - 5].iter()).unwrap(),
        }
    }
}
