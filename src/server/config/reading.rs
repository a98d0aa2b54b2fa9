//! Putting a configuration together: flags over a file over defaults, every mistake kept.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::value::{Form, Value, wanted};
use super::{Access, Config, Flags, Mistake, Origin, Setting, clients};
use crate::registry::clock;
use crate::rules;
use crate::server::listener::certificates::CertificateFiles;

/// The keys of a file. What only a development server does is asked for by flags alone.
const KEYS: &[&str] = &[
    "listen",
    "ops_listen",
    "tls_cert",
    "tls_key",
    "client_ca",
    "clients",
    "data_dir",
    "registry",
    "rules_dir",
    "disk_reserve_bytes",
    "disk_reserve_percent",
    "drain_seconds",
    "open_days_through",
    "audit_file",
    "audit_file_mib",
    "audit_files",
    "calls_per_second",
    "calls_burst",
    "connections_per_client",
    "streams_per_client",
    "longest_call_seconds",
];

/// What a file gives for a key.
struct Given {
    text: String,
    form: Form,
    line: usize,
}

/// A configuration being put together.
#[derive(Default)]
pub(super) struct Reading {
    path: String,
    given: BTreeMap<String, Given>,
    pub(super) settings: Vec<Setting>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Reading {
    /// Takes in a file, with what is wrong with its form. A file that cannot be read is the only mistake then: the keys
    /// that it may have are not missing.
    pub(super) fn of_file(path: Option<&str>) -> Result<Reading, Vec<Mistake>> {
        let mut reading = Reading::default();
        if let Some(path) = path {
            let content = std::fs::read_to_string(path).map_err(|error| {
                vec![Mistake { place: "--config".to_owned(), message: format!("cannot read {path}: {error}") }]
            })?;
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
            // The first error of a line tells what the others follow from.
            if broken_lines.insert(at) {
                self.mistake(format!("{path}:{at}"), error.message());
            }
        }
        let mut entries: Vec<_> =
            table.into_inner().into_iter().map(|(key, value)| (line(key.span().start), key, value)).collect();
        entries.retain(|(line, ..)| !broken_lines.contains(line));
        entries.sort_by_key(|(line, ..)| *line);
        for (line, key, value) in entries {
            let key = key.into_inner().into_owned();
            // A misspelt key is never silently without effect.
            if !KEYS.contains(&key.as_str()) {
                self.mistake(
                    format!("{path}:{line}"),
                    format!("unknown key `{key}`; the keys are {}", KEYS.join(", ")),
                );
                continue;
            }
            let (text, form) = match value.into_inner() {
                DeValue::String(text) => (text.into_owned(), Form::Text),
                DeValue::Integer(number) => (number.to_string(), Form::Number),
                DeValue::Datetime(date) => (date.to_string(), Form::Date),
                _ => (String::new(), Form::Other),
            };
            self.given.insert(key, Given { text, form, line });
        }
    }

    fn mistake(&mut self, place: impl Into<String>, message: impl Into<String>) {
        self.mistakes.push(Mistake { place: place.into(), message: message.into() });
    }

    /// The value of a key: the flag's, else the file's, else the default. One that cannot be read is a mistake, and the
    /// default stands in for it until all of them are told.
    pub(super) fn take<V: Value>(
        &mut self,
        key: &'static str,
        flag: &'static str,
        said: &Option<String>,
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
        let said = said.as_deref().and_then(|text| V::read(text).map_err(|message| self.mistake(flag, message)).ok());
        let (value, origin) = match (said, given) {
            (Some(value), _) => (value, Origin::Flag(flag)),
            (None, Some(value)) => (value, Origin::File(self.path.clone())),
            (None, None) => (default, Origin::Default),
        };
        self.settings.push(Setting { key, value: value.show(), origin });
        value
    }

    /// The files that say who may call: all that are needed, or none on a development server.
    pub(super) fn take_access(&mut self, flags: &Flags) -> Option<Access> {
        let mistakes = self.mistakes.len();
        let certificate: Option<PathBuf> = self.take("tls_cert", "--tls-cert", &flags.tls_cert, None);
        let key: Option<PathBuf> = self.take("tls_key", "--tls-key", &flags.tls_key, None);
        let client_ca: Option<PathBuf> = self.take("client_ca", "--client-ca", &flags.client_ca, None);
        let clients: Option<PathBuf> = self.take("clients", "--clients", &flags.clients, None);
        let given = [("tls_cert", &certificate), ("tls_key", &key), ("client_ca", &client_ca), ("clients", &clients)];
        if flags.dev {
            for (name, _) in given.into_iter().filter(|(_, path)| path.is_some()) {
                self.mistake(self.place_of(name), "not with --dev, which speaks plaintext and knows no clients");
            }
            return None;
        }
        let is_missing = |(name, path): &(&str, &Option<PathBuf>)| *name != "client_ca" && path.is_none();
        let missing: Vec<_> = given.into_iter().filter(is_missing).map(|(name, _)| name).collect();
        if !missing.is_empty() && self.mistakes.len() == mistakes {
            let message = "needed to serve without --dev; `cpss-registry init DIR` makes all that is";
            self.mistake(missing.join(", "), message);
        }
        Some(Access {
            certificates: CertificateFiles { certificate: certificate?, key: key?, client_ca },
            clients: clients?,
        })
    }

    /// What is wrong with the files that say who may call.
    fn check_access(&mut self, access: &Access) {
        if let Err(error) = access.certificates.read(clock::now()) {
            self.mistake(self.place_of("tls_cert"), with_source(&error));
        }
        match clients::read(&access.clients) {
            Ok(clients) if clients.has_certificates() && access.certificates.client_ca.is_none() => {
                let message = "has clients with certificates, and no client_ca says whose certificates are believed";
                self.mistake(self.place_of("clients"), message);
            }
            Ok(_) => {}
            Err(mistakes) => self.mistakes.extend(mistakes),
        }
    }

    /// What a flag without a value says. The file has no such keys.
    pub(super) fn take_switch(&mut self, key: &'static str, flag: &'static str, is_on: bool) -> bool {
        let origin = if is_on { Origin::Flag(flag) } else { Origin::Default };
        self.settings.push(Setting { key, value: Some(is_on.to_string()), origin });
        is_on
    }

    /// What no value shows alone.
    pub(super) fn check(&mut self, config: &Config) {
        if config.listen == config.ops_listen && config.listen.port() != 0 {
            self.mistake(self.place_of("ops_listen"), "the same address as listen");
        }
        if config.dev {
            for (key, address) in [("listen", config.listen), ("ops_listen", config.ops_listen)] {
                if !address.ip().is_loopback() {
                    let message = format!("{address} is not a loopback address, and --dev serves anyone who connects");
                    self.mistake(self.place_of(key), message);
                }
            }
        }
        for (flag, is_given) in [("--today", config.today.is_some()), ("--no-sample", config.no_sample)] {
            if is_given && !config.dev {
                self.mistake(flag, "only with --dev");
            }
        }
        if let Some(access) = &config.access {
            self.check_access(access);
        }
        if let Some(directory) = &config.rules_dir
            && let Err(error) = rules::in_directory(directory)
        {
            self.mistake(self.place_of("rules_dir"), with_source(&error));
        }
    }

    /// Where a value in effect was given.
    fn place_of(&self, key: &str) -> String {
        match self.settings.iter().find(|setting| setting.key == key).map(|setting| &setting.origin) {
            Some(Origin::Flag(flag)) => (*flag).to_owned(),
            Some(Origin::File(_)) => self.place_in_file(key),
            Some(Origin::Default) | None => key.to_owned(),
        }
    }

    fn place_in_file(&self, key: &str) -> String {
        let line = self.given.get(key).map_or(1, |given| given.line);
        format!("{}:{line}", self.path)
    }
}

pub(super) fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}
