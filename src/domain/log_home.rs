//! Where the log of a registry is kept.

use std::fmt::{self, Display, Formatter};

use uuid::Uuid;

/// The place where a log is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogHome {
    /// What kind of place it is.
    pub kind: LogKind,
    /// The id of the log in that place. No other place has it.
    pub id: Uuid,
    /// What operators call the place, such as the address of the database.
    pub name: String,
}

/// The kinds of places where a log is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogKind {
    /// The data directory of one machine.
    DataDirectory,
    /// A database that several replicas share.
    Database,
}

impl Display for LogHome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            LogKind::DataDirectory => "data directory",
            LogKind::Database => "database",
        };
        write!(f, "the {kind} {} (its log is {})", self.name, self.id)
    }
}
