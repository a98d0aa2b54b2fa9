//! The messages and enums of the contract as JSON schemas.

use std::collections::BTreeMap;

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, OneofDescriptor};

use super::comments::Comments;
use super::ordered::{Ordered, object, texts};
use crate::http::contract::{Contract, PACKAGE};

/// The enum to which a release may add values.
const OPEN_ENUM: &str = "ms.dmh.credential.v1.Reason";

/// Makes the schemas of messages, and of what they hold.
pub(super) struct Schemas<'c> {
    comments: &'c Comments,
    /// By name; `None` while one is being made.
    made: BTreeMap<String, Option<Ordered>>,
    /// Messages that are in a response somewhere.
    answered: Vec<MessageDescriptor>,
    /// Requests that are also in another message of a request.
    embedded: Vec<MessageDescriptor>,
}

impl<'c> Schemas<'c> {
    /// Makes the schemas of all messages of the contract.
    pub(super) fn of(contract: &Contract, comments: &'c Comments) -> Schemas<'c> {
        let (mut inputs, mut answered, mut embedded) = (Vec::new(), Vec::new(), Vec::new());
        for method in contract.methods() {
            reach(&method.output, &mut answered);
            inputs.push(method.input.clone());
        }
        let held =
            inputs.iter().flat_map(MessageDescriptor::fields).filter_map(|field| held(&field)).collect::<Vec<_>>();
        held.iter().for_each(|held| reach(held, &mut embedded));
        embedded.retain(|message| inputs.contains(message));
        let mut schemas = Schemas { comments, made: BTreeMap::new(), answered, embedded };
        for method in contract.methods() {
            schemas.message(&method.input);
            schemas.message(&method.output);
        }
        schemas
    }

    /// The schemas by their names.
    pub(super) fn into_components(self) -> Vec<(String, Ordered)> {
        self.made.into_iter().filter_map(|(name, schema)| Some((name, schema?))).collect()
    }

    /// A reference to the schema of a message.
    pub(super) fn message(&mut self, message: &MessageDescriptor) -> Ordered {
        match message.full_name() {
            "google.protobuf.Timestamp" => object([("type", "string".into()), ("format", "date-time".into())]),
            "google.protobuf.Duration" => {
                object([("type", "string".into()), ("pattern", "^-?[0-9]+(\\.[0-9]+)?s$".into())])
            }
            full => {
                let name = name(full);
                if !self.made.contains_key(&name) {
                    self.made.insert(name.clone(), None);
                    let schema = match full {
                        "google.type.Date" => date(),
                        "google.protobuf.Any" => any(),
                        _ => self.fields(message),
                    };
                    self.made.insert(name.clone(), Some(schema));
                }
                to(&name)
            }
        }
    }

    fn fields(&mut self, message: &MessageDescriptor) -> Ordered {
        let is_answered = self.answered.contains(message);
        let is_embedded = self.embedded.contains(message);
        let mut description = self.comments.on(message).to_owned();
        let (mut properties, mut required) = (Vec::new(), Vec::new());
        for field in message.fields() {
            let comment = self.comments.on(&field);
            // The id of a command in an import row is that of the row.
            if is_required(comment) && !(is_embedded && field.name() == "request_id") {
                required.push(field.json_name().to_owned());
            }
            let schema = self.field(&field).with_text("description", comment);
            properties.push((field.json_name().to_owned(), schema));
        }
        let mut choices = Vec::new();
        for choice in message.oneofs().filter(|choice| !choice.is_synthetic()) {
            let comment = self.comments.on(&choice);
            let is_required = is_required(comment) && !is_answered;
            description = format!("{description}\n\n{}", choice_in_words(&choice, comment));
            choices.push(object([("oneOf", alternatives(&choice, is_required).into())]));
        }
        let mut schema = object([("type", "object".into())]).with_text("description", description.trim());
        if !properties.is_empty() {
            schema = schema.with("properties", Ordered::Object(properties));
        }
        if !required.is_empty() && !is_answered {
            schema = schema.with("required", texts(required.iter().map(String::as_str)));
        }
        if !choices.is_empty() {
            schema = schema.with("allOf", choices);
        }
        // A later release may add fields to responses.
        if is_answered { schema } else { schema.with("additionalProperties", false) }
    }

    fn field(&mut self, field: &FieldDescriptor) -> Ordered {
        if let Some(entry) = field.kind().as_message().filter(|entry| entry.is_map_entry()) {
            let value = self.value(&entry.map_entry_value_field().kind());
            return object([("type", "object".into()), ("additionalProperties", value)]);
        }
        let value = self.value(&field.kind());
        if field.is_list() { object([("type", "array".into()), ("items", value)]) } else { value }
    }

    fn value(&mut self, kind: &Kind) -> Ordered {
        let typed = |name: &str, format: &str| object([("type", name.into())]).with_text("format", format);
        match kind {
            Kind::Message(message) => self.message(message),
            Kind::Enum(values) => self.enumerated(values),
            Kind::Bool => typed("boolean", ""),
            Kind::String => typed("string", ""),
            Kind::Bytes => typed("string", "").with("contentEncoding", "base64"),
            Kind::Float | Kind::Double => typed("number", "double"),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => typed("integer", "int32"),
            Kind::Uint32 | Kind::Fixed32 => {
                typed("integer", "").with("minimum", 0).with("maximum", i64::from(u32::MAX))
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => typed("string", "int64").with("pattern", "^-?[0-9]+$"),
            Kind::Uint64 | Kind::Fixed64 => typed("string", "uint64").with("pattern", "^[0-9]+$"),
        }
    }

    fn enumerated(&mut self, values: &EnumDescriptor) -> Ordered {
        let name = name(values.full_name());
        if !self.made.contains_key(&name) {
            let listed = values.values().map(|value| format!("* `{}`: {}", value.name(), self.comments.on(&value)));
            let listed = listed.map(|line| line.replace('\n', "\n  ")).collect::<Vec<_>>().join("\n");
            let description = format!("{}\n\n{listed}", self.comments.on(values));
            let names: Vec<_> = values.values().map(|value| value.name().to_owned()).collect();
            let closed = object([("type", "string".into()), ("enum", texts(names.iter().map(String::as_str)))]);
            let schema = if values.full_name() == OPEN_ENUM {
                object([("anyOf", vec![closed, object([("type", "string".into())])].into())])
            } else {
                closed
            };
            self.made.insert(name.clone(), Some(schema.with_text("description", description.trim())));
        }
        to(&name)
    }
}

/// The name of the schema of a message or enum: without the package of the contract.
pub(super) fn name(full: &str) -> String {
    full.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix('.')).unwrap_or(full).to_owned()
}

/// A reference to a schema.
pub(super) fn to(name: &str) -> Ordered {
    object([("$ref", format!("#/components/schemas/{name}").into())])
}

/// The message that a field holds, except that of a map.
fn held(field: &FieldDescriptor) -> Option<MessageDescriptor> {
    field.kind().as_message().cloned()
}

/// Adds a message and all that it holds.
fn reach(message: &MessageDescriptor, reached: &mut Vec<MessageDescriptor>) {
    if !reached.contains(message) {
        reached.push(message.clone());
        message.fields().filter_map(|field| held(&field)).for_each(|held| reach(&held, reached));
    }
}

/// True if a comment says so, in a sentence of its own.
fn is_required(comment: &str) -> bool {
    comment.split_inclusive('.').any(|sentence| sentence.trim() == "Required.")
}

/// What a choice between fields is about, in words.
fn choice_in_words(choice: &OneofDescriptor, comment: &str) -> String {
    let fields = choice.fields().map(|field| format!("`{}`", field.json_name())).collect::<Vec<_>>().join(", ");
    let words = format!("At most one of {fields} may be set: {comment}");
    words.trim_end_matches([':', ' ']).to_owned()
}

/// The ways to choose.
fn alternatives(choice: &OneofDescriptor, is_required: bool) -> Vec<Ordered> {
    let chosen = |field: FieldDescriptor| object([("required", texts([field.json_name()]))]);
    let mut ways: Vec<_> = choice.fields().map(chosen).collect();
    if !is_required {
        ways.push(object([("not", object([("anyOf", ways.clone().into())]))]));
    }
    ways
}

/// A date: an object in responses, and in requests also a text.
fn date() -> Ordered {
    let part = |least: i64, most: i64| {
        object([("type", "integer".into()), ("minimum", least.into()), ("maximum", most.into())])
    };
    let parts = object([("year", part(1900, 2200)), ("month", part(1, 12)), ("day", part(1, 31))]);
    let whole = object([
        ("type", "object".into()),
        ("properties", parts),
        ("required", texts(["year", "month", "day"])),
        ("additionalProperties", false.into()),
    ]);
    let text = object([("type", "string".into()), ("format", "date".into())]);
    object([
        (
            "description",
            "A civil date. Responses have the object; a request may also have the text `2026-03-01`.".into(),
        ),
        ("anyOf", vec![whole, text].into()),
    ])
}

/// Any message, with its type.
fn any() -> Ordered {
    object([
        ("type", "object".into()),
        ("description", "A message as JSON, with its type beside its fields.".into()),
        ("properties", object([("@type", object([("type", "string".into())]))])),
        ("required", texts(["@type"])),
    ])
}
