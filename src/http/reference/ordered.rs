//! JSON values whose objects keep the order of their fields.

use std::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Ordered {
    Truth(bool),
    Whole(i64),
    Text(String),
    List(Vec<Ordered>),
    Object(Vec<(String, Ordered)>),
}

/// An object with these fields.
pub(super) fn object<const N: usize>(fields: [(&str, Ordered); N]) -> Ordered {
    Ordered::Object(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

/// A list of texts.
pub(super) fn texts<'a>(texts: impl IntoIterator<Item = &'a str>) -> Ordered {
    Ordered::List(texts.into_iter().map(Ordered::from).collect())
}

impl Ordered {
    /// Adds a field to an object.
    pub(super) fn with(mut self, name: &str, value: impl Into<Ordered>) -> Ordered {
        if let Ordered::Object(fields) = &mut self {
            fields.push((name.to_owned(), value.into()));
        }
        self
    }

    /// Adds a text to an object, unless it is empty.
    pub(super) fn with_text(self, name: &str, text: &str) -> Ordered {
        if text.is_empty() { self } else { self.with(name, text) }
    }

    /// The field of an object with this name.
    pub(super) fn get(&self, name: &str) -> Option<&Ordered> {
        self.fields().iter().find(|(field, _)| field == name).map(|(_, value)| value)
    }

    /// The value at the end of a path of names.
    pub(super) fn at(&self, path: &[&str]) -> Option<&Ordered> {
        path.iter().try_fold(self, |value, name| value.get(name))
    }

    /// The text of a field, or nothing.
    pub(super) fn text(&self, name: &str) -> &str {
        match self.get(name) {
            Some(Ordered::Text(text)) => text,
            _ => "",
        }
    }

    /// The fields of an object. Other values have none.
    pub(super) fn fields(&self) -> &[(String, Ordered)] {
        if let Ordered::Object(fields) = self { fields } else { &[] }
    }

    /// The elements of a list. Other values have none.
    pub(super) fn elements(&self) -> &[Ordered] {
        if let Ordered::List(elements) = self { elements } else { &[] }
    }
}

impl From<&str> for Ordered {
    fn from(text: &str) -> Ordered {
        Ordered::Text(text.to_owned())
    }
}

impl From<String> for Ordered {
    fn from(text: String) -> Ordered {
        Ordered::Text(text)
    }
}

impl From<bool> for Ordered {
    fn from(value: bool) -> Ordered {
        Ordered::Truth(value)
    }
}

impl From<i64> for Ordered {
    fn from(value: i64) -> Ordered {
        Ordered::Whole(value)
    }
}

impl From<Vec<Ordered>> for Ordered {
    fn from(elements: Vec<Ordered>) -> Ordered {
        Ordered::List(elements)
    }
}

impl FromIterator<(String, Ordered)> for Ordered {
    fn from_iter<I: IntoIterator<Item = (String, Ordered)>>(fields: I) -> Ordered {
        Ordered::Object(fields.into_iter().collect())
    }
}

impl Serialize for Ordered {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Ordered::Truth(value) => serializer.serialize_bool(*value),
            Ordered::Whole(value) => serializer.serialize_i64(*value),
            Ordered::Text(text) => serializer.serialize_str(text),
            Ordered::List(elements) => elements.serialize(serializer),
            Ordered::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Ordered, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Ordered;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a truth value, a whole number, a text, a list or an object")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Ordered, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Ordered, E> {
        Ok(value.into())
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Ordered, E> {
        i64::try_from(value).map(Ordered::Whole).map_err(E::custom)
    }

    fn visit_str<E>(self, text: &str) -> Result<Ordered, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Ordered, A::Error> {
        let mut elements = Vec::new();
        while let Some(element) = list.next_element()? {
            elements.push(element);
        }
        Ok(Ordered::List(elements))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Ordered::Object(fields))
    }
}
