//! A connection, and what a session must have before anything relies on it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::{AsyncMessage, Client, Connection, NoTls};

use super::connect_error::{ConnectError, NodeError, Refusal};
use super::nodes::Node;
use super::settings::{Durability, Settings};
use super::standby_names;
use super::timestamptz::Timestamptz;
use crate::store::log::replicated::statements::APART;
use crate::store::random::random_byte;

/// The oldest version that is supported, as the server numbers it.
const OLDEST: i32 = 13_00_00;

/// The settings on which the guarantees rest. A role or a database may have others as its default.
const SET: &str = "\
    SET cpss_registry.session = 'begun'; \
    SET synchronous_commit = 'on'; \
    SET client_min_messages = 'warning'; \
    SET default_transaction_isolation = 'read committed'; \
    SET idle_in_transaction_session_timeout = '2s'; \
    SET lock_timeout = '5s'; \
    SET statement_timeout = 0";

/// How statements are planned: once in a session, by the indexes. Otherwise those that are prepared at a new log read
/// all of it each time, until the server has statistics, and are then planned again for each lock of the head.
const PLANS: &str = "\
    SET plan_cache_mode = 'force_generic_plan'; \
    SET enable_seqscan = off; \
    SET enable_bitmapscan = off; \
    SET jit = off";

/// What [`SET`] sets in a session. A new one has nothing of it, unless a pooler lends one server to several sessions.
const BEGUN: &str = "SELECT coalesce(current_setting('cpss_registry.session', true), '') <> ''";

const INSPECT: &str = "\
    SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), current_setting('fsync'), \
    current_setting('synchronous_commit'), current_setting('client_min_messages'), \
    current_setting('default_transaction_isolation'), current_setting('synchronous_standby_names'), clock_timestamp()";

/// An open connection. Dropping it closes it at once, and cancels nothing: what was sent may still be done.
pub struct Link {
    /// Sends statements.
    pub client: Client,
    /// The address of the node as in the URL.
    pub(super) node: Arc<str>,
    pub(super) driver: Driver,
}

impl Link {
    /// The address of the node as in the URL.
    pub fn node(&self) -> &str {
        &self.node
    }
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
pub(super) type Hear = Arc<dyn Fn(&str) + Send + Sync>;

impl Settings {
    /// Connects to a node that accepts writes, and makes sure that what it commits is durable. `now` is the clock of
    /// this machine. The time is limited.
    pub async fn connect(&self, now: fn() -> Timestamp) -> Result<Link, ConnectError> {
        self.connect_to_hear(now, Arc::new(|_: &str| {})).await
    }

    /// Asks the nodes one after another, from any of them on: a fixed order would prefer a primary that was replaced.
    /// One that hangs leaves time for the others.
    pub(super) async fn connect_to_hear(&self, now: fn() -> Timestamp, hear: Hear) -> Result<Link, ConnectError> {
        let count = self.nodes.len();
        let share = self.patience / u32::try_from(count).unwrap_or(u32::MAX).max(1);
        let first = usize::from(random_byte()) % count.max(1);
        let mut refusals = Vec::with_capacity(count);
        for at in (first..count).chain(0..first) {
            let Some(node) = self.nodes.get(at) else { continue };
            let connecting = self.connect_to_node(node, now, Arc::clone(&hear));
            match timeout(share, connecting).await.unwrap_or(Err(Refusal::TimedOut(share))) {
                Ok(link) => return Ok(link),
                Err(refusal) => refusals.push((at, NodeError { node: Arc::clone(&node.name), refusal })),
            }
        }
        refusals.sort_by_key(|(at, _)| *at);
        Err(ConnectError(refusals.into_iter().map(|(_, refusal)| refusal).collect()))
    }

    async fn connect_to_node(&self, node: &Node, now: fn() -> Timestamp, hear: Hear) -> Result<Link, Refusal> {
        let Node { name, config } = node;
        let mut config = config.clone();
        if let Some(password) = &self.password {
            config.password(password.read().map_err(Refusal::NoPassword)?);
        }
        let link = match self.tls.clone() {
            Some(tls) => config.connect(tls).await.map(|(client, connection)| linked(name, client, connection, hear)),
            None => config.connect(NoTls).await.map(|(client, connection)| linked(name, client, connection, hear)),
        }
        .map_err(|error| self.of_password(error))?;
        if link.client.query_typed(BEGUN, &[]).await?.first().ok_or(Refusal::Pooled)?.try_get(0)? {
            return Err(Refusal::Pooled);
        }
        link.client.batch_execute(&[SET, PLANS].join("; ")).await?;
        self.inspect(&link.client, now).await?;
        Ok(link)
    }

    /// Names the file that a password is read from, if the server refuses the password.
    fn of_password(&self, error: tokio_postgres::Error) -> Refusal {
        match error.code() {
            Some(code) if *code == SqlState::INVALID_PASSWORD => {
                Refusal::WrongPassword { error, place: self.password_place }
            }
            _ => error.into(),
        }
    }

    /// Refuses a session that would switch a guarantee off.
    async fn inspect(&self, client: &Client, now: fn() -> Timestamp) -> Result<(), Refusal> {
        let rows = client.query_typed(INSPECT, &[]).await?;
        let row = rows.first().ok_or(Refusal::Pooled)?;
        let text = |at| row.try_get::<_, &str>(at);
        let version: i32 = row.try_get(0)?;
        if version < OLDEST {
            return Err(Refusal::TooOld { found: version / 10_000 });
        }
        if row.try_get(1)? {
            return Err(Refusal::TakesNoWrites);
        }
        if text(2)? != "on" {
            return Err(Refusal::NoFsync);
        }
        if (text(3)?, text(4)?, text(5)?) != ("on", "warning", "read committed") {
            return Err(Refusal::Pooled);
        }
        self.require_standby(text(6)?)?;
        let Timestamptz(clock) = row.try_get(7)?;
        require_clock(now(), clock)
    }

    /// Refuses a server on which a commit need not wait for a standby that may be promoted.
    pub(super) fn require_standby(&self, names: &str) -> Result<(), Refusal> {
        if self.requires_standby() { standby_names::require(names) } else { Ok(()) }
    }

    /// True if a commit must wait for a standby.
    pub(super) fn requires_standby(&self) -> bool {
        self.durability == Durability::Standby
    }
}

/// Refuses clocks one of which must be wrong.
pub(super) fn require_clock(now: Timestamp, clock: Timestamp) -> Result<(), Refusal> {
    let ahead = now.duration_since(clock);
    if ahead.abs() > APART { Err(Refusal::ClocksApart { ahead }) } else { Ok(()) }
}

fn linked<S, T>(node: &Arc<str>, client: Client, connection: Connection<S, T>, hear: Hear) -> Link
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let warned = Arc::new(AtomicBool::new(false));
    let task = tokio::spawn(drive(connection, Arc::clone(&warned), hear));
    Link { client, node: Arc::clone(node), driver: Driver { task, warned } }
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
