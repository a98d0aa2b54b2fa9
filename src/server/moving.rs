//! Moves the log of a registry: from a data directory to a database that several replicas share, and back.
//!
//! The last record in the one place names the other one. Only after that record is durable does the log go on in the
//! other place, so a move that is interrupted anywhere is run again.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};

use super::config::{Config, Flags, LogAccess};
use super::replica::{self, ReplicaError};
use super::restored::{Replica, RestoredError};
use crate::domain::fact::{LogHome, LogKind};
use crate::domain::id::Revision;
use crate::registry::{OpenError, Options, Registry};
use crate::store::backup::log_of_data_dir;
use crate::store::progress::OnStep;
use crate::store::record::Tip;
use crate::store::{
    DataDirError, IdentityError, LogPlace, OpenMode, StoreOptions, copied_log, mark_as_copy, mark_as_own, moved_to,
    name_own_log, own_log,
};

/// Why the log was not moved, or why it is not known whether it was: then the move is run again.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// The configuration cannot be used, or the records cannot be pushed.
    #[error(transparent)]
    Push(#[from] RestoredError),
    /// The database cannot be used.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The registry cannot be opened, or its log does not take its last record.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The data directory cannot be used.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The log in the data directory cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The database is in use, and the log did not move there.
    #[error("{0} is in use: prepare another database with `cpss-registry init --from-file`")]
    InUse(LogHome),
    /// The data directory has no copy of a log in a database.
    #[error("the log in {} is no copy of a log in a database: there is nothing to bring there", .0.display())]
    NoCopy(PathBuf),
    /// The database has other records after all.
    #[error("the database does not end with the last record of the log: run the command again")]
    NotFilled,
}

impl MoveError {
    /// True if the command was given something that cannot be used.
    pub fn is_usage(&self) -> bool {
        match self {
            MoveError::Push(error) => error.is_usage(),
            MoveError::Open(error) => error.is_wrong_place(),
            MoveError::DataDir(error) => error.is_wrong_place(),
            MoveError::InUse(_) | MoveError::NoCopy(_) => true,
            MoveError::Replica(_) | MoveError::Identity(_) | MoveError::NotFilled => false,
        }
    }
}

/// A log to be moved, and the database of its configuration.
pub struct Move {
    config: Config,
    access: LogAccess,
    database: LogHome,
    /// True if the log may still move to the database.
    is_filling: bool,
    runtime: Runtime,
}

impl Move {
    /// Reads the configuration, and asks its database.
    pub fn open(flags: &Flags) -> Result<Move, MoveError> {
        let config = Config::read(flags).map_err(RestoredError::Config)?;
        let access = super::restored::access(&config)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(RestoredError::Runtime)?;
        let (row, is_filling) = runtime.block_on(replica::filling(&access))?;
        let database = LogHome { kind: LogKind::Database, id: row.log, name: access.settings.database() };
        Ok(Move { config, access, database, is_filling, runtime })
    }

    /// The data directory of the configuration.
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// The database of the configuration.
    pub fn database(&self) -> &LogHome {
        &self.database
    }

    /// Moves the log from the data directory to the database. No process may use the data directory. Returns the record
    /// that names the database. `None` if the log had moved there before.
    pub fn to_database(&self, on_step: &mut OnStep<'_>) -> Result<Option<Revision>, MoveError> {
        let data_dir = self.data_dir();
        let has_ended = {
            let (log, _guard) = log_of_data_dir(data_dir).map_err(RestoredError::Data)?;
            moved_to(&*log)?.is_some_and(|to| to.id == self.database.id)
        };
        if !self.is_filling {
            // After the move a copy has further records, so that its last one does not name the database. But it is
            // marked as a copy.
            if !has_ended && copied_log(data_dir)? != Some(self.database.id) {
                return Err(MoveError::InUse(self.database.clone()));
            }
            mark_as_copy(data_dir, self.database.id)?;
            return Ok(None);
        }
        if !has_ended {
            // If the database does not take the records, the log has not ended, and the service can be started again.
            self.push(on_step)?;
            Registry::move_log(self.options(LogPlace::File), self.database.clone())?;
        }
        let last = self.push(on_step)?;
        if !self.runtime.block_on(replica::filled(&self.access, &last))? {
            return Err(MoveError::NotFilled);
        }
        mark_as_copy(data_dir, self.database.id)?;
        Ok(Some(last.revision))
    }

    /// Moves the log from the database to the data directory, which has a copy. No process may use the data directory.
    /// Returns the last record in the database. `None` if the log had moved there before.
    pub fn to_data_dir(&self) -> Result<Option<Revision>, MoveError> {
        let data_dir = self.data_dir();
        if copied_log(data_dir)?.is_none() {
            let is_here = own_log(data_dir)?.is_some();
            return if is_here { Ok(None) } else { Err(MoveError::NoCopy(data_dir.to_owned())) };
        }
        let name = format!("{}:{}", self.access.settings.replica, data_dir.display());
        let to = LogHome { kind: LogKind::DataDirectory, id: name_own_log(data_dir)?, name };
        let shared = Arc::new(self.access.clone().driven_by(self.runtime.handle().clone()));
        let moved = Registry::move_log(self.options(LogPlace::Shared(shared)), to)?;
        // The copy has everything, up to the record that names this directory.
        mark_as_own(data_dir)?;
        Ok(Some(moved.at))
    }

    fn push(&self, on_step: &mut OnStep<'_>) -> Result<Tip, MoveError> {
        let mut replica = Replica::of(&self.config, self.access.clone())?;
        let plan = replica.plan_push()?;
        Ok(replica.push(&plan, on_step)?)
    }

    fn options(&self, place: LogPlace) -> Options {
        Options {
            data_dir: self.config.data_dir.clone(),
            registry: Some(self.access.registry),
            begins_shared_log: false,
            adopts_semantics: false,
            rules_dir: self.config.rules_dir.clone(),
            today: self.config.today,
            open_days_through: self.config.open_days_through,
            store: StoreOptions { mode: OpenMode::Existing, place, ..StoreOptions::default() },
        }
    }
}
