//! What an operator does after the database of a shared log was restored: compares a copy with it, pushes what it lost,
//! or accepts the loss. The replica may be running on the data directory.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

use super::config::log::Unusable;
use super::config::{Config, Flags, LogAccess, Mistake, in_one_line};
use super::replica::{self, ReplicaError};
use crate::domain::id::Revision;
use crate::registry::clock;
use crate::store::backup::{BackupError, BegunEpoch, SharedLoss, SharedLossError, log_of_data_dir};
use crate::store::log::OfflineLog;
use crate::store::log::postgresql::PostgresDatabase;
use crate::store::log::replicated::acknowledged_revision;
use crate::store::log::replicated::comparing::{Compared, compare};
use crate::store::log::replicated::pushing::{self, Plan, PushError};
use crate::store::log::replicated::statements::{OperatorSession, StatementError};
use crate::store::progress::OnStep;
use crate::store::record::Tip;
use crate::store::{DataDirError, IdentityError, copied_log, registry_id};

/// Why nothing could be done.
#[derive(Debug, thiserror::Error)]
pub enum RestoredError {
    /// The configuration cannot be used.
    #[error("the configuration cannot be used: {}", in_one_line(.0))]
    Config(Vec<Mistake>),
    /// The configuration names no database.
    #[error("log.engine is \"file\": the log in the data directory is not shared")]
    NotShared,
    /// The data directory holds another registry.
    #[error("the data directory {} holds the registry {found}, but the configuration names {pinned}", data_dir.display())]
    AnotherRegistry {
        /// The data directory.
        data_dir: PathBuf,
        /// The id of the registry in it.
        found: Uuid,
        /// The id that the configuration names.
        pinned: Uuid,
    },
    /// The data directory keeps the log, and the log does not move to this database.
    #[error(
        "the data directory {} keeps a log of its own, and the database is not prepared for it: to move the log there, \
         begin with `cpss-registry init --from-file`",
        .0.display()
    )]
    NotACopy(PathBuf),
    /// A file of the data directory cannot be read.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The database does not say whether a log moves there.
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    /// The id of the registry in the data directory cannot be read.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The log in the data directory cannot be read.
    #[error(transparent)]
    Data(#[from] BackupError),
    /// The runtime cannot be started.
    #[error("cannot start")]
    Runtime(#[source] std::io::Error),
    /// The database cannot be reached, or refused.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// Nothing, or not everything, was pushed.
    #[error(transparent)]
    Push(#[from] PushError),
    /// The loss was not accepted.
    #[error(transparent)]
    Loss(#[from] SharedLossError),
}

impl RestoredError {
    /// True if the command was given something that cannot be used.
    pub fn is_usage(&self) -> bool {
        match self {
            RestoredError::Config(_)
            | RestoredError::NotShared
            | RestoredError::AnotherRegistry { .. }
            | RestoredError::NotACopy(_) => true,
            RestoredError::Loss(SharedLossError::NotTheLast { .. }) => true,
            RestoredError::Data(error) => error.is_usage(),
            _ => false,
        }
    }
}

/// How a replica of this configuration reaches its database.
pub(super) fn access(config: &Config) -> Result<LogAccess, RestoredError> {
    let unusable = |error: Unusable| {
        let mistake = Mistake { place: "log".to_owned(), message: error.to_string() };
        RestoredError::Config(vec![mistake])
    };
    config.log_access().map_err(unusable)?.ok_or(RestoredError::NotShared)
}

/// The log in the data directory of a replica, and a session with the database.
pub struct Replica {
    session: Box<dyn OperatorSession>,
    /// The node of the database that answers, as in the URL.
    pub node: String,
    log: Box<dyn OfflineLog>,
    acknowledged: Revision,
    data_dir: PathBuf,
    access: LogAccess,
    /// Drives the session.
    runtime: Runtime,
    /// Held, not read: nobody else opens the data directory meanwhile, unless it is in use already.
    _guard: Option<crate::store::backup::DataDirGuard>,
}

impl Replica {
    /// Opens the log of the configuration, and a session with its database.
    pub fn open(flags: &Flags) -> Result<Replica, RestoredError> {
        let config = Config::read(flags).map_err(RestoredError::Config)?;
        Replica::of(&config, access(&config)?)
    }

    pub(super) fn of(config: &Config, access: LogAccess) -> Result<Replica, RestoredError> {
        let (found, pinned) = (registry_id(&config.data_dir)?, access.registry);
        if found != pinned {
            return Err(RestoredError::AnotherRegistry { data_dir: config.data_dir.clone(), found, pinned });
        }
        // A replica that runs may append meanwhile: what was acknowledged before is in the log.
        let acknowledged = acknowledged_revision(&config.data_dir);
        let (log, guard) = log_of_data_dir(&config.data_dir)?;
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.map_err(RestoredError::Runtime)?;
        let shared = Arc::new(access.clone().driven_by(runtime.handle().clone()));
        let mut database = PostgresDatabase::new(shared);
        let session = database.connect_as_operator()?;
        let node = database.node().unwrap_or_default().to_owned();
        let data_dir = config.data_dir.clone();
        Ok(Replica { session, node, log, acknowledged, data_dir, access, runtime, _guard: guard })
    }

    /// Finds out what a push would do. A database that the log of the data directory has left takes nothing from it.
    pub fn plan_push(&mut self) -> Result<Plan, RestoredError> {
        if copied_log(&self.data_dir)?.is_none() && !self.runtime.block_on(replica::filling(&self.access))?.1 {
            return Err(RestoredError::NotACopy(self.data_dir.clone()));
        }
        Ok(pushing::plan(&mut *self.session, &*self.log)?)
    }

    /// Appends to the database what the log has after its head. Returns the last record of the database then.
    pub fn push(&mut self, plan: &Plan, on_step: &mut OnStep<'_>) -> Result<Tip, RestoredError> {
        Ok(pushing::push(&mut *self.session, &*self.log, plan, on_step)?)
    }

    /// Finds out what the replica knows that the database lost.
    pub fn find_loss(&mut self) -> Result<SharedLoss, RestoredError> {
        Ok(SharedLoss::find(&mut *self.session, &*self.log, self.acknowledged)?)
    }

    /// Gives up what the database lost, after the revision that the operator names.
    pub fn accept_loss(&mut self, loss: &SharedLoss, after: Revision) -> Result<BegunEpoch, RestoredError> {
        Ok(loss.accept(&mut *self.session, after, clock::now())?)
    }

    /// Compares the log with the database.
    pub fn compare(&mut self, on_step: &mut OnStep<'_>) -> Result<Compared, RestoredError> {
        Ok(compare(&mut *self.session, &*self.log, on_step)?)
    }
}
