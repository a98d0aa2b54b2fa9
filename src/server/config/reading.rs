//! Builds a configuration from flags, the file, and the defaults, and collects every mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use toml::de::{DeTable, DeValue};

use super::key::Key;
use super::value::{Form, Value, wanted};
use super::{Mistake, Origin, Setting};
use crate::server::file_modes::writable_by_others;

/// The value that the file gives for a key.
struct Given {
    text: String,
    form: Form,
    line: usize,
}

/// A configuration that is being built.
#[derive(Default)]
pub(super) struct Reading {
    path: String,
    given: BTreeMap<String, Given>,
    pub(super) settings: Vec<Setting>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Reading {
    /// Reads a file and collects mistakes in its form. If the file cannot be read, that is the only mistake: the keys
    /// that it may contain are not reported as missing.
    pub(super) fn of_file(path: Option<&str>) -> Result<Reading, Vec<Mistake>> {
        let mut reading = Reading::default();
        if let Some(path) = path {
            let unreadable =
                |error| vec![Mistake { place: "--config".to_owned(), message: format!("cannot read {path}: {error}") }];
            let content = std::fs::read_to_string(path).map_err(unreadable)?;
            if let Some(open) = writable_by_others(Path::new(path)).map_err(unreadable)? {
                let open = open.display();
                let message =
                    format!("everyone on this machine can change it: check every key, then run chmod o-w {open}");
                return Err(vec![Mistake { place: path.to_owned(), message }]);
            }
            reading.take_file(path, &content);
        }
        Ok(reading)
    }

    fn take_file(&mut self, path: &str, content: &str) {
        path.clone_into(&mut self.path);
        let line = |at: usize| content.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let (table, errors) = DeTable::parse_recoverable(content);
        let mut broken_lines = BTreeSet::new();
        for error in errors {
            let at = line(error.span().map_or(0, |span| span.start));
            // Later errors on the same line follow from the first one.
            if broken_lines.insert(at) {
                self.mistake(format!("{path}:{at}"), error.message());
            }
        }
        let mut entries = Vec::new();
        for (key, value) in table.into_inner() {
            let at = line(key.span().start);
            let key = key.into_inner().into_owned();
            match value.into_inner() {
                DeValue::Table(table) if Key::is_table(&key) => {
                    entries.extend(table.into_iter().map(|(inner, value)| {
                        (line(inner.span().start), format!("{key}.{}", inner.into_inner()), value.into_inner())
                    }));
                }
                value => entries.push((at, key, value)),
            }
        }
        entries.retain(|(line, ..)| !broken_lines.contains(line));
        entries.sort_by_key(|(line, ..)| *line);
        for (line, key, value) in entries {
            // A misspelled key must not be ignored silently.
            if !Key::NAMES.contains(&key.as_str()) {
                let message = format!("unknown key `{key}`; the keys are {}", Key::NAMES.join(", "));
                self.mistake(format!("{path}:{line}"), message);
                continue;
            }
            let (text, form) = match value {
                DeValue::String(text) => (text.into_owned(), Form::Text),
                DeValue::Integer(number) => (number.to_string(), Form::Number),
                DeValue::Boolean(truth) => (truth.to_string(), Form::Truth),
                DeValue::Datetime(date) => (date.to_string(), Form::Date),
                _ => (String::new(), Form::Other),
            };
            self.given.insert(key, Given { text, form, line });
        }
    }

    pub(super) fn mistake(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.mistakes.push(Mistake { place: place.into(), message: message.into() });
    }

    /// Returns the value of a key: the flag, else the file, else the default. An invalid value is recorded as a
    /// mistake, and the default stands in for it until all mistakes are reported.
    pub(super) fn take<V: Value>(
        &mut self,
        key: &'static str,
        flag: &'static str,
        flag_text: &Option<String>,
        default: V,
    ) -> V {
        let given = self.given.get(key).map(|given| {
            if V::FORMS.contains(&given.form) {
                V::read(&given.text)
            } else {
                Err(format!("{key} is written as {}", wanted(V::FORMS)))
            }
        });
        let given = given.and_then(|read| read.map_err(|message| self.mistake(self.place_in_file(key), message)).ok());
        let flag_text =
            flag_text.as_deref().and_then(|text| V::read(text).map_err(|message| self.mistake(flag, message)).ok());
        let (value, origin) = match (flag_text, given) {
            (Some(value), _) => (value, Origin::Flag(flag)),
            (None, Some(value)) => (value, Origin::File(self.path.clone())),
            (None, None) => (default, Origin::Default),
        };
        self.settings.push(Setting { key, value: value.show(), origin });
        value
    }

    /// Records a switch, which is a flag without a value. The file has no switches.
    pub(super) fn take_switch(&mut self, key: &'static str, flag: &'static str, is_on: bool) -> bool {
        let origin = if is_on { Origin::Flag(flag) } else { Origin::Default };
        self.settings.push(Setting { key, value: Some(is_on.to_string()), origin });
        is_on
    }

    /// The place where a value in effect was given.
    pub(super) fn place_of(&self, key: &str) -> String {
        match self.settings.iter().find(|setting| setting.key == key).map(|setting| &setting.origin) {
            Some(Origin::Flag(flag)) => (*flag).to_owned(),
            Some(Origin::File(_)) => self.place_in_file(key),
            Some(Origin::Default) | None => key.to_owned(),
        }
    }

    /// True if the file gives a value for a key.
    pub(super) fn file_gives(&self, key: &str) -> bool {
        self.given.contains_key(key)
    }

    fn place_in_file(&self, key: &str) -> String {
        let line = self.given.get(key).map_or(1, |given| given.line);
        format!("{}:{line}", self.path)
    }
}
