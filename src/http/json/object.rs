//! Objects, lists and the values in them.

use std::fmt;

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::reading::{Expected, Reading, Step};
use super::scalar::{self, Given, Unfit};

/// Reads an object as the fields of a message.
pub(super) struct Object<'r> {
    pub(super) reading: &'r mut Reading,
    pub(super) message: &'r MessageDescriptor,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Object { reading, message } = self;
        let mut seen = smallvec::SmallVec::<[u32; 16]>::new();
        // The members of choices that have a value: null is none.
        let mut chosen = smallvec::SmallVec::<[u32; 4]>::new();
        while let Some(name) = map.next_key_seed(Name)? {
            let field = message.get_field_by_json_name(&name).or_else(|| message.get_field_by_name(&name));
            let Some(field) = field else {
                reading.note_unknown(message, &name);
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            reading.path.push(Step::Field(field.clone()));
            if seen.contains(&field.number()) {
                return Err(reading.wrong("given twice"));
            }
            seen.push(field.number());
            let begun = reading.out.len();
            map.next_value_seed(Field { reading: &mut *reading, field: &field })?;
            let is_given = reading.out.len() > begun;
            if let Some(choice) = field.containing_oneof().filter(|choice| is_given && !choice.is_synthetic()) {
                if let Some(other) = choice.fields().find(|other| chosen.contains(&other.number())) {
                    let other = other.json_name().to_owned();
                    return Err(reading.wrong(format!("must not be combined with {other}")));
                }
                chosen.push(field.number());
            }
            reading.path.pop();
        }
        Ok(())
    }
}

/// Reads the name of a field. Most names are borrowed from the text.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = std::borrow::Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = std::borrow::Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(name.into())
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(name.to_owned().into())
    }
}

/// Reads the value of a field: `null` stands for its default.
struct Field<'r> {
    reading: &'r mut Reading,
    field: &'r FieldDescriptor,
}

impl<'de> DeserializeSeed<'de> for Field<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let is_list = self.field.is_list();
        self.reading.expected = if is_list { Expected::List } else { Expected::Value(self.field.kind()) };
        deserializer.deserialize_option(self)
    }
}

impl<'de> Visitor<'de> for Field<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_none<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let Field { reading, field } = self;
        let kind = field.kind();
        match field.is_list() {
            true => deserializer.deserialize_seq(List { reading, number: field.number(), kind: &kind }),
            false => Value { reading, number: field.number(), kind: &kind }.deserialize(deserializer),
        }
    }
}

/// Reads the elements of a repeated field.
struct List<'r> {
    reading: &'r mut Reading,
    number: u32,
    kind: &'r Kind,
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let List { reading, number, kind } = self;
        for at in 0.. {
            reading.path.push(Step::Element(at));
            reading.expected = Expected::Value(kind.clone());
            if list.next_element_seed(Value { reading: &mut *reading, number, kind })?.is_none() {
                reading.path.pop();
                return Ok(());
            }
            reading.path.pop();
        }
        Ok(())
    }
}

/// Reads a single value.
struct Value<'r> {
    reading: &'r mut Reading,
    number: u32,
    kind: &'r Kind,
}

impl Value<'_> {
    /// Writes a value that is not an object.
    fn write<E: Error>(self, value: Given<'_>) -> Result<(), E> {
        let written = scalar::write(self.reading, self.number, self.kind, value);
        written.map_err(|unfit| match unfit {
            Unfit::Type => E::custom(""),
            Unfit::Because(why) => self.reading.wrong(why),
        })
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.write(Given::Truth(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.write(Given::Whole(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.write(Given::Whole(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.write(Given::Number(value))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.write(Given::Text(text))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        match self.kind {
            Kind::Message(message) if !scalar::is_only_text(message) => {
                self.reading.nested(self.number, |reading| Object { reading, message }.visit_map(map))
            }
            _ => Err(A::Error::custom("")),
        }
    }
}
