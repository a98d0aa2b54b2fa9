//! A connection, and what a session must have before anything relies on it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::schema::SchemaError;
use super::settings::{Durability, Settings};
use super::timestamptz::Timestamptz;

/// The oldest version that is supported, as the server numbers it.
const OLDEST: i32 = 13_00_00;

/// The greatest difference between the clocks of the database and of this machine.
const APART: SignedDuration = SignedDuration::from_secs(60);

/// The settings on which the guarantees rest. A role or a database may have others as its default.
const SET: &str = "\
    SET synchronous_commit = 'on'; \
    SET client_min_messages = 'warning'; \
    SET default_transaction_isolation = 'read committed'; \
    SET idle_in_transaction_session_timeout = '2s'; \
    SET lock_timeout = '5s'; \
    SET statement_timeout = 0";

const INSPECT: &str = "\
    SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('fsync'), \
    current_setting('synchronous_commit'), current_setting('client_min_messages'), \
    current_setting('default_transaction_isolation'), current_setting('synchronous_standby_names'), clock_timestamp()";

/// An open connection. Dropping it closes it at once, and cancels nothing: what was sent may still be done.
pub struct Link {
    /// Sends statements.
    pub client: Client,
    pub(super) driver: Driver,
}

/// The task that drives a connection.
pub(super) struct Driver {
    task: JoinHandle<()>,
    warned: Arc<AtomicBool>,
}

impl Driver {
    /// True if the server has sent a warning since the session began.
    pub(super) fn has_warned(&self) -> bool {
        self.warned.load(Ordering::Acquire)
    }

    /// Waits until the connection is closed.
    pub(super) async fn closed(&mut self) {
        drop((&mut self.task).await);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Takes in the notifications of a connection.
pub(super) type Hear = Box<dyn Fn(&str) + Send + Sync>;

impl Settings {
    /// Connects to a node that accepts writes, and makes sure that what it commits is durable. `now` is the clock of
    /// this machine. The time is limited.
    pub async fn connect(&self, now: fn() -> Timestamp) -> Result<Link, ConnectError> {
        self.connect_to_hear(now, Box::new(|_| {})).await
    }

    pub(super) async fn connect_to_hear(&self, now: fn() -> Timestamp, hear: Hear) -> Result<Link, ConnectError> {
        let connecting = async {
            let link = self.link(hear).await.map_err(ConnectError::NotReached)?;
            link.client.batch_execute(SET).await.map_err(ConnectError::NotReached)?;
            self.inspect(&link.client, now).await?;
            Ok(link)
        };
        timeout(self.patience, connecting).await.unwrap_or(Err(ConnectError::TimedOut(self.patience)))
    }

    async fn link(&self, hear: Hear) -> Result<Link, tokio_postgres::Error> {
        match self.tls.clone() {
            Some(tls) => self.config.connect(tls).await.map(|(client, connection)| linked(client, connection, hear)),
            None => self.config.connect(NoTls).await.map(|(client, connection)| linked(client, connection, hear)),
        }
    }

    /// Refuses a session that would switch a guarantee off.
    async fn inspect(&self, client: &Client, now: fn() -> Timestamp) -> Result<(), ConnectError> {
        let rows = client.query_typed(INSPECT, &[]).await.map_err(ConnectError::NotReached)?;
        let row = rows.first().ok_or(ConnectError::Pooled)?;
        let text = |at| row.try_get::<_, &str>(at).map_err(ConnectError::NotReached);
        let version: i32 = row.try_get(0).map_err(ConnectError::NotReached)?;
        if version < OLDEST {
            return Err(ConnectError::TooOld { found: version / 10_000 });
        }
        if row.try_get(1).map_err(ConnectError::NotReached)? {
            return Err(ConnectError::IsStandby);
        }
        if text(2)? != "on" {
            return Err(ConnectError::NoFsync);
        }
        if (text(3)?, text(4)?, text(5)?) != ("on", "warning", "read committed") {
            return Err(ConnectError::Pooled);
        }
        self.require_standby(text(6)?)?;
        let Timestamptz(clock) = row.try_get(7).map_err(ConnectError::NotReached)?;
        let ahead = now().duration_since(clock);
        if ahead.abs() > APART { Err(ConnectError::ClocksApart { ahead }) } else { Ok(()) }
    }

    /// Refuses a server on which a commit need not wait for a standby that may be promoted.
    pub(super) fn require_standby(&self, names: &str) -> Result<(), ConnectError> {
        let names = names.trim();
        let is_any = names.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("any"))
            && names
                .get(3..)
                .is_some_and(|rest| rest.starts_with([' ', '\t', '(']) || rest.starts_with(char::is_numeric));
        match self.durability {
            Durability::Storage => Ok(()),
            Durability::Standby if names.is_empty() => Err(ConnectError::NoStandby),
            Durability::Standby if is_any => Err(ConnectError::AnyStandby),
            Durability::Standby => Ok(()),
        }
    }
}

fn linked<S, T>(client: Client, connection: Connection<S, T>, hear: Hear) -> Link
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let warned = Arc::new(AtomicBool::new(false));
    let task = tokio::spawn(drive(connection, Arc::clone(&warned), hear));
    Link { client, driver: Driver { task, warned } }
}

/// Drives a connection until it is closed. A warning that comes with a result is noted before the result arrives.
async fn drive<S, T>(mut connection: Connection<S, T>, warned: Arc<AtomicBool>, hear: Hear)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    // What ends the connection also ends the statement that is under way, with the reason.
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        match message {
            AsyncMessage::Notification(notification) => hear(notification.payload()),
            AsyncMessage::Notice(notice) if is_warning(&notice) => {
                warned.store(true, Ordering::Release);
                let code = notice.code().code();
                tracing::warn!(event = "log_warned", code, "the database warned: {}", notice.message());
            }
            _ => {}
        }
    }
}

/// True if a notice may say that a commit is not durable.
fn is_warning(notice: &DbError) -> bool {
    notice.code().code().starts_with("01") || matches!(notice.parsed_severity(), Some(Severity::Warning))
}

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No node can be reached, or none accepts writes.
    #[error("no node of the database that accepts writes can be reached")]
    NotReached(#[source] tokio_postgres::Error),
    /// No node answered in time.
    #[error("no node of the database answered within {0:?}")]
    TimedOut(Duration),
    /// An attempt failed a moment ago.
    #[error("the database could not be reached a moment ago")]
    Waiting,
    /// The server is too old.
    #[error("the server runs PostgreSQL {found}: version 13 or a later one is needed")]
    TooOld {
        /// Its version.
        found: i32,
    },
    /// The server is a standby.
    #[error("the server is a standby: name every node of the database in the URL, or the address of the primary")]
    IsStandby,
    /// The server does not sync its commits.
    #[error("the server runs with fsync off, so that records could be lost: set fsync = on")]
    NoFsync,
    /// Settings of the session did not last.
    #[error("settings of the session do not last: connect to the server itself, or to a pooler that pools sessions")]
    Pooled,
    /// No commit waits for a standby.
    #[error(
        "no commit waits for a standby, so that records could be lost: set synchronous_standby_names, or, if the storage \
         of the server is replicated, durability = \"storage\""
    )]
    NoStandby,
    /// A commit waits for any one of several standbys.
    #[error(
        "synchronous_standby_names begins with ANY, so that a standby without the last records could be promoted: name \
         the standbys with FIRST"
    )]
    AnyStandby,
    /// The clocks differ.
    #[error("the clock of this machine is {ahead:#} ahead of the clock of the database: correct the one that is wrong")]
    ClocksApart {
        /// The difference.
        ahead: SignedDuration,
    },
    /// The database has no registry, or this role may not read it.
    #[error("the database has no registry that this role may read: `cpss-registry init` begins one")]
    NoRegistry(#[source] Option<tokio_postgres::Error>),
    /// The registry in the database is not this replica's.
    #[error(transparent)]
    OtherRegistry(#[from] SchemaError),
}

impl ConnectError {
    /// True if the database is not the right one, or is set up wrongly, so that another attempt cannot help.
    pub fn is_refusal(&self) -> bool {
        use ConnectError::{AnyStandby, NoFsync, NoRegistry, OtherRegistry, Pooled, TooOld};
        matches!(self, OtherRegistry(_) | NoRegistry(_) | AnyStandby | NoFsync | Pooled | TooOld { .. })
    }
}
