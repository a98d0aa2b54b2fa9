//! The server's configuration: the configuration file and the command line, checked as a whole.
//!
//! The keys and flags are the rows of `table.rs`; everything else about them is derived from those rows. [`Flags`] and
//! the text of a file are unchecked. A [`Config`] is only made by [`Config::read`], which reports every mistake at
//! once. Flags override the file, and the file overrides the defaults. Each value remembers its origin. Environment
//! variables are not read.

mod checks;
pub mod clients;
mod derive;
mod key;
pub mod log;
mod log_values;
mod logging;
mod reading;
mod secret;
mod table;
mod value;
mod webhooks;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

pub use self::key::example;
pub use self::log::LogAccess;
pub use self::log_values::{DatabaseUrl, LogEngine, ReplicaId};
use self::reading::Reading;
pub use self::table::{Config, Flags};
pub use self::value::{Bytes, Percent, Share};
use super::listener::certificates::CertificateFiles;
use crate::auth::misses::MissLimits;
use crate::auth::quotas::Limits;
use crate::registry::clock;
use crate::store::holds_registry;
use crate::telemetry::audit::{self, Keep, Place};
use crate::transport::ConnectionAge;

/// The files that decide who may call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access {
    /// The server's certificate, and the authority of client certificates.
    pub certificates: CertificateFiles,
    /// The list of clients.
    pub clients: PathBuf,
}

/// A value in effect, for display.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in the file.
    pub key: &'static str,
    /// The value. None if it is not set.
    pub value: Option<String>,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The default value.
    Default,
    /// The configuration file.
    File(String),
    /// A flag, by its name.
    Flag(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File(path) => write!(f, "file {path}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
        }
    }
}

/// A mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The place: a flag, or a file with its line.
    pub place: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// The text of an error, with what caused it.
fn with_source(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// Returns all mistakes in one line.
pub fn in_one_line(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Returns the default path of the audit file in a data directory.
fn audit_file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("audit/reads.jsonl")
}

impl Config {
    /// Reads the configuration from the flags and the file that they name. Returns every mistake in them.
    pub fn read(flags: &Flags) -> Result<Config, Vec<Mistake>> {
        let mut reading = Reading::of_file(flags.config.as_deref())?;
        let mut config = Config::take(&mut reading, flags);
        reading.check(&config, flags);
        if reading.mistakes.is_empty() {
            config.settings = reading.settings;
            Ok(config)
        } else {
            Err(reading.mistakes)
        }
    }

    /// Reads only the data directory, for commands that work on it without serving. Returns every mistake in the file.
    pub fn read_data_dir(flags: &Flags) -> Result<PathBuf, Vec<Mistake>> {
        Config::read_one(flags, Reading::data_dir)
    }

    /// Reads only the audit file, for commands that search it without serving. Returns every mistake in the file.
    pub fn read_audit_file(flags: &Flags) -> Result<PathBuf, Vec<Mistake>> {
        Config::read_one(flags, |reading, flags| {
            let (file, data_dir) = (reading.audit_file(flags), reading.data_dir(flags));
            file.unwrap_or_else(|| audit_file_in(&data_dir))
        })
    }

    /// Reads only the server's address, for setting up clients before it serves. Returns every mistake in the file.
    pub fn read_listen(flags: &Flags) -> Result<SocketAddr, Vec<Mistake>> {
        Config::read_one(flags, Reading::listen)
    }

    fn read_one<V>(flags: &Flags, take: fn(&mut Reading, &Flags) -> V) -> Result<V, Vec<Mistake>> {
        let mut reading = Reading::of_file(flags.config.as_deref())?;
        let value = take(&mut reading, flags);
        if reading.mistakes.is_empty() { Ok(value) } else { Err(reading.mistakes) }
    }

    /// The files that decide who may call. None on a development server, and only there.
    pub fn access(&self) -> Option<Access> {
        let certificates = CertificateFiles {
            certificate: self.tls_cert.clone()?,
            key: self.tls_key.clone()?,
            client_ca: self.client_ca.clone(),
        };
        Some(Access { certificates, clients: self.clients.clone()? })
    }

    /// Where the audit of reads is written.
    pub fn audit(&self) -> Place {
        Place {
            path: self.audit_file.clone().unwrap_or_else(|| audit_file_in(&self.data_dir)),
            file_bytes: u64::from(self.audit_file_mib.get()) << 20,
            keep: Keep { days: self.audit_keep_days.get() },
            max_bytes: self.audit_max_bytes.map(|bytes| bytes.0),
        }
    }

    /// How old a connection of a client may become.
    pub fn connection_age(&self) -> ConnectionAge {
        let (most, grace) = (self.max_connection_age_seconds, self.max_connection_age_grace_seconds);
        ConnectionAge { most: Some(most).filter(|most| !most.is_zero()), grace }
    }

    /// The quotas of one client.
    pub fn limits(&self) -> Limits {
        Limits {
            calls_per_second: self.calls_per_second,
            calls_burst: self.calls_burst,
            questions_per_second: self.questions_per_second,
            questions_burst: self.questions_burst,
            misses: MissLimits {
                provider_per_hour: self.provider_misses_per_hour,
                payer_per_hour: self.payer_misses_per_hour,
            },
            connections: self.connections_per_client,
            streams: self.streams_per_client,
            longest_call: self.longest_call_seconds,
        }
    }

    /// Checks that the audit can be written: opens the file, writes a line, and syncs it. In a data directory without a
    /// registry it creates nothing, because the start refuses that directory, or checks the audit itself.
    pub fn check_audit(&self) -> Result<(), Mistake> {
        let Place { path, .. } = self.audit();
        if path.starts_with(&self.data_dir) && !holds_registry(&self.data_dir) {
            return Ok(());
        }
        audit::check(&path, clock::now()).map_err(|error| {
            let origin =
                self.settings.iter().find(|setting| setting.key == "audit_file").map(|setting| &setting.origin);
            let place = origin.map_or_else(String::new, |origin| format!(" ({origin})"));
            Mistake { place: format!("audit_file{place}"), message: with_source(&error) }
        })
    }

    /// Every value in effect, with its origin.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }
}

#[cfg(test)]
mod tests;
