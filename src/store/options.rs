//! How a store is opened.

use std::path::PathBuf;
use std::sync::Arc;

use super::data_dir::Key;
use super::index::IndexOptions;
use super::log::LogOptions;
use super::log::postgresql::SharedLog;
use super::record::Salts;

/// Which registry to open. A new registry needs an empty or missing directory; the string is the command that creates
/// it.
#[derive(Clone, Copy, Debug, Default)]
pub enum OpenMode {
    /// The existing registry.
    #[default]
    Existing,
    /// A new registry.
    New(&'static str),
    /// The existing registry, or a new one if there is none.
    ExistingOrNew(&'static str),
}

/// Where the log is.
#[derive(Clone, Debug, Default)]
pub enum LogPlace {
    /// In the data directory alone.
    #[default]
    File,
    /// In a database that several replicas share. The data directory contains a copy.
    Shared(Arc<SharedLog>),
}

/// How the store uses the machine.
#[derive(Clone, Debug, Default)]
pub struct StoreOptions {
    /// Which registry to open.
    pub mode: OpenMode,
    /// Where the log is.
    pub place: LogPlace,
    /// How the log uses the disk.
    pub log: LogOptions,
    /// How the index uses the machine.
    pub index: IndexOptions,
    /// The key for request digests that a new registry gets. `None`: a random key. Sample registries set it, so that
    /// they are the same each time.
    pub new_request_key: Option<Key>,
    /// The source of the salts of records.
    pub salts: Salts,
    /// True if a registry that has lost its key gets a new one.
    pub replaces_lost_key: bool,
    /// The directory with the signing keys that replicas of a shared log have in common. `None`: the replica signs
    /// nothing. If the log is not shared, the keys are in the data directory.
    pub signing_keys: Option<PathBuf>,
}
