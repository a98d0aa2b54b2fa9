//! The body of a delivery: a `ChangeMessage` as JSON, reduced to the fields that are listed here.

use prost_reflect::{DynamicMessage, MessageDescriptor, ReflectMessage as _, SerializeOptions, Value};

use crate::proto;

/// The message.
const MESSAGE: &str = "ms.dmh.credential.v1.ChangeMessage";

/// What a body holds, by message: numbers, days, standings and their reasons. Any other field is left out, so that a
/// field that the contract gets is not sent to a server that nobody has thought of.
const SENT: &[(&str, &[&str])] = &[
    (
        "ms.dmh.credential.v1.ChangeMessage",
        &["epoch", "revision", "recorded_at", "part", "last_part", "changes", "today"],
    ),
    ("ms.dmh.credential.v1.Change", &["standing", "coverage", "designation", "service", "provider", "records"]),
    (
        "ms.dmh.credential.v1.StandingChange",
        &["credential_number", "first_day", "last_day", "from_standing", "to_standing", "reason"],
    ),
    ("ms.dmh.credential.v1.CoverageChange", &["credential_number", "provider_id", "first_day", "last_day", "coverage"]),
    ("ms.dmh.credential.v1.DesignationChange", &["credential_number", "code", "first_day", "last_day", "held"]),
    ("ms.dmh.credential.v1.ServiceChange", &["provider_id", "first_day", "last_day", "service"]),
    ("ms.dmh.credential.v1.ProviderChange", &["provider_id", "identifiers", "on_file"]),
    ("ms.dmh.credential.v1.RecordsChange", &["first_day"]),
    ("ms.dmh.credential.v1.Identifier", &["kind", "value"]),
    ("google.protobuf.Timestamp", &["seconds", "nanos"]),
    ("google.type.Date", &["year", "month", "day"]),
];

/// Writes bodies.
pub(super) struct Writer(MessageDescriptor);

/// A message cannot be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    /// The bytes are not a message.
    #[error("not a message of the feed")]
    Decode(#[from] prost::DecodeError),
    /// It cannot be written as JSON.
    #[error("it cannot be written as JSON")]
    Write(#[from] serde_json::Error),
}

impl Writer {
    /// Reads the descriptors of the contract. None if they cannot be read, which a test rules out.
    pub(super) fn new() -> Option<Writer> {
        proto::types().ok()?.get_message_by_name(MESSAGE).map(Writer)
    }

    /// Writes an encoded message.
    pub(super) fn write(&self, encoded: &[u8]) -> Result<Vec<u8>, WriteError> {
        let mut message = DynamicMessage::decode(self.0.clone(), encoded)?;
        reduce(&mut message);
        let mut json = serde_json::Serializer::new(Vec::with_capacity(4 * encoded.len() + 64));
        message.serialize_with_options(&mut json, &SerializeOptions::new())?;
        Ok(json.into_inner())
    }
}

/// Removes every field that is not listed.
fn reduce(message: &mut DynamicMessage) {
    let of = message.descriptor();
    let listed = SENT.iter().find(|(name, _)| *name == of.full_name()).map_or(&[][..], |(_, fields)| fields);
    for field in of.fields().filter(|field| !listed.contains(&field.name())) {
        message.clear_field(&field);
    }
    message.fields_mut().for_each(|(_, value)| reduce_value(value));
}

fn reduce_value(value: &mut Value) {
    match value {
        Value::Message(message) => reduce(message),
        Value::List(values) => values.iter_mut().for_each(reduce_value),
        Value::Map(values) => values.values_mut().for_each(reduce_value),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use prost::Message as _;
    use prost_reflect::DescriptorPool;
    use prost_types::field_descriptor_proto::{Label, Type};
    use prost_types::{FieldDescriptorProto, FileDescriptorSet};

    use super::*;
    use crate::proto::{DESCRIPTORS, v1};

    fn message() -> v1::ChangeMessage {
        let standing = v1::StandingChange {
            credential_number: "CPS-1".to_owned(),
            first_day: Some(date(2026, 3, 2)),
            to_standing: v1::Standing::Current.into(),
            ..v1::StandingChange::default()
        };
        let change = v1::Change { change: Some(v1::change::Change::Standing(standing)) };
        let recorded_at = Some(prost_types::Timestamp { seconds: 0, nanos: 1000 });
        v1::ChangeMessage {
            epoch: "e".to_owned(),
            revision: 7,
            recorded_at,
            part: 1,
            last_part: true,
            changes: vec![change],
            today: Some(date(2026, 3, 2)),
        }
    }

    fn date(year: i32, month: i32, day: i32) -> proto::google::r#type::Date {
        proto::google::r#type::Date { year, month, day }
    }

    #[test]
    fn a_body_is_the_message_in_canonical_json() {
        let body = Writer::new().unwrap().write(&message().encode_to_vec()).unwrap();
        let expected = r#"{"epoch":"e","revision":"7","recordedAt":"1970-01-01T00:00:00.000001Z","part":1,"lastPart":true,"changes":[{"standing":{"credentialNumber":"CPS-1","firstDay":{"year":2026,"month":3,"day":2},"toStanding":"STANDING_CURRENT"}}],"today":{"year":2026,"month":3,"day":2}}"#;
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }

    /// Every message below the body, with its fields.
    fn contract() -> BTreeMap<String, Vec<String>> {
        let mut open = vec![Writer::new().unwrap().0];
        let mut found = BTreeMap::new();
        while let Some(message) = open.pop() {
            let fields = message.fields().map(|field| field.name().to_owned()).collect();
            if found.insert(message.full_name().to_owned(), fields).is_none() {
                open.extend(message.fields().filter_map(|field| field.kind().as_message().cloned()));
            }
        }
        found
    }

    #[test]
    fn the_list_names_every_field_and_none_that_can_hold_a_name_or_a_birth_date() {
        let listed: BTreeMap<String, Vec<String>> = SENT
            .iter()
            .map(|(name, fields)| ((*name).to_owned(), fields.iter().map(|it| (*it).to_owned()).collect()))
            .collect();
        let mut found = contract();
        found.values_mut().for_each(|fields| fields.sort());
        let sorted = |mut fields: Vec<String>| {
            fields.sort();
            fields
        };
        let listed: BTreeMap<_, _> = listed.into_iter().map(|(name, fields)| (name, sorted(fields))).collect();
        assert_eq!(listed, found, "decide for each field of the contract whether a body may hold it");
        for field in found.values().flatten() {
            for personal in ["name", "birth", "note", "text", "address"] {
                assert!(!field.contains(personal), "{field}");
            }
        }
        let texts: Vec<_> = contract_texts();
        let expected = ["credential_number", "epoch", "provider_id", "value"];
        assert_eq!(texts, expected, "a body has no other text");
    }

    /// The names of the fields that hold a text.
    fn contract_texts() -> Vec<String> {
        let pool = Writer::new().unwrap().0.parent_pool().clone();
        let messages = contract().into_keys().map(|name| pool.get_message_by_name(&name).unwrap());
        let fields = messages.flat_map(|message| message.fields().collect::<Vec<_>>());
        let texts =
            fields.filter(|field| matches!(field.kind(), prost_reflect::Kind::String | prost_reflect::Kind::Bytes));
        let mut texts: Vec<_> = texts.map(|field| field.name().to_owned()).collect();
        texts.sort();
        texts.dedup();
        texts
    }

    #[test]
    fn a_field_that_the_list_does_not_name_is_not_sent() {
        let mut files = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
        let messages = files.file.iter_mut().flat_map(|file| &mut file.message_type);
        let standing = { messages }.find(|message| message.name() == "StandingChange").unwrap();
        standing.field.push(FieldDescriptorProto {
            name: Some("family_name".to_owned()),
            number: Some(90),
            label: Some(Label::Optional.into()),
            r#type: Some(Type::String.into()),
            json_name: Some("familyName".to_owned()),
            ..FieldDescriptorProto::default()
        });
        let pool = DescriptorPool::from_file_descriptor_set(files).unwrap();
        let of = pool.get_message_by_name(MESSAGE).unwrap();
        let mut newer = DynamicMessage::decode(of.clone(), &message().encode_to_vec()[..]).unwrap();
        let changes = newer.get_field_by_name_mut("changes").unwrap().as_list_mut().unwrap();
        let standing = changes[0].as_message_mut().unwrap().get_field_by_name_mut("standing").unwrap();
        standing.as_message_mut().unwrap().set_field_by_name("family_name", Value::String("Example-Stone".to_owned()));
        let newer = newer.encode_to_vec();
        assert!(newer.windows(13).any(|bytes| bytes == b"Example-Stone"));
        let body = Writer(of).write(&newer).unwrap();
        assert_eq!(body, Writer::new().unwrap().write(&message().encode_to_vec()).unwrap());
    }
}
