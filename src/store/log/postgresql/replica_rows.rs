//! What the database knows of its replicas.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::schema::SchemaError;
use super::timestamptz::Timestamptz;
use crate::domain::id::Revision;

/// Only a role that may ask for the present incarnation can read them.
const ROWS: &str = "\
    SELECT id, seen_at, applied, coalesce(checked = cpss_registry.incarnation(), false), semantics_max, record_max, \
    clock_timestamp() FROM cpss_registry.replica ORDER BY id";

const FORGET: &str = "SELECT cpss_registry.forget($1)";

/// What the database knows of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplicaRow {
    /// Its name.
    pub id: String,
    /// When it last wrote to its row. `None` if it has only joined.
    pub seen_at: Option<Timestamp>,
    /// The database's clock now.
    pub now: Timestamp,
    /// The last revision that it knew to be in the log, when it last wrote to its row.
    pub applied: Revision,
    /// True if it has compared what it knows with the database since the database was last started or restored.
    pub has_checked: bool,
    /// The latest version of the semantics that its release answers by.
    pub semantics: u32,
    /// The latest record format that its release reads.
    pub record_format: u32,
}

/// Reads the rows of all replicas, by name. The role must be one of a replica, or the owner.
///
/// # Errors
///
/// If the database fails, or the role may not read them.
pub async fn list(client: &Client) -> Result<Vec<ReplicaRow>, SchemaError> {
    let rows = client.query(ROWS, &[]).await?;
    let read = |row: &tokio_postgres::Row| {
        let number = |at| row.try_get::<_, i32>(at).map(|version| u32::try_from(version).unwrap_or(0));
        let applied: i64 = row.try_get(2)?;
        Ok(ReplicaRow {
            id: row.try_get(0)?,
            seen_at: row.try_get::<_, Option<Timestamptz>>(1)?.map(|Timestamptz(at)| at),
            now: row.try_get::<_, Timestamptz>(6)?.0,
            applied: Revision(u64::try_from(applied).unwrap_or(0)),
            has_checked: row.try_get(3)?,
            semantics: number(4)?,
            record_format: number(5)?,
        })
    };
    rows.iter().map(read).collect()
}

/// Removes the row of a replica, durably. The role must be a member of the owner. Returns false if there is none.
///
/// # Errors
///
/// If the database fails, or the role may not remove it.
pub async fn forget(client: &Client, id: &str) -> Result<bool, SchemaError> {
    client.batch_execute("SET ROLE cpss_owner").await?;
    Ok(client.query_one(FORGET, &[&id]).await?.try_get(0)?)
}
