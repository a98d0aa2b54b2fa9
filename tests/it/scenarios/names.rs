//! The names in scenarios for people, credentials, providers, jobs and facts.

use std::collections::BTreeMap;

use cpss_registry::proto::v1;

use crate::harness::NOT_ON_FILE;

/// The name of a person who is never on file.
const NOBODY: &str = "nobody";

/// The registry's ids, by the names in the scenario.
#[derive(Default)]
pub struct Names {
    /// People.
    pub people: BTreeMap<String, String>,
    /// Credentials, by the name of the person unless another name is given.
    pub numbers: BTreeMap<String, String>,
    /// Jobs.
    pub jobs: BTreeMap<String, String>,
    /// Facts.
    pub facts: BTreeMap<String, String>,
    /// Request ids.
    pub requests: BTreeMap<String, String>,
}

fn id(of: &BTreeMap<String, String>, name: &str, nobody: &str) -> Result<String, String> {
    match of.get(name) {
        Some(id) => Ok(id.clone()),
        None if name == NOBODY => Ok(nobody.to_owned()),
        None => Err(format!("{name} has no earlier definition")),
    }
}

impl Names {
    /// A person's id.
    pub fn person(&self, name: &str) -> Result<String, String> {
        id(&self.people, name, "00000000-0000-4000-8000-000000000000")
    }

    /// A credential's number.
    pub fn number(&self, name: &str) -> Result<String, String> {
        if name.starts_with("CPS-") { Ok(name.to_owned()) } else { id(&self.numbers, name, NOT_ON_FILE) }
    }

    /// A job's id.
    pub fn job(&self, name: &str) -> Result<String, String> {
        id(&self.jobs, name, "00000000-0000-4000-8000-000000000000")
    }

    /// A fact's id.
    pub fn fact(&self, name: &str) -> Result<String, String> {
        id(&self.facts, name, "00000000-1-0")
    }

    /// Replaces ids in a text by the scenario's names.
    pub fn named(&self, text: &str) -> String {
        let mut named = text.to_owned();
        for (name, id) in self.numbers.iter().chain(&self.people).chain(&self.jobs) {
            named = named.replace(id, name);
        }
        named
    }
}

/// A name written as `Given/Family/Suffix`. Without a family name it is `Example`. Spaces are kept.
pub fn person_name(text: &str) -> v1::PersonName {
    let mut parts = text.split('/').map(str::to_owned);
    v1::PersonName {
        given_name: parts.next().unwrap_or_default(),
        family_name: parts.next().unwrap_or("Example".to_owned()),
        suffix: parts.next().unwrap_or_default(),
    }
}

/// A value of an enum by its name; a number is used as it is.
macro_rules! word {
    ($kind:ident, $prefix:literal, $text:expr) => {{
        let text: &str = $text;
        match text.parse::<i32>() {
            Ok(number) => Ok(number),
            Err(_) => v1::$kind::from_str_name(&format!("{}{text}", $prefix))
                .map(i32::from)
                .ok_or(format!("{text} is not in {}", stringify!($kind))),
        }
    }};
}
pub(super) use word;

/// Designations, separated by commas.
pub fn designations(text: &str) -> Result<Vec<i32>, String> {
    text.split(',').filter(|code| !code.is_empty()).map(|code| word!(Designation, "DESIGNATION_", code)).collect()
}
