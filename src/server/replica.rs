//! This replica in the database of a shared log: whether it has joined, and joining.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::ServeError;
use super::config::{Config, LogAccess, ReplicaId};
use crate::registry::{SEMANTICS_VERSION, SubmitErrorSource, WriterFailed};
use crate::store::incident::Incident;
use crate::store::log::AppendError;
use crate::store::log::postgresql::schema::{self, Joined, RegistryRow, SchemaError};
use crate::store::log::postgresql::{ConnectError, Settings};
use crate::store::record::Tip;

/// How long another process of the same name is watched for. A running replica writes to its row every second.
pub(super) const WATCH: Duration = Duration::from_secs(4);

const BEAT: &str = "SELECT beat FROM cpss_registry.replica WHERE id = $1";

/// The reasons why a replica cannot take part in a shared log.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// The database cannot be reached, or is not set up as it must be.
    #[error("the shared log cannot be used")]
    Connect(#[from] ConnectError),
    /// The schema is not the right one, or the database refused.
    #[error("the shared log cannot be used")]
    Schema(#[from] SchemaError),
    /// The database refused.
    #[error("the database refused")]
    Database(#[from] tokio_postgres::Error),
    /// The database did not answer in time.
    #[error("the database did not answer within {0:?}: does its synchronous standby run?")]
    TimedOut(Duration),
    /// The replica has not joined.
    #[error("the replica {0} has not joined: run `cpss-registry join` with the same configuration, once")]
    NotJoined(String),
    /// Another process has the same name.
    #[error("another process is the replica {0}: stop it, or give this one a name of its own: log.replica_id")]
    InUse(String),
    /// The replica to be forgotten is running.
    #[error("the replica {0} is running: stop it first, or use --even-if-it-runs")]
    Runs(String),
}

impl ReplicaError {
    /// True if the database refuses the role of this replica, or does not exist.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self, ReplicaError::Connect(error) if error.is_denial())
    }

    /// The cause, the same for each attempt with the same cause.
    pub(super) fn cause_text(&self) -> String {
        match self {
            ReplicaError::Connect(error) => error.cause_text(),
            error => error.to_string(),
        }
    }

    /// True if another attempt cannot help.
    fn is_refusal(&self) -> bool {
        match self {
            ReplicaError::Connect(error) => error.is_refusal(),
            ReplicaError::Schema(error) => !matches!(error, SchemaError::Database(_)),
            ReplicaError::NotJoined(_) | ReplicaError::InUse(_) | ReplicaError::Runs(_) => true,
            ReplicaError::Database(_) | ReplicaError::TimedOut(_) => false,
        }
    }
}

/// Refuses to start a replica that has not joined, or that must not use this database. Tells the database what this
/// release can read. If the database cannot be asked, returns why: the replica may start, because its copy of the log
/// is what it knows.
pub(super) async fn require_joined(access: &LogAccess) -> Result<Option<ReplicaError>, ReplicaError> {
    let Settings { replica, patience, .. } = &access.settings;
    let checking = async {
        let link = access.here().connect().await?;
        if beat(&link.client, replica).await?.is_none() {
            return Err(ReplicaError::NotJoined(replica.clone()));
        }
        warn_of_excess_rights(&link.client).await?;
        Ok(schema::join(&link.client, replica, SEMANTICS_VERSION).await.map(drop)?)
    };
    match timeout(*patience * 2, checking).await.unwrap_or(Err(ReplicaError::TimedOut(*patience))) {
        Ok(()) => Ok(None),
        Err(error) if error.is_refusal() => Err(error),
        Err(error) => Ok(Some(error)),
    }
}

/// How often a role with too many rights was found: a replica that waits for its log looks again and again.
static EXCESS: Incident = Incident::new();

async fn warn_of_excess_rights(client: &Client) -> Result<(), ReplicaError> {
    let (role, rights) = schema::excess_rights(client).await?;
    if !rights.is_empty()
        && let Some(times) = EXCESS.occurred()
    {
        let rights = rights.join(", ");
        tracing::warn!(
            event = "log_role_has_too_many_rights",
            times,
            role,
            rights,
            "the role of this replica can do more in the database than append: give it the rights of cpss_replica alone"
        );
    }
    Ok(())
}

/// The version of the semantics that was adopted in the database of a shared log.
pub async fn adopted_semantics(access: &LogAccess) -> Result<u32, ReplicaError> {
    let Settings { patience, .. } = &access.settings;
    let link = access.here().connect().await?;
    let asked = timeout(*patience, schema::adopted(&link.client)).await;
    Ok(asked.map_err(|_| ReplicaError::TimedOut(*patience))??)
}

/// Adopts the semantics of this release in the database of a shared log. Returns the replicas of an earlier release
/// that run; then nothing is adopted. Who opens the registry after that records it.
pub async fn adopt_semantics(access: &LogAccess) -> Result<Vec<String>, ReplicaError> {
    let Settings { patience, .. } = &access.settings;
    let link = access.here().connect().await?;
    let adopting = async { Ok(schema::adopt(&link.client, SEMANTICS_VERSION).await?) };
    timeout(*patience, adopting).await.unwrap_or(Err(ReplicaError::TimedOut(*patience)))
}

/// Returns why the server ends after its writer has failed.
pub(super) fn ended(WriterFailed(cause): WriterFailed, config: &Config) -> ServeError {
    let name = || config.replica_id().map(|ReplicaId(name)| name).unwrap_or_default();
    match cause {
        SubmitErrorSource::Append(AppendError::Forgotten) => ReplicaError::NotJoined(name()).into(),
        SubmitErrorSource::Append(AppendError::NotAlone) => ReplicaError::InUse(name()).into(),
        cause => WriterFailed(cause).into(),
    }
}

/// Reads which registry is in the database of a shared log. Refuses another registry, and another schema.
pub async fn registry_row(access: &LogAccess) -> Result<RegistryRow, ReplicaError> {
    Ok(access.here().connect_and_read().await?.1)
}

/// Like [`registry_row`]. Also returns whether the log is still to move to the database.
pub async fn filling(access: &LogAccess) -> Result<(RegistryRow, bool), ReplicaError> {
    let Settings { patience, .. } = &access.settings;
    let (link, row) = access.here().connect_and_read().await?;
    let asked = timeout(*patience, schema::is_filling(&link.client)).await;
    Ok((row, asked.map_err(|_| ReplicaError::TimedOut(*patience))??))
}

/// Lets the database be opened, once the log that moved there ends with this record. Returns false if it does not.
pub async fn filled(access: &LogAccess, last: &Tip) -> Result<bool, ReplicaError> {
    let Settings { patience, .. } = &access.settings;
    let link = access.here().connect().await?;
    let filled = timeout(*patience, schema::filled(&link.client, last)).await;
    filled.map_err(|_| ReplicaError::TimedOut(*patience))?.map_err(ReplicaError::from)
}

/// Adds a replica to the database. Refuses a name that another process uses.
pub async fn join(access: &LogAccess) -> Result<Joined, ReplicaError> {
    let Settings { replica, patience, .. } = &access.settings;
    let link = access.here().connect().await?;
    let joining = async {
        if is_in_use(&link.client, replica).await? {
            return Err(ReplicaError::InUse(replica.clone()));
        }
        Ok(schema::join(&link.client, replica, SEMANTICS_VERSION).await?)
    };
    timeout(*patience + WATCH, joining).await.unwrap_or(Err(ReplicaError::TimedOut(*patience)))
}

/// True if a process writes to the row of a replica.
pub(super) async fn is_in_use(client: &Client, replica: &str) -> Result<bool, ReplicaError> {
    let before = beat(client, replica).await?;
    if before.is_none() {
        return Ok(false);
    }
    sleep(WATCH).await;
    Ok(beat(client, replica).await? != before)
}

/// How many times a replica has written to its row. `None` if it has none.
async fn beat(client: &Client, replica: &str) -> Result<Option<i64>, ReplicaError> {
    let row = client.query_opt(BEAT, &[&replica]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
