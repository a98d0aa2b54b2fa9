//! JSON fields in a fixed order, and the contract's names of values.

use std::fmt::{Debug, Display};

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::domain::day::{Day, Period};
use crate::domain::fact::Identifier;
use crate::domain::record::Change;

/// The fields of one object. Unset fields are omitted.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// An object with a kind.
    pub fn of_kind(kind: &str) -> Fields {
        Fields::default().with("kind", kind)
    }

    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Fields {
        self.0.push((name, value.into()));
        self
    }

    /// Adds an id, a number or a date as text.
    #[must_use]
    pub fn text(self, name: &'static str, value: impl Display) -> Fields {
        self.with(name, value.to_string())
    }

    /// Adds an enum value by its contract name, without the prefix of the enum.
    #[must_use]
    pub fn word(self, name: &'static str, value: impl Debug) -> Fields {
        self.with(name, word(value))
    }

    /// Adds a day, if there is one.
    #[must_use]
    pub fn day(self, name: &'static str, day: Option<Day>) -> Fields {
        match day {
            Some(day) => self.text(name, day),
            None => self,
        }
    }

    /// Adds the first and the last day of a period, both inclusive.
    #[must_use]
    pub fn days(self, days: Period) -> Fields {
        self.text("first_day", days.start).day("last_day", days.last_day())
    }

    #[must_use]
    pub fn and(mut self, more: Fields) -> Fields {
        self.0.extend(more.0);
        self
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

/// Converts `DmhOperated` to `DMH_OPERATED`. A test compares all results with the contract.
pub(super) fn word(value: impl Debug) -> String {
    let name = format!("{value:?}");
    let mut word = String::with_capacity(name.len() + 4);
    for (at, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && at > 0 {
            word.push('_');
        }
        word.push(letter.to_ascii_uppercase());
    }
    word
}

/// The numbers of a provider in other registries.
pub(super) fn identifiers(identifiers: &[Identifier]) -> Value {
    identifiers.iter().map(|id| json!({ "kind": word(id.kind), "value": id.value })).collect()
}

/// The JSON form of a change.
pub(super) fn change(change: &Change) -> Fields {
    match change {
        Change::Standing { number, days, from, to, reason } => {
            let fields = Fields::of_kind("STANDING").text("credential_number", number).days(*days);
            let fields = fields.word("from", from).word("to", to);
            reason.map_or(fields.clone(), |reason| fields.word("reason", reason))
        }
        Change::Coverage { number, provider, days, coverage } => Fields::of_kind("COVERAGE")
            .text("credential_number", number)
            .text("provider_id", provider)
            .days(*days)
            .word("coverage", coverage),
        Change::Designation { number, code, days, held } => Fields::of_kind("DESIGNATION")
            .text("credential_number", number)
            .word("code", code)
            .days(*days)
            .with("held", *held),
        Change::Service { provider, days, service } => {
            Fields::of_kind("SERVICE").text("provider_id", provider).days(*days).word("service", service)
        }
        Change::Provider { provider, identifiers: numbers, on_file } => Fields::of_kind("PROVIDER")
            .text("provider_id", provider)
            .with("identifiers", identifiers(numbers))
            .with("on_file", *on_file),
        Change::Records { first_day } => Fields::of_kind("RECORDS").text("first_day", first_day),
    }
}
