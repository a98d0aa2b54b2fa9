//! The types of the values of the table `log`.

use std::time::Duration;

use super::value::Value;
use crate::store::log::postgresql::Durability;

/// Where the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogEngine {
    /// In the data directory.
    File,
    /// In a PostgreSQL database that several replicas share.
    Postgresql,
}

impl Value for LogEngine {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "file" => Ok(LogEngine::File),
            "postgresql" => Ok(LogEngine::Postgresql),
            _ => Err(format!("`{text}` is not an engine of the log: file or postgresql")),
        }
    }

    fn show(&self) -> Option<String> {
        let name = match self {
            LogEngine::File => "file",
            LogEngine::Postgresql => "postgresql",
        };
        Some(name.to_owned())
    }
}

impl Value for Durability {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "standby" => Ok(Durability::Standby),
            "storage" => Ok(Durability::Storage),
            _ => Err(format!("`{text}` does not make a record durable: standby or storage")),
        }
    }

    fn show(&self) -> Option<String> {
        let name = match self {
            Durability::Standby => "standby",
            Durability::Storage => "storage",
        };
        Some(name.to_owned())
    }
}

/// How long a database that was started or restored waits for replicas that are not heard from. `None`: for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RollCall(pub Option<Duration>);

/// The longest time in seconds after which a replica is not waited for.
const LONGEST_WAIT: u64 = 24 * 3600;

impl Value for RollCall {
    fn read(text: &str) -> Result<Self, String> {
        if text == "wait" {
            return Ok(RollCall(None));
        }
        let seconds = text.strip_suffix('s').and_then(|seconds| seconds.parse().ok());
        let seconds = seconds.filter(|seconds| (1..=LONGEST_WAIT).contains(seconds));
        let seconds =
            seconds.ok_or_else(|| format!("`{text}` is neither wait nor a time from 1s to {LONGEST_WAIT}s"))?;
        Ok(RollCall(Some(Duration::from_secs(seconds))))
    }

    fn show(&self) -> Option<String> {
        Some(self.0.map_or("wait".to_owned(), |time| format!("{}s", time.as_secs())))
    }
}

/// The URL of a database. It is checked together with the other keys of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseUrl(pub String);

impl Value for DatabaseUrl {
    fn read(text: &str) -> Result<Self, String> {
        Ok(DatabaseUrl(text.to_owned()))
    }

    fn show(&self) -> Option<String> {
        Some(self.0.clone())
    }
}

/// The name of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaId(pub String);

/// The maximum length of a replica's name.
const LONGEST: usize = 63;

impl ReplicaId {
    /// The name of this machine up to the first dot. Returns what is wrong if no replica can have it.
    pub fn of_this_machine() -> Result<ReplicaId, String> {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let name = host.trim().split('.').next().unwrap_or_default();
        ReplicaId::read(name).map_err(|message| format!("not set, and the name of this machine does not do: {message}"))
    }
}

impl Value for ReplicaId {
    fn read(text: &str) -> Result<Self, String> {
        let may_be_in = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        let begins_well = text.starts_with(|first: char| first.is_ascii_alphanumeric());
        if begins_well && text.len() <= LONGEST && text.chars().all(may_be_in) {
            return Ok(ReplicaId(text.to_owned()));
        }
        Err(format!(
            "`{text}` is not the name of a replica: at most {LONGEST} letters, digits, - and _, first a letter or digit"
        ))
    }

    fn show(&self) -> Option<String> {
        Some(self.0.clone())
    }
}
