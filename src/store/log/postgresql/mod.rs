//! A log that several replicas share in PostgreSQL.
//!
//! This folder alone speaks to the database. What the statements mean is in `replicated::statements`, and what follows
//! from them in `replicated`.

pub mod schema;
mod settings;

use std::fmt::{self, Debug, Formatter};

use jiff::Timestamp;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::store::Key;

pub use settings::{Durability, Settings, SettingsError};

/// A log in PostgreSQL, as this replica uses it. Its debug output contains no secret.
#[derive(Clone)]
pub struct SharedLog {
    /// Where the database is.
    pub settings: Settings,
    /// The id of the registry that the database must contain.
    pub registry: Uuid,
    /// The request key, which all replicas have.
    pub request_key: Key,
    /// Drives the connections. The log blocks its caller, so it must not be used on a thread of this runtime that runs
    /// tasks.
    pub runtime: Handle,
    /// The clock of this machine, which is compared with the database's.
    pub now: fn() -> Timestamp,
}

impl Debug for SharedLog {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLog")
            .field("settings", &self.settings)
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}
