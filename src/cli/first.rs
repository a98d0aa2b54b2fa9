//! The first things of a kind, so that a summary stays short however long its list is.

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// The maximum number of things that are shown.
const MOST_SHOWN: usize = 20;

/// The first things of a kind, and how many more there are. In JSON these are two fields of the object that it is part
/// of: the things under its name, and the number of the others as `NAME_not_shown`.
#[derive(Clone, Debug)]
pub struct First<T> {
    name: &'static str,
    shown: Vec<T>,
    not_shown: u64,
}

impl<T> First<T> {
    /// None yet, under a name.
    pub const fn of(name: &'static str) -> First<T> {
        First { name, shown: Vec::new(), not_shown: 0 }
    }

    /// Adds a thing. It is shown if there is room.
    pub fn push(&mut self, thing: T) {
        if self.shown.len() < MOST_SHOWN {
            self.shown.push(thing);
        } else {
            self.not_shown += 1;
        }
    }

    /// Adds the things of another kind behind the others.
    pub fn append(&mut self, others: First<T>) {
        others.shown.into_iter().for_each(|thing| self.push(thing));
        self.not_shown += others.not_shown;
    }

    /// The things that are shown.
    pub fn shown(&self) -> &[T] {
        &self.shown
    }

    /// How many more there are.
    pub fn not_shown(&self) -> u64 {
        self.not_shown
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.shown.len() as u64 + self.not_shown
    }
}

impl<T: Serialize> Serialize for First<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(Some(2))?;
        fields.serialize_entry(self.name, &self.shown)?;
        fields.serialize_entry(&format!("{}_not_shown", self.name), &self.not_shown)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_shown_is_counted() {
        let (mut some, mut more) = (First::of("rows"), First::of("others"));
        (0..15).for_each(|row| some.push(row));
        (15..40).for_each(|row| more.push(row));
        some.append(more);
        assert_eq!((some.shown(), some.not_shown(), some.count()), (&*(0..20).collect::<Vec<_>>(), 20, 40));
        let json = serde_json::to_value(&some).unwrap();
        assert_eq!((&json["rows"][19], &json["rows_not_shown"]), (&19.into(), &20.into()));
    }
}
