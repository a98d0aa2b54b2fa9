//! This replica in the database of a shared log: whether it has joined, and joining.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::Client;

use super::config::LogAccess;
use crate::registry::{SEMANTICS_VERSION, clock};
use crate::store::log::postgresql::schema::{self, Joined, SchemaError};
use crate::store::log::postgresql::{ConnectError, Settings};
use crate::store::request_key_id;

/// How long another process of the same name is watched for. A running replica writes to its row every second.
const WATCH: Duration = Duration::from_secs(4);

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
    /// The database has no registry.
    #[error("the database has no registry: `cpss-registry init --log-url` begins one")]
    NoRegistry,
    /// The replica has not joined.
    #[error("the replica {0} has not joined: run `cpss-registry join` with the same configuration, once")]
    NotJoined(String),
    /// Another process has the same name.
    #[error("another process is the replica {0}: stop it, or give this one a name of its own: --replica-id NAME")]
    InUse(String),
}

/// Refuses to start a replica that has not joined, or that must not use this database. Tells the database what this
/// release can read. If the database cannot be reached, the replica may start: its copy of the log is what it knows.
pub(super) async fn require_joined(access: &LogAccess) -> Result<(), ReplicaError> {
    let Settings { replica, patience, .. } = &access.settings;
    let checking = async {
        let link = access.settings.connect(clock::now).await?;
        require_registry(&link.client, access).await?;
        if beat(&link.client, replica).await?.is_none() {
            return Err(ReplicaError::NotJoined(replica.clone()));
        }
        Ok(schema::join(&link.client, replica, SEMANTICS_VERSION).await.map(drop)?)
    };
    match timeout(*patience, checking).await {
        Err(_) | Ok(Err(ReplicaError::Database(_) | ReplicaError::Schema(SchemaError::Database(_)))) => Ok(()),
        Ok(Err(ReplicaError::Connect(error))) if !error.is_refusal() => Ok(()),
        Ok(checked) => checked,
    }
}

/// Adds a replica to the database. Refuses a name that another process uses.
pub async fn join(access: &LogAccess) -> Result<Joined, ReplicaError> {
    let Settings { replica, patience, .. } = &access.settings;
    let link = access.settings.connect(clock::now).await?;
    let joining = async {
        require_registry(&link.client, access).await?;
        let before = beat(&link.client, replica).await?;
        if before.is_some() {
            sleep(WATCH).await;
            if beat(&link.client, replica).await? != before {
                return Err(ReplicaError::InUse(replica.clone()));
            }
        }
        Ok(schema::join(&link.client, replica, SEMANTICS_VERSION).await?)
    };
    timeout(*patience + WATCH, joining).await.unwrap_or(Err(ReplicaError::TimedOut(*patience)))
}

/// Refuses a database without the registry of the configuration.
async fn require_registry(client: &Client, access: &LogAccess) -> Result<(), ReplicaError> {
    let row = schema::read_registry(client).await?.ok_or(ReplicaError::NoRegistry)?;
    Ok(row.check(access.registry, &request_key_id(&access.request_key))?)
}

/// How many times a replica has written to its row. `None` if it has none.
async fn beat(client: &Client, replica: &str) -> Result<Option<i64>, ReplicaError> {
    let row = client.query_opt(BEAT, &[&replica]).await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?)
}
