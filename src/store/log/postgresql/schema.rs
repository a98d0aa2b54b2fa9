//! The tables and functions of the shared log in the database.
//!
//! They are in the files of the folder `schema`, which say what each is for. Three group roles have the rights: the
//! owner, the replicas, and those who only read. Roles that log in are members of them.

use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, GenericClient, IsolationLevel, Transaction};
use uuid::Uuid;

use crate::store::record::{self, Tip};

/// The version of the schema that this release installs and uses.
const FORMAT: i32 = 1;

/// What [`install`] runs as the owner, in order.
const SCRIPTS: [&str; 5] = [
    include_str!("schema/tables.sql"),
    include_str!("schema/triggers.sql"),
    include_str!("schema/functions.sql"),
    REDACTION,
    include_str!("schema/grants.sql"),
];

/// The script of redactions. A database that an earlier release installed gets it with its first redaction.
pub(super) const REDACTION: &str = include_str!("schema/redaction.sql");

/// The role that owns everything.
const OWNER: &str = "cpss_owner";

/// The roles of replicas and of those who only read. They must not have the rights of the owner.
const OTHERS: [&str; 2] = ["cpss_replica", "cpss_reader"];

/// The role of the session, and its rights beyond those of a replica.
const EXCESS: &str = "\
    SELECT role.rolname::text, array_remove(ARRAY[ \
        CASE WHEN role.rolsuper THEN 'it is a superuser' END, \
        CASE WHEN NOT role.rolsuper AND role.rolcreaterole THEN 'it can create roles' END, \
        CASE WHEN NOT role.rolsuper AND pg_has_role(role.oid, place.nspowner, 'MEMBER') \
            THEN 'it is or can become the owner of the log' END, \
        CASE WHEN NOT role.rolsuper AND NOT pg_has_role(role.oid, place.nspowner, 'MEMBER') AND EXISTS ( \
            SELECT FROM pg_class WHERE relnamespace = place.oid AND relkind = 'r' \
            AND has_table_privilege(role.oid, pg_class.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, TRIGGER')) \
            THEN 'it can write to the tables' END], NULL) \
    FROM pg_roles AS role, pg_namespace AS place \
    WHERE role.rolname = session_user AND place.nspname = 'cpss_registry'";

/// Locks out another installation.
const INSTALLING: i64 = 0x6370_7373_0000_0001;

/// The log needs a newer release.
const TOO_OLD: &str = "CR001";

/// The registry that a database contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryRow {
    /// The version of the schema.
    pub format: i32,
    /// The registry.
    pub registry: Uuid,
    /// The digest of the request key.
    pub request_key_id: [u8; 32],
    /// The id of the log in this database. The log of the same registry in another place has another id.
    pub log: Uuid,
}

/// What an installation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// The schema is new.
    New,
    /// The database had the schema, for the same registry.
    AlreadyThere,
}

/// What joining did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// The replica is new.
    Added,
    /// The replica had joined before.
    AlreadyThere,
}

/// Why the schema cannot be installed or used.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// The database has another registry.
    #[error("the database contains the log of another registry, {registry}: use another database")]
    OtherRegistry {
        /// The registry that it contains.
        registry: Uuid,
    },
    /// The registry was installed with another request key.
    #[error("the log of this registry was installed with another request key: use the key file of its replicas")]
    OtherKey,
    /// Another release installed the schema.
    #[error(
        "the schema of the database has format {format}, and this release uses {FORMAT}: use the release that fits"
    )]
    OtherFormat {
        /// The version of the schema.
        format: i32,
    },
    /// The role of the session lacks rights.
    #[error("the role has no right to install the shared log. An administrator of the database must run:\n{}", statements.join("\n"))]
    Rights {
        /// What gives the rights, in SQL.
        statements: Vec<String>,
    },
    /// A role has more rights than it may have.
    #[error("the role {role} is a superuser, or a member of {OWNER}: revoke that, or drop the role")]
    TooManyRights {
        /// The role.
        role: String,
    },
    /// The log can be read only by a newer release.
    #[error("{0}")]
    TooOld(String),
    /// A replica cannot have this id.
    #[error("{0:?} is no id of a replica: use up to 128 letters, digits, `.`, `_` and `-`, a letter or digit first")]
    ReplicaId(String),
    /// The database is not reached, or it refused.
    #[error("the database refused, or cannot be reached")]
    Database(#[from] tokio_postgres::Error),
}

/// Installs the schema for a registry, in one transaction. Does nothing if it is there.
///
/// # Errors
///
/// If the database has another registry or another schema, if the role lacks rights, or if the database fails. Nothing
/// is changed then.
pub async fn install(client: &mut Client, registry: Uuid, request_key_id: &[u8; 32]) -> Result<Installed, SchemaError> {
    install_as(client, registry, request_key_id, Filling::Not).await
}

/// Like [`install`], for a log that is copied from a data directory. The database stays closed until the log has moved.
///
/// # Errors
///
/// As for [`install`].
pub async fn install_to_fill(
    client: &mut Client,
    registry: Uuid,
    request_key_id: &[u8; 32],
) -> Result<Installed, SchemaError> {
    install_as(client, registry, request_key_id, Filling::FromADirectory).await
}

/// Whether the log is copied from elsewhere.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Filling {
    Not,
    FromADirectory,
}

async fn install_as(
    client: &mut Client,
    registry: Uuid,
    request_key_id: &[u8; 32],
    filling: Filling,
) -> Result<Installed, SchemaError> {
    let transaction = client.build_transaction().isolation_level(IsolationLevel::ReadCommitted).start().await?;
    transaction.batch_execute("SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL synchronous_commit = on").await?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&INSTALLING]).await?;
    if let Some(row) = row(&transaction).await? {
        row.check(registry, request_key_id)?;
        return Ok(Installed::AlreadyThere);
    }
    prepare_roles(&transaction).await?;
    transaction.batch_execute("SET LOCAL ROLE cpss_owner").await?;
    for script in SCRIPTS {
        transaction.batch_execute(script).await?;
    }
    let insert = "INSERT INTO cpss_registry.registry (format, registry, request_key_id) VALUES ($1, $2, $3)";
    transaction.execute(insert, &[&FORMAT, &registry, &request_key_id.as_slice()]).await?;
    if filling == Filling::FromADirectory {
        transaction.execute("UPDATE cpss_registry.head SET filling = true", &[]).await?;
    }
    transaction.commit().await?;
    Ok(Installed::New)
}

/// Reads which registry the database contains. `None` if the schema is not installed.
///
/// # Errors
///
/// If the database fails, or the role may not read the schema.
pub async fn read_registry(client: &Client) -> Result<Option<RegistryRow>, SchemaError> {
    row(client).await
}

/// Adds a replica that answers by the given version of the semantics, or renews what is known of the version of one
/// that has joined before.
///
/// # Errors
///
/// If the log needs a newer release, if the id is not one, or if the database fails.
pub async fn join(client: &Client, replica: &str, semantics: u32) -> Result<Joined, SchemaError> {
    let [semantics, format] = versions(semantics);
    let joined = client.query_one("SELECT cpss_registry.join($1, $2, $3)", &[&replica, &semantics, &format]).await;
    match joined {
        Ok(row) if row.try_get(0)? => Ok(Joined::Added),
        Ok(_) => Ok(Joined::AlreadyThere),
        Err(error) => Err(match error.as_db_error() {
            Some(refusal) if refusal.code().code() == TOO_OLD => SchemaError::TooOld(refusal.message().to_owned()),
            Some(refusal) if *refusal.code() == SqlState::CHECK_VIOLATION => SchemaError::ReplicaId(replica.to_owned()),
            _ => error.into(),
        }),
    }
}

/// Returns the role of a session, and what it may do that a replica must not be able to do.
///
/// # Errors
///
/// If the database fails.
pub async fn excess_rights(client: &Client) -> Result<(String, Vec<String>), tokio_postgres::Error> {
    let row = client.query_one(EXCESS, &[]).await?;
    Ok((row.try_get(0)?, row.try_get(1)?))
}

/// Raises the version of the semantics that every replica must know, and that of the form of records. Returns the
/// replicas that are alive and do not know them; then nothing is changed.
///
/// # Errors
///
/// If the database fails.
pub async fn adopt(client: &Client, semantics: u32) -> Result<Vec<String>, SchemaError> {
    let [semantics, format] = versions(semantics);
    Ok(client.query_one("SELECT cpss_registry.adopt($1, $2)", &[&semantics, &format]).await?.try_get(0)?)
}

/// The version of the semantics that every replica must know.
///
/// # Errors
///
/// If the database fails.
pub async fn adopted(client: &Client) -> Result<u32, SchemaError> {
    let version: i32 = client.query_one("SELECT semantics FROM cpss_registry.head", &[]).await?.try_get(0)?;
    Ok(u32::try_from(version).unwrap_or_default())
}

/// True if the log is copied from a data directory, and has not moved here yet.
///
/// # Errors
///
/// If the database fails.
pub async fn is_filling(client: &Client) -> Result<bool, SchemaError> {
    Ok(client.query_one("SELECT filling FROM cpss_registry.head", &[]).await?.try_get(0)?)
}

/// Ends the copying of a log that has moved here. Returns false if the log here does not end with this record.
///
/// # Errors
///
/// If the database fails.
pub async fn filled(client: &Client, last: &Tip) -> Result<bool, SchemaError> {
    let revision = i64::try_from(last.revision.0).unwrap_or(i64::MAX);
    let row = client.query_one("SELECT cpss_registry.filled($1, $2)", &[&revision, &&last.chain[..]]).await?;
    Ok(row.try_get(0)?)
}

/// A version of the semantics, and that of the form of records in this release.
fn versions(semantics: u32) -> [i32; 2] {
    [semantics, record::LATEST_VERSION].map(|version| i32::try_from(version).unwrap_or(i32::MAX))
}

impl RegistryRow {
    /// Refuses a database that is not this registry's.
    ///
    /// # Errors
    ///
    /// If the schema, the registry or the request key is another one.
    pub fn check(&self, registry: Uuid, request_key_id: &[u8; 32]) -> Result<(), SchemaError> {
        if self.format != FORMAT {
            Err(SchemaError::OtherFormat { format: self.format })
        } else if self.registry != registry {
            Err(SchemaError::OtherRegistry { registry: self.registry })
        } else if self.request_key_id != *request_key_id {
            Err(SchemaError::OtherKey)
        } else {
            Ok(())
        }
    }
}

async fn row(client: &impl GenericClient) -> Result<Option<RegistryRow>, SchemaError> {
    let is_there = client.query_one("SELECT to_regclass('cpss_registry.registry') IS NOT NULL", &[]).await?;
    if !is_there.try_get::<_, bool>(0)? {
        return Ok(None);
    }
    let Some(row) =
        client.query_opt("SELECT format, registry, request_key_id, log FROM cpss_registry.registry", &[]).await?
    else {
        return Ok(None);
    };
    // The table has a check of the length.
    let request_key_id = row.try_get::<_, &[u8]>(2)?.try_into().unwrap_or_default();
    Ok(Some(RegistryRow { format: row.try_get(0)?, registry: row.try_get(1)?, request_key_id, log: row.try_get(3)? }))
}

/// Creates the roles that are missing, and the schema. Refuses roles that have more rights than they should.
async fn prepare_roles(transaction: &Transaction<'_>) -> Result<(), SchemaError> {
    let roles = [&[OWNER], &OTHERS[..]].concat();
    let mut missing = roles.clone();
    let mut is_member = false;
    let rights = "SELECT r.rolname::text, r.rolsuper OR (r.rolname <> $2 AND pg_has_role(r.oid, o.oid, 'MEMBER')), \
                  pg_has_role(r.oid, 'MEMBER') \
                  FROM pg_roles AS r LEFT JOIN pg_roles AS o ON o.rolname = $2 WHERE r.rolname = ANY($1)";
    for row in transaction.query(rights, &[&roles, &OWNER]).await? {
        let role: &str = row.try_get(0)?;
        if row.try_get::<_, Option<bool>>(1)? == Some(true) {
            return Err(SchemaError::TooManyRights { role: role.to_owned() });
        }
        is_member |= role == OWNER && row.try_get(2)?;
        missing.retain(|name| *name != role);
    }
    let me = "SELECT quote_ident(rolname), rolsuper, quote_ident(current_database()), \
              has_database_privilege(current_database(), 'CREATE') FROM pg_roles WHERE rolname = current_user";
    let row = transaction.query_one(me, &[]).await?;
    let (me, database): (&str, &str) = (row.try_get(0)?, row.try_get(2)?);
    let mut statements: Vec<_> = missing.iter().map(|role| format!("CREATE ROLE {role} NOLOGIN;")).collect();
    if !row.try_get::<_, bool>(1)? && !is_member {
        statements.push(format!("GRANT {OWNER} TO {me};"));
    }
    if !row.try_get::<_, bool>(3)? {
        statements.push(format!("GRANT CREATE ON DATABASE {database} TO {me};"));
    }
    let create_schema = format!("CREATE SCHEMA cpss_registry AUTHORIZATION {OWNER};");
    let done = transaction.batch_execute(&(statements.join("\n") + &create_schema)).await;
    done.map_err(|error| match error.code() {
        Some(code) if *code == SqlState::INSUFFICIENT_PRIVILEGE => SchemaError::Rights { statements },
        _ => error.into(),
    })
}
