//! A log that several replicas share in PostgreSQL.
//!
//! This folder alone speaks to the database. What the statements mean is in `replicated::statements`, and what follows
//! from them in `replicated`.

mod connect_error;
mod link;
mod listener;
mod nodes;
mod outcome;
mod password;
pub mod redaction;
pub mod replica_rows;
pub mod schema;
mod session;
mod settings;
mod standby_names;
mod timestamptz;

use std::error::Error;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::Client;
use uuid::Uuid;

use super::LogEngine;
use super::replicated::statements::{Database, OperatorSession, ReplicaSession, StatementError};
use super::replicated::{Hearing, ReplicatedEngine};
use crate::store::incident::Incident;
use crate::store::{Key, request_key_id};

pub use connect_error::{ConnectError, NodeError, Refusal};
pub use link::Link;
use listener::{Listener, News};
pub use password::Password;
use schema::{RegistryRow, SchemaError};
pub use session::FRAMES;
use session::PostgresSession;
pub use settings::{Durability, Settings, SettingsError};

/// After a failed attempt to connect, there is none for this long: callers are refused at once.
const PAUSE: Duration = Duration::from_millis(200);

/// The role, quoted as in SQL, and whether it may execute the functions of a replica.
const RIGHTS: &str = "\
    SELECT quote_ident(session_user), coalesce((SELECT bool_and(has_function_privilege(oid, 'EXECUTE')) FROM pg_proc \
    WHERE pronamespace = to_regnamespace('cpss_registry') AND proname IN ('append', 'barrier', 'open')), false)";

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

impl SharedLog {
    /// Connects to a node that has the registry, with a role that may use it.
    pub(crate) async fn connect(&self) -> Result<Link, ConnectError> {
        Ok(self.connect_and_read().await?.0)
    }

    /// Like [`SharedLog::connect`]. Also returns which registry that is.
    pub(crate) async fn connect_and_read(&self) -> Result<(Link, RegistryRow), ConnectError> {
        self.connect_and(async |client: &Client| {
            let row = self.require_registry(client).await?;
            require_rights(client).await?;
            Ok(row)
        })
        .await
    }

    /// Connects to a node that has the registry, with a role that is not a replica's.
    pub(crate) async fn connect_as_owner(&self) -> Result<Link, ConnectError> {
        Ok(self.connect_and(async |client: &Client| self.require_registry(client).await).await?.0)
    }

    async fn connect_and(
        &self,
        check: impl AsyncFn(&Client) -> Result<RegistryRow, Refusal>,
    ) -> Result<(Link, RegistryRow), ConnectError> {
        let link = self.settings.connect(self.now).await?;
        let patience = self.settings.patience;
        match timeout(patience, check(&link.client)).await.unwrap_or(Err(Refusal::TimedOut(patience))) {
            Ok(row) => Ok((link, row)),
            Err(refusal) => Err(ConnectError::of(&link.node, refusal)),
        }
    }

    async fn require_registry(&self, client: &Client) -> Result<RegistryRow, Refusal> {
        let found = match schema::read_registry(client).await {
            Err(SchemaError::Database(error)) => Err(error.into()),
            found => found.map_err(Refusal::OtherRegistry),
        };
        let row = found?.ok_or(Refusal::NoRegistry)?;
        row.check(self.registry, &request_key_id(&self.request_key)).map_err(Refusal::OtherRegistry)?;
        Ok(row)
    }

    /// Refuses a database with which this replica must not work. Returns the id of its log. One that is not reached may
    /// be the right one.
    pub(in crate::store) fn check(&self) -> Result<Option<Uuid>, ConnectError> {
        match self.runtime.block_on(self.connect_and_read()) {
            Ok((_, row)) => Ok(Some(row.log)),
            Err(error) if error.is_refusal() => Err(error),
            Err(_) => Ok(None),
        }
    }
}

/// Refuses a role that may read the log, but not append to it.
async fn require_rights(client: &Client) -> Result<(), Refusal> {
    let row = client.query_one(RIGHTS, &[]).await?;
    if row.try_get(1)? { Ok(()) } else { Err(Refusal::NoRights { role: row.try_get(0)? }) }
}

impl Debug for SharedLog {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedLog")
            .field("settings", &self.settings)
            .field("registry", &self.registry)
            .finish_non_exhaustive()
    }
}

/// The engine of a log in PostgreSQL, with a copy that another engine stores. Questions by time were answered up to
/// `answered_through` before.
pub fn engine(shared: &Arc<SharedLog>, copy: Box<dyn LogEngine>, answered_through: Timestamp) -> ReplicatedEngine {
    let hearing = Arc::new(Hearing::new(shared.request_key));
    let (shared, heard, outage) = (Arc::clone(shared), Arc::clone(&hearing), Arc::new(Incident::new()));
    let databases = Box::new(move || {
        let database = PostgresDatabase::new(Arc::clone(&shared));
        let listener = Some(Listener::start(Arc::clone(&shared), Arc::clone(&heard), &database.news));
        let database = PostgresDatabase { _listener: listener, outage: Arc::clone(&outage), ..database };
        Box::new(database) as Box<dyn Database>
    });
    ReplicatedEngine::new(copy, databases, hearing, answered_through)
}

/// The database, as one log uses it.
pub struct PostgresDatabase {
    shared: Arc<SharedLog>,
    /// When the last attempt to connect failed, and why. `None` once one has succeeded since.
    failed: Option<(Instant, Arc<ConnectError>)>,
    /// The node of the last session, as in the URL.
    node: Option<Arc<str>>,
    outage: Arc<Incident>,
    /// What the listener tells others.
    news: News,
    /// Held, not read.
    _listener: Option<Listener>,
}

impl PostgresDatabase {
    /// The database of a replica that neither tells others anything nor listens to them.
    pub fn new(shared: Arc<SharedLog>) -> PostgresDatabase {
        let (outage, news) = (Arc::default(), News::new(None));
        PostgresDatabase { shared, failed: None, node: None, outage, news, _listener: None }
    }

    /// The node of the last session, as in the URL. `None` if there was none.
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Opens the session of an operator.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or refuses.
    pub fn connect_as_operator(&mut self) -> Result<Box<dyn OperatorSession>, StatementError> {
        Ok(Box::new(self.open_session()?))
    }

    /// Opens a session with a node that says it is the primary.
    fn open_session(&mut self) -> Result<PostgresSession, StatementError> {
        if let Some((at, error)) = &self.failed
            && at.elapsed() < PAUSE
        {
            return Err(Arc::clone(error).into_statement_error());
        }
        match self.shared.runtime.block_on(self.shared.connect()) {
            Ok(link) => {
                self.failed = None;
                self.node = Some(Arc::clone(&link.node));
                if self.outage.resolve() {
                    tracing::info!(event = "log_connected", node = &*link.node, "the shared log is reached again");
                }
                Ok(PostgresSession::new(link, Arc::clone(&self.shared), self.news.clone()))
            }
            Err(error) => {
                let error = Arc::new(error);
                self.failed = Some((Instant::now(), Arc::clone(&error)));
                if let Some(times) = self.outage.occurred_for(&error.cause_text()) {
                    let error = &*error as &dyn Error;
                    tracing::warn!(event = "log_lost", times, error, "the shared log cannot be used");
                }
                Err(error.into_statement_error())
            }
        }
    }
}

impl Database for PostgresDatabase {
    fn connect(&mut self) -> Result<Box<dyn ReplicaSession>, StatementError> {
        Ok(Box::new(self.open_session()?))
    }
}
