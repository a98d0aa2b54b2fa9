//! The statements of a replica, in a session with one node.

use std::convert::Infallible;
use std::error::Error;
use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity, SqlState};
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row, Statement};

use super::SharedLog;
use super::connect_error::ConnectError;
use super::link::{Driver, Link, require_clock};
use super::timestamptz::Timestamptz;
use crate::domain::id::Revision;
use crate::store::log::replicated::statements::{Append, Barrier, Head, Known, RollCall, Session, StatementError};
use crate::store::record::{Hash, Tip};

/// The channel on which replicas tell each other what they appended.
pub(super) const CHANNEL: &str = "cpss_registry";

const APPEND: &str = "SELECT cpss_registry.append($1, $2, $3, $4, $5, $6, $7, $8)";
const BARRIER: &str = "\
    SELECT head_revision, head_chain, turn, recorded_at, head_answered_through, beat_before, chain_at_tip, is_open, \
    clock, standbys FROM cpss_registry.barrier($1, $2, $3, $4, $5)";
const OPEN: &str = "SELECT waiting_for, passed_over FROM cpss_registry.open(make_interval(secs => $1))";
const PUSH: &str = "SELECT cpss_registry.push($1, $2, $3, $4, $5, $6, $7, $8)";
const BEGIN_EPOCH: &str = "SELECT cpss_registry.begin_epoch($1, $2, $3, $4, $5, $6, $7, $8)";
const UNHEARD: &str = "\
    SELECT id FROM cpss_registry.replica WHERE heard IS DISTINCT FROM cpss_registry.incarnation() ORDER BY id";
const END_BEFORE: &str = "\
    SELECT first_revision + count - 1, chain FROM cpss_registry.log WHERE first_revision + count - 1 <= $1 \
    AND first_revision <= $1 ORDER BY first_revision DESC LIMIT 1";
const SETTLE: &str = "\
    SELECT head_revision, head_chain, turn, recorded_at, head_answered_through FROM cpss_registry.settle($1)";
const SETTLE_AGAIN: &str = "SELECT cpss_registry.settle_again($1)";
const TURN: &str = "\
    SELECT head_revision, head_chain, turn, recorded_at, head_answered_through FROM cpss_registry.turn()";
/// The length of a frame is known without reading it.
const FRAMES: &str = "\
    SELECT frame FROM (SELECT frame, first_revision, sum(octet_length(frame)) OVER (ORDER BY first_revision) - \
    octet_length(frame) AS before FROM cpss_registry.log WHERE first_revision > $1 ORDER BY first_revision LIMIT 2000) \
    AS next WHERE before < $2 ORDER BY first_revision";
const NOTIFY: &str = "SELECT pg_notify($1, $2)";
/// Every role sees what its own sessions wait for.
const WAITS: &str = "\
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = session_user AND wait_event = 'SyncRep')";

type Params<'a> = [&'a (dyn ToSql + Sync)];

/// Why a session was given up.
#[derive(Debug, thiserror::Error)]
enum GivenUp {
    /// The connection was lost before the statement was sent.
    #[error("the connection to the database was lost before")]
    Closed,
    /// The server sent a warning: what it says is done may not be durable.
    #[error("the database warned, so what it reports as done may not last")]
    Warned,
    /// The server did not answer in time.
    #[error("the database did not answer within {0:?}")]
    TimedOut(Duration),
    /// The server did not answer in time, because commits wait.
    #[error(
        "commits wait for a synchronous standby, and none follows: start the standby, or make another one that \
         synchronous_standby_names names"
    )]
    NoStandby,
    /// The server answered with something else.
    #[error("the database answered with {0}")]
    Unexpected(&'static str),
}

/// The node at which something failed.
#[derive(Debug, thiserror::Error)]
#[error("{node}")]
struct AtNode {
    node: Arc<str>,
    source: Box<dyn Error + Send + Sync>,
}

/// A session. It is closed at once when it is dropped, and what is under way is not canceled.
pub(super) struct PostgresSession {
    client: Arc<Client>,
    driver: Driver,
    node: Arc<str>,
    shared: Arc<SharedLog>,
    /// The statements that are prepared, by their text.
    prepared: Vec<(&'static str, Statement)>,
}

impl PostgresSession {
    pub(super) fn new(link: Link, shared: Arc<SharedLog>) -> PostgresSession {
        let Link { client, node, driver } = link;
        PostgresSession { client: Arc::new(client), driver, node, shared, prepared: Vec::new() }
    }

    /// Runs a statement to its end.
    fn run(&mut self, text: &'static str, params: &Params<'_>) -> Result<Vec<Row>, StatementError> {
        let runtime = self.shared.runtime.clone();
        let result = runtime.block_on(self.run_limited(text, params));
        result.map_err(|error| self.at_node(error))
    }

    async fn run_limited(&mut self, text: &'static str, params: &Params<'_>) -> Result<Vec<Row>, StatementError> {
        let patience = self.shared.settings.patience;
        let statement = self.prepare(text).await?;
        if self.client.is_closed() {
            return Err(not_done(GivenUp::Closed));
        }
        let mut query = pin!(self.client.query(&statement, params));
        let half = patience / 2;
        let (rows, waits) = match timeout(half, &mut query).await {
            Ok(rows) => (Ok(rows), false),
            Err(_) => self.wait_and_look(timeout(half, &mut query)).await,
        };
        let rows = match rows {
            Err(_) if waits => return Err(silent(GivenUp::NoStandby)),
            Err(_) => return Err(silent(GivenUp::TimedOut(patience))),
            Ok(rows) => rows.map_err(failed)?,
        };
        if self.driver.has_warned() { Err(unknown(GivenUp::Warned)) } else { Ok(rows) }
    }

    /// Waits for something, and finds out meanwhile whether a commit of this role waits for a synchronous standby.
    async fn wait_and_look<T>(&self, waiting: impl Future<Output = T>) -> (T, bool) {
        let waits = AtomicBool::new(false);
        let looking = async {
            if let Ok(link) = self.shared.settings.connect(self.shared.now).await
                && let Ok(row) = link.client.query_one(WAITS, &[]).await
            {
                waits.store(row.try_get(0).unwrap_or(false), Ordering::Relaxed);
            }
            pending::<Infallible>().await
        };
        let done = tokio::select! {
            done = waiting => done,
            never = looking => match never {},
        };
        (done, waits.into_inner())
    }

    /// Names the node in an error.
    fn at_node(&self, error: StatementError) -> StatementError {
        let at = |source| Box::new(AtNode { node: Arc::clone(&self.node), source }) as Box<dyn Error + Send + Sync>;
        match error {
            StatementError::NotDone(source) => StatementError::NotDone(at(source)),
            StatementError::Unknown(source) => StatementError::Unknown(at(source)),
            StatementError::Silent(source) => StatementError::Silent(at(source)),
            StatementError::DurabilityReduced(source) => StatementError::DurabilityReduced(at(source)),
            StatementError::ClocksApart { ahead } => StatementError::ClocksApart { ahead },
            StatementError::Damaged(source) => StatementError::Damaged(at(source)),
        }
    }

    /// Prepares a statement, once. It is not run yet.
    async fn prepare(&mut self, text: &'static str) -> Result<Statement, StatementError> {
        if let Some((_, prepared)) = self.prepared.iter().find(|(known, _)| *known == text) {
            return Ok(prepared.clone());
        }
        let prepared = match timeout(self.shared.settings.patience, self.client.prepare(text)).await {
            Err(_) => return Err(not_done(GivenUp::TimedOut(self.shared.settings.patience))),
            Ok(prepared) => prepared.map_err(not_done)?,
        };
        self.prepared.push((text, prepared.clone()));
        Ok(prepared)
    }

    /// Runs a statement that appends one frame.
    fn append_by(&mut self, text: &'static str, append: &Append<'_>) -> Result<bool, StatementError> {
        let (first_at, last_at) = (Timestamptz(append.first_at), Timestamptz(append.last_at));
        let (after, last) = (number(append.after.revision.0)?, number(append.tip.revision.0)?);
        let turn = number(append.turn)?;
        let (chain_before, chain) = (&append.after.chain[..], &append.tip.chain[..]);
        self.value(text, &[&after, &chain_before, &last, &chain, &turn, &first_at, &last_at, &append.frame])
    }

    /// Runs a statement that returns one value.
    fn value<T>(&mut self, text: &'static str, params: &Params<'_>) -> Result<T, StatementError>
    where
        T: for<'a> FromSql<'a>,
    {
        let rows = self.run(text, params)?;
        let row = rows.first().ok_or_else(|| unknown(GivenUp::Unexpected("no row")))?;
        row.try_get(0).map_err(unknown)
    }
}

impl Session for PostgresSession {
    fn append(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        self.append_by(APPEND, append)
    }

    fn barrier(&mut self, known: &Known) -> Result<Option<Barrier>, StatementError> {
        let (beat, revision) = (number(known.beat)?, number(known.tip.revision.0)?);
        let (chain, through) = (&known.tip.chain[..], Timestamptz(known.answered_through));
        let me = self.shared.settings.replica.clone();
        let rows = self.run(BARRIER, &[&me, &beat, &revision, &chain, &through])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let standbys: &str = row.try_get(9).map_err(unknown)?;
        let clock = row.try_get::<_, Timestamptz>(8).map_err(unknown)?.0;
        let usable = self.shared.settings.require_standby(standbys);
        let usable = usable.and_then(|()| require_clock((self.shared.now)(), clock));
        usable.map_err(|refusal| Arc::new(ConnectError::of(&self.node, refusal)).into_statement_error())?;
        let chain_at_tip: Option<&[u8]> = row.try_get(6).map_err(unknown)?;
        Ok(Some(Barrier {
            head: head(row)?,
            beat_before: count(row, 5)?,
            chain_at_tip: chain_at_tip.map(hash).transpose()?,
            is_open: row.try_get(7).map_err(unknown)?,
            clock,
        }))
    }

    fn open(&mut self) -> Result<RollCall, StatementError> {
        let patience = self.shared.settings.roll_call.map(|patience| patience.as_secs_f64());
        let rows = self.run(OPEN, &[&patience])?;
        let row = rows.first().ok_or_else(|| unknown(GivenUp::Unexpected("no row")))?;
        let names = |at| row.try_get(at).map_err(unknown);
        Ok(RollCall { waiting_for: names(0)?, passed_over: names(1)? })
    }

    fn push(&mut self, frames: &[Append<'_>]) -> Result<bool, StatementError> {
        let Some(first) = frames.first() else { return Ok(true) };
        let (after, turn) = (number(first.after.revision.0)?, number(first.turn)?);
        let revisions = frames.iter().map(|frame| number(frame.tip.revision.0)).collect::<Result<Vec<_>, _>>()?;
        let chains: Vec<_> = frames.iter().map(|frame| &frame.tip.chain[..]).collect();
        let (first_at, last_at): (Vec<_>, Vec<_>) =
            frames.iter().map(|frame| (Timestamptz(frame.first_at), Timestamptz(frame.last_at))).unzip();
        let bytes: Vec<_> = frames.iter().map(|frame| frame.frame).collect();
        let chain_before = &first.after.chain[..];
        self.value(PUSH, &[&after, &chain_before, &turn, &revisions, &chains, &first_at, &last_at, &bytes])
    }

    fn begin_epoch(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        self.append_by(BEGIN_EPOCH, append)
    }

    fn unheard(&mut self) -> Result<Vec<String>, StatementError> {
        let rows = self.run(UNHEARD, &[])?;
        rows.iter().map(|row| row.try_get(0).map_err(unknown)).collect()
    }

    fn end_before(&mut self, revision: Revision) -> Result<Tip, StatementError> {
        let rows = self.run(END_BEFORE, &[&number(revision.0)?])?;
        let Some(row) = rows.first() else { return Ok(Tip::ORIGIN) };
        Ok(Tip { revision: Revision(count(row, 0)?), chain: hash(row.try_get(1).map_err(unknown)?)? })
    }

    fn settle(&mut self, through: jiff::Timestamp) -> Result<Option<Head>, StatementError> {
        let rows = self.run(SETTLE, &[&Timestamptz(through)])?;
        rows.first().map(head).transpose()
    }

    fn settle_again(&mut self, through: jiff::Timestamp) -> Result<bool, StatementError> {
        self.value(SETTLE_AGAIN, &[&Timestamptz(through)])
    }

    fn turn(&mut self) -> Result<Head, StatementError> {
        let rows = self.run(TURN, &[])?;
        rows.first().map_or_else(|| Err(unknown(GivenUp::Unexpected("no row"))), head)
    }

    fn frames(&mut self, after: Revision, bytes: usize) -> Result<Vec<Vec<u8>>, StatementError> {
        let (after, bytes) = (number(after.0)?, i64::try_from(bytes).map_err(not_done)?);
        let rows = self.run(FRAMES, &[&after, &bytes])?;
        rows.iter().map(|row| row.try_get(0).map_err(unknown)).collect()
    }

    fn notify(&mut self, text: &str) -> Result<(), StatementError> {
        let (client, text) = (Arc::clone(&self.client), text.to_owned());
        // The next statement is sent behind it. If it fails, so does that one.
        self.shared
            .runtime
            .spawn(async move { drop(client.query_typed(NOTIFY, &[(&CHANNEL, TEXT), (&text, TEXT)]).await) });
        Ok(())
    }
}

const TEXT: tokio_postgres::types::Type = tokio_postgres::types::Type::TEXT;

/// Reads the head, which is in the first columns.
fn head(row: &Row) -> Result<Head, StatementError> {
    let chain = hash(row.try_get(1).map_err(unknown)?)?;
    let instant = |at| row.try_get::<_, Timestamptz>(at).map_err(unknown);
    Ok(Head {
        tip: Tip { revision: Revision(count(row, 0)?), chain },
        turn: count(row, 2)?,
        recorded_at: instant(3)?.0,
        answered_through: instant(4)?.0,
    })
}

fn count(row: &Row, at: usize) -> Result<u64, StatementError> {
    let count: i64 = row.try_get(at).map_err(unknown)?;
    u64::try_from(count).map_err(unknown)
}

fn hash(bytes: &[u8]) -> Result<Hash, StatementError> {
    bytes.try_into().map_err(unknown)
}

fn number(count: u64) -> Result<i64, StatementError> {
    i64::try_from(count).map_err(not_done)
}

pub(super) fn not_done(error: impl Into<Box<dyn Error + Send + Sync>>) -> StatementError {
    StatementError::NotDone(error.into())
}

fn silent(error: GivenUp) -> StatementError {
    StatementError::Silent(error.into())
}

fn unknown(error: impl Into<Box<dyn Error + Send + Sync>>) -> StatementError {
    StatementError::Unknown(error.into())
}

/// Returns what an error means for the statement that was sent.
fn failed(error: tokio_postgres::Error) -> StatementError {
    match error.as_db_error().map(meaning) {
        Some(Meaning::NotDone) => StatementError::NotDone(error.into()),
        Some(Meaning::Damaged) => StatementError::Damaged(error.into()),
        Some(Meaning::Unknown) | None => StatementError::Unknown(error.into()),
    }
}

enum Meaning {
    NotDone,
    Damaged,
    Unknown,
}

/// What the server reports as an error was undone, at the commit too. What ends the session may come after it.
fn meaning(error: &DbError) -> Meaning {
    let code = error.code();
    match error.parsed_severity() {
        Some(Severity::Error) if *code == SqlState::T_R_STATEMENT_COMPLETION_UNKNOWN => Meaning::Unknown,
        Some(Severity::Error) if *code == SqlState::UNIQUE_VIOLATION || *code == SqlState::RESTRICT_VIOLATION => {
            Meaning::Damaged
        }
        Some(Severity::Error) => Meaning::NotDone,
        _ => Meaning::Unknown,
    }
}
