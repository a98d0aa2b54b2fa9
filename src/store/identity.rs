//! The id of the registry in a data directory. The id is the epoch of the first record. A restore and an accepted loss
//! begin new epochs but keep that record, so the id stays the same.

use std::path::Path;

use uuid::Uuid;

use super::data_dir::DataDirError;
use super::engine::{log_engine, log_engine_to_read};
use super::first_record::refuse_without_log;
use super::log::{Extent, LogOptions, OfflineLog, ReadError, ReadLog};
use super::record::{self, Undecodable};
use crate::domain::fact::{Fact, LogHome, RegistryFact};
use crate::domain::id::Revision;

/// The reasons why the id of a registry cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The directory contains no registry.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] ReadError),
    /// The first record cannot be decoded.
    #[error(transparent)]
    Undecodable(#[from] Undecodable),
    /// The first record does not begin an epoch.
    #[error("the first record of the log does not begin an epoch: restore the registry from a backup")]
    NoEpoch,
}

/// True if a directory contains a registry with its log that this process may read.
pub fn holds_registry(data_dir: &Path) -> bool {
    refuse_without_log(&*log_engine(data_dir, LogOptions::default()), data_dir).is_ok()
}

/// The id of the registry in a data directory. Another process may be serving it.
pub fn registry_id(data_dir: &Path) -> Result<Uuid, IdentityError> {
    refuse_without_log(&*log_engine(data_dir, LogOptions::default()), data_dir)?;
    id_in(&*log_engine_to_read(data_dir)?.offline(Extent::UpTo(Revision(1)))?)
}

/// Where a log says that it goes on, if that is its last record.
pub fn moved_to(log: &dyn OfflineLog) -> Result<Option<LogHome>, IdentityError> {
    let Some(last) = log.read(log.head(), log.head()).next() else { return Ok(None) };
    let (revision, bytes) = last?;
    Ok(record::decode(revision, &bytes)?.facts.into_iter().find_map(|fact| match fact {
        Fact::Registry(RegistryFact::LogMoved { to }) => Some(to),
        _ => None,
    }))
}

/// The id of the registry that this log belongs to.
pub(super) fn id_in(log: &dyn ReadLog) -> Result<Uuid, IdentityError> {
    let (revision, bytes) = log.read(Revision(1), Revision(1)).next().ok_or(IdentityError::NoEpoch)??;
    let facts = record::decode(revision, &bytes)?.facts;
    let epoch = facts.iter().find_map(|fact| match fact {
        Fact::Registry(RegistryFact::EpochBegan { epoch, .. }) => Some(*epoch),
        _ => None,
    });
    epoch.ok_or(IdentityError::NoEpoch)
}
