//! Messages of the contract as JSON: keys and values have the contract's names, days and instants are ISO texts.

use std::collections::HashMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use prost::Message;
use prost::bytes::{Buf, Bytes};
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};
use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::display_text;
use super::failure::Failure;
use crate::proto::DESCRIPTORS;
use crate::proto::google::r#type::Date;

/// A JSON value. Objects keep the order of their keys.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// Not set.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Whole(i128),
    /// A number with decimals.
    Decimal(f64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_none(),
            Json::Bool(value) => serializer.serialize_bool(*value),
            Json::Whole(value) => serializer.serialize_i128(*value),
            Json::Decimal(value) => serializer.serialize_f64(*value),
            Json::Text(value) => serializer.serialize_str(value),
            Json::List(values) => serializer.collect_seq(values),
            Json::Object(fields) => {
                let mut object = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    object.serialize_entry(name, value)?;
                }
                object.end()
            }
        }
    }
}

/// A message of the contract, by its name without the package.
pub fn of<M: Message>(name: &str, message: &M) -> Result<Json, Failure> {
    let cannot = || Failure::said(vec![format!("cannot write the message {name} as JSON")]);
    object(&format!(".ms.dmh.credential.v1.{name}"), message.encode_to_vec().into()).ok_or_else(cannot)
}

/// The messages and enums of the contract, by their full names.
struct Contract {
    messages: HashMap<String, DescriptorProto>,
    enums: HashMap<String, EnumDescriptorProto>,
}

static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
    let files = FileDescriptorSet::decode(DESCRIPTORS).unwrap_or_default().file;
    let mut contract = Contract { messages: HashMap::new(), enums: HashMap::new() };
    for file in files {
        let full = |name: &str| format!(".{}.{name}", file.package());
        contract.enums.extend(file.enum_type.iter().map(|list| (full(list.name()), list.clone())));
        contract.messages.extend(file.message_type.iter().map(|message| (full(message.name()), message.clone())));
    }
    contract
});

/// Decodes a message. `None`: it does not have the form that the contract says.
fn object(name: &str, bytes: Bytes) -> Option<Json> {
    match name {
        ".google.type.Date" => return Some(Json::Text(display_text::day(Date::decode(bytes).ok()?))),
        ".google.protobuf.Timestamp" => {
            let time = prost_types::Timestamp::decode(bytes).ok()?;
            return Some(Json::Text(Timestamp::new(time.seconds, time.nanos).ok()?.to_string()));
        }
        _ => {}
    }
    let message = CONTRACT.messages.get(name)?;
    let mut given = values(message, bytes)?;
    let mut fields = Vec::with_capacity(message.field.len());
    for field in &message.field {
        let values = given.remove(&field.number());
        let is_one_of_several = field.oneof_index.is_some() && !field.proto3_optional();
        let value = match values {
            Some(values) if field.label() == Label::Repeated => Json::List(values),
            Some(mut values) => values.pop()?,
            None if is_one_of_several => continue,
            None => absent(field)?,
        };
        fields.push((field.name().to_owned(), value));
    }
    Some(Json::Object(fields))
}

/// The values of each field, in their order.
fn values(message: &DescriptorProto, mut bytes: Bytes) -> Option<HashMap<i32, Vec<Json>>> {
    let mut values: HashMap<i32, Vec<Json>> = HashMap::new();
    while bytes.has_remaining() {
        let (number, wire_type) = decode_key(&mut bytes).ok()?;
        let number = i32::try_from(number).ok()?;
        let Some(field) = message.field.iter().find(|field| field.number() == number) else {
            skip_field(wire_type, number.unsigned_abs(), &mut bytes, DecodeContext::default()).ok()?;
            continue;
        };
        let of_field = values.entry(number).or_default();
        let is_nested = matches!(field.r#type(), Type::String | Type::Bytes | Type::Message);
        if wire_type == WireType::LengthDelimited {
            let mut content = take(&mut bytes)?;
            if is_nested {
                of_field.push(nested(field, content)?);
            } else {
                while content.has_remaining() {
                    of_field.push(scalar(field, &mut content)?);
                }
            }
        } else {
            of_field.push(scalar(field, &mut bytes)?);
        }
    }
    Some(values)
}

fn take(bytes: &mut Bytes) -> Option<Bytes> {
    let length = usize::try_from(decode_varint(bytes).ok()?).ok()?;
    (length <= bytes.len()).then(|| bytes.split_to(length))
}

fn nested(field: &FieldDescriptorProto, content: Bytes) -> Option<Json> {
    match field.r#type() {
        Type::String => String::from_utf8(content.into()).ok().map(Json::Text),
        Type::Bytes => Some(Json::Text(BASE64_STANDARD.encode(content))),
        _ => object(field.type_name(), content),
    }
}

fn scalar(field: &FieldDescriptorProto, bytes: &mut Bytes) -> Option<Json> {
    if field.r#type() == Type::Double {
        return (bytes.len() >= 8).then(|| Json::Decimal(bytes.get_f64_le()));
    }
    let number = decode_varint(bytes).ok()?;
    match field.r#type() {
        Type::Bool => Some(Json::Bool(number != 0)),
        Type::Uint32 | Type::Uint64 => Some(Json::Whole(number.into())),
        // Negative numbers are encoded in 64 bits.
        Type::Int32 | Type::Int64 => Some(Json::Whole(number.cast_signed().into())),
        Type::Enum => Some(enum_value(field, number.cast_signed())),
        _ => None,
    }
}

/// The contract's name of a value. A value that this program does not know is a number.
fn enum_value(field: &FieldDescriptorProto, number: i64) -> Json {
    let values = CONTRACT.enums.get(field.type_name()).map(|list| list.value.as_slice()).unwrap_or_default();
    let known = values.iter().find(|value| i64::from(value.number()) == number);
    known.map_or(Json::Whole(number.into()), |value| Json::Text(value.name().to_owned()))
}

/// What a field that is not set stands for.
fn absent(field: &FieldDescriptorProto) -> Option<Json> {
    if field.label() == Label::Repeated {
        return Some(Json::List(Vec::new()));
    }
    if field.proto3_optional() {
        return Some(Json::Null);
    }
    match field.r#type() {
        Type::Message => Some(Json::Null),
        Type::String | Type::Bytes => Some(Json::Text(String::new())),
        Type::Double => Some(Json::Decimal(0.0)),
        Type::Bool => Some(Json::Bool(false)),
        Type::Enum => Some(enum_value(field, 0)),
        Type::Uint32 | Type::Uint64 | Type::Int32 | Type::Int64 => Some(Json::Whole(0)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::v1;

    #[test]
    fn a_message_has_the_names_of_the_contract() {
        let verification = v1::Verification {
            verdict: v1::Verdict::Confirmed.into(),
            may_practice: Some(true),
            reasons: vec![v1::Reason::TermEndsSoon.into(), 9999],
            credential: Some(v1::Credential {
                effective_from: Some(Date { year: 2024, month: 2, day: 29 }),
                ..v1::Credential::default()
            }),
            answer: Some(v1::Answer {
                known_at_revision: u64::MAX,
                known_at_time: Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }),
                ..v1::Answer::default()
            }),
            ..v1::Verification::default()
        };
        let json = serde_json::to_value(of("Verification", &verification).unwrap()).unwrap();
        assert_eq!(json["verdict"], "VERDICT_CONFIRMED");
        assert_eq!((&json["may_practice"], &json["may_use_title"]), (&true.into(), &serde_json::Value::Null));
        assert_eq!(json["reasons"], serde_json::json!(["REASON_TERM_ENDS_SOON", 9999]));
        assert_eq!(json["credential"]["effective_from"], "2024-02-29");
        assert_eq!(json["credential"]["display_name"], "");
        assert_eq!(json["answer"]["known_at_revision"], u64::MAX);
        assert_eq!(json["answer"]["known_at_time"], "1970-01-01T00:00:01.5Z");
        assert_eq!(json["missing_designations"], serde_json::json!([]));
    }

    #[test]
    fn of_several_alternatives_only_the_one_that_is_set_is_a_key() {
        let change = v1::Change { change: Some(v1::change::Change::Records(v1::RecordsChange { first_day: None })) };
        let expected =
            Json::Object(vec![("records".to_owned(), Json::Object(vec![("first_day".to_owned(), Json::Null)]))]);
        assert_eq!(of("Change", &change).unwrap(), expected);
        assert!(of("NoSuchMessage", &change).is_err());
    }
}
