//! The statements of a replica, in a session with one node.

use std::pin::pin;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::join3;
use tokio::time::timeout;
use tokio_postgres::types::{FromSql, ToSql};
use tokio_postgres::{Client, Row, Statement};

use super::SharedLog;
use super::connect_error::{ConnectError, Refusal};
use super::link::{Driver, Link, require_clock};
use super::listener::News;
use super::outcome::{GivenUp, at_node, failed, not_done, silent, unknown};
use super::timestamptz::Timestamptz;
use crate::domain::id::Revision;
use crate::store::log::replicated::statements::{
    Append, Barrier, Head, Known, OperatorSession, ReplicaSession, Replicas, RollCall, Session, StatementError,
};
use crate::store::record::{Hash, Tip};

pub(super) const APPEND: &str = "SELECT cpss_registry.append($1, $2, $3, $4, $5, $6, $7, $8)";
const BARRIER: &str = "\
    SELECT head_revision, head_chain, turn, recorded_at, head_answered_through, beat_before, chain_at_tip, is_open, \
    clock FROM cpss_registry.barrier($1, $2, $3, $4, $5)";
const OPEN: &str = "SELECT waiting_for, passed_over FROM cpss_registry.open(make_interval(secs => $1))";
const PUSH: &str = "SELECT cpss_registry.push($1, $2, $3, $4, $5, $6, $7, $8)";
const BEGIN_EPOCH: &str = "SELECT cpss_registry.begin_epoch($1, $2, $3, $4, $5, $6, $7, $8)";
const REPLICAS: &str = "\
    SELECT coalesce(array_agg(id ORDER BY id) FILTER (WHERE heard IS DISTINCT FROM cpss_registry.incarnation()), '{}'), \
    coalesce(max(answered_through), to_timestamp(0)) FROM cpss_registry.replica";
const END_BEFORE: &str = "\
    SELECT first_revision + count - 1, chain FROM cpss_registry.log WHERE first_revision + count - 1 <= $1 \
    AND first_revision <= $1 ORDER BY first_revision DESC LIMIT 1";
const SETTLE: &str = "\
    SELECT head_revision, head_chain, turn, recorded_at, head_answered_through FROM cpss_registry.settle($1)";
const SETTLE_AGAIN: &str = "SELECT cpss_registry.settle_again($1)";
pub(super) const TURN: &str = "\
    SELECT head_revision, head_chain, turn, recorded_at, head_answered_through FROM cpss_registry.turn()";
const LOCK: &str = "\
    SELECT head_revision, head_chain, turn, recorded_at, head_answered_through FROM cpss_registry.lock_head()";
/// Reads the frames after a revision, up to about a number of bytes. The length of a frame is known without reading it.
pub const FRAMES: &str = "\
    SELECT frame FROM (SELECT frame, first_revision, sum(octet_length(frame)) OVER (ORDER BY first_revision) - \
    octet_length(frame) AS before FROM cpss_registry.log WHERE first_revision > $1 ORDER BY first_revision LIMIT 2000) \
    AS next WHERE before < $2 ORDER BY first_revision";
const NAMES: &str = "SELECT current_setting('synchronous_standby_names')";
/// Every role sees what its own sessions wait for.
const WAITS: &str = "\
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = session_user AND wait_event = 'SyncRep')";

type Params<'a> = [&'a (dyn ToSql + Sync)];

/// A session. It is closed at once when it is dropped, and what is under way is not canceled.
pub(super) struct PostgresSession {
    client: Arc<Client>,
    driver: Driver,
    node: Arc<str>,
    shared: Arc<SharedLog>,
    /// Tells other replicas what this one appended.
    news: News,
    /// The statements that are prepared, by their text.
    prepared: Vec<(&'static str, Statement)>,
    /// True if the next statement ends a transaction.
    is_locked: bool,
}

impl PostgresSession {
    pub(super) fn new(link: Link, shared: Arc<SharedLog>, news: News) -> PostgresSession {
        let Link { client, node, driver } = link;
        PostgresSession { client: Arc::new(client), driver, node, shared, news, prepared: Vec::new(), is_locked: false }
    }

    /// Runs a statement to its end, and with it the transaction, if there is one. It is durable.
    fn run(&mut self, text: &'static str, params: &Params<'_>) -> Result<Vec<Row>, StatementError> {
        let result = self.shared.runtime.clone().block_on(self.run_limited(text, params));
        result.map_err(|error| at_node(&self.node, error))
    }

    async fn run_limited(&mut self, text: &'static str, params: &Params<'_>) -> Result<Vec<Row>, StatementError> {
        let (statement, names) = (self.prepare(text).await?, self.prepare(NAMES).await?);
        let commits = std::mem::take(&mut self.is_locked);
        let client = &self.client;
        let commit = async { if commits { client.batch_execute("COMMIT").await } else { Ok(()) } };
        // A commit that waits goes on without a standby if the names are removed meanwhile, so they are read after it.
        let is_awaited = self.shared.settings.requires_standby();
        let names = async { if is_awaited { client.query_opt(&names, &[]).await } else { Ok(None) } };
        // All are sent at once. If the statement fails, so does the transaction.
        let sent = join3(client.query(&statement, params), commit, names);
        let ended = async {
            let (rows, committed, names) = sent.await;
            let rows = rows?;
            committed.map(|()| (rows, names))
        };
        let (rows, names) = self.answered(Box::pin(ended)).await?;
        if is_awaited {
            let names = names.map_err(unknown)?.ok_or_else(|| unknown(GivenUp::Unexpected("no row")))?;
            let usable = self.shared.settings.require_standby(names.try_get(0).map_err(unknown)?);
            usable.map_err(|refusal| Arc::new(ConnectError::of(&self.node, refusal)).into_statement_error())?;
        }
        Ok(rows)
    }

    /// Runs a statement that reads something that may not last.
    fn read(&mut self, text: &'static str, params: &Params<'_>) -> Result<Vec<Row>, StatementError> {
        let runtime = self.shared.runtime.clone();
        let rows = runtime.block_on(async {
            let statement = self.prepare(text).await?;
            self.answered(self.client.query(&statement, params)).await
        });
        rows.map_err(|error| at_node(&self.node, error))
    }

    /// Locks the head and reads frames. All statements are sent at once. Each has a snapshot of its own, so the frames
    /// are those at the locked head.
    async fn lock_limited(&mut self, params: &Params<'_>) -> Result<(Vec<Row>, Vec<Row>), StatementError> {
        let (lock, read) = (self.prepare(LOCK).await?, self.prepare(FRAMES).await?);
        let client = &self.client;
        let sent = join3(client.batch_execute("BEGIN"), client.query(&lock, &[]), client.query(&read, params));
        let ended = async {
            let (begun, heads, frames) = sent.await;
            begun?;
            Ok((heads?, frames?))
        };
        self.answered(Box::pin(ended)).await
    }

    /// Waits for what was sent, and refuses it if the server warned.
    async fn answered<T>(
        &self,
        sent: impl Future<Output = Result<T, tokio_postgres::Error>>,
    ) -> Result<T, StatementError> {
        if self.client.is_closed() {
            return Err(not_done(GivenUp::Closed));
        }
        let answer = self.in_time(sent).await.map_err(silent)?.map_err(failed)?;
        if self.driver.has_warned() { Err(unknown(GivenUp::Warned)) } else { Ok(answer) }
    }

    /// Waits as long as the settings say. After half of that, finds out meanwhile whether a commit of this role waits
    /// for a synchronous standby.
    async fn in_time<T>(&self, sent: impl Future<Output = T>) -> Result<T, GivenUp> {
        let patience = self.shared.settings.patience;
        let (half, mut sent) = (patience / 2, pin!(sent));
        if let Ok(answer) = timeout(half, &mut sent).await {
            return Ok(answer);
        }
        let mut sent = pin!(timeout(half, sent));
        tokio::select! {
            answer = &mut sent => answer.map_err(|_| GivenUp::TimedOut(patience)),
            waits = self.commits_wait() => match waits {
                Some(true) => sent.await.map_err(|_| GivenUp::NoStandby),
                _ => sent.await.map_err(|_| GivenUp::TimedOut(patience)),
            },
        }
    }

    /// Whether a commit of this role waits for a synchronous standby. `None` if the node does not say.
    async fn commits_wait(&self) -> Option<bool> {
        let link = self.shared.settings.connect(self.shared.now).await.ok()?;
        link.client.query_one(WAITS, &[]).await.ok()?.try_get(0).ok()
    }

    /// Prepares a statement, once. It is not run yet.
    async fn prepare(&mut self, text: &'static str) -> Result<Statement, StatementError> {
        if let Some((_, prepared)) = self.prepared.iter().find(|(known, _)| *known == text) {
            return Ok(prepared.clone());
        }
        let prepared = match timeout(self.shared.settings.patience, self.client.prepare(text)).await {
            Err(_) => return Err(not_done(GivenUp::TimedOut(self.shared.settings.patience))),
            Ok(prepared) => prepared.map_err(|error| not_done(Refusal::from(error)))?,
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
        let done = self.value(text, &[&after, &chain_before, &last, &chain, &turn, &first_at, &last_at, &append.frame]);
        done.map_err(|error| match error {
            // It is there, and may not last.
            StatementError::DurabilityReduced(source) => StatementError::Unknown(source),
            error => error,
        })
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
    fn end_before(&mut self, revision: Revision) -> Result<Tip, StatementError> {
        let rows = self.read(END_BEFORE, &[&number(revision.0)?])?;
        let Some(row) = rows.first() else { return Ok(Tip::ORIGIN) };
        Ok(Tip { revision: Revision(count(row, 0)?), chain: hash(row.try_get(1).map_err(unknown)?)? })
    }

    fn turn(&mut self) -> Result<Head, StatementError> {
        let rows = self.run(TURN, &[])?;
        rows.first().map_or_else(|| Err(unknown(GivenUp::Unexpected("no row"))), head)
    }

    fn frames(&mut self, after: Revision, bytes: usize) -> Result<Vec<Vec<u8>>, StatementError> {
        let (after, bytes) = (number(after.0)?, i64::try_from(bytes).map_err(not_done)?);
        let rows = self.read(FRAMES, &[&after, &bytes])?;
        rows.iter().map(|row| row.try_get(0).map_err(unknown)).collect()
    }
}

impl ReplicaSession for PostgresSession {
    fn append(&mut self, append: &Append<'_>) -> Result<bool, StatementError> {
        self.append_by(APPEND, append)
    }

    fn barrier(&mut self, known: &Known) -> Result<Option<Barrier>, StatementError> {
        let (beat, revision) = (number(known.beat)?, number(known.tip.revision.0)?);
        let (chain, through) = (&known.tip.chain[..], Timestamptz(known.answered_through));
        let me = self.shared.settings.replica.clone();
        let rows = self.run(BARRIER, &[&me, &beat, &revision, &chain, &through])?;
        let Some(row) = rows.first() else { return Ok(None) };
        let clock = row.try_get::<_, Timestamptz>(8).map_err(unknown)?.0;
        let usable = require_clock((self.shared.now)(), clock);
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

    fn settle(&mut self, through: jiff::Timestamp) -> Result<Option<Head>, StatementError> {
        let rows = self.run(SETTLE, &[&Timestamptz(through)])?;
        rows.first().map(head).transpose()
    }

    fn settle_again(&mut self, through: jiff::Timestamp) -> Result<bool, StatementError> {
        self.value(SETTLE_AGAIN, &[&Timestamptz(through)])
    }

    fn lock(&mut self, after: Revision, bytes: usize) -> Result<(Head, Vec<Vec<u8>>), StatementError> {
        let (after, bytes) = (number(after.0)?, i64::try_from(bytes).map_err(not_done)?);
        let locked = self.shared.runtime.clone().block_on(self.lock_limited(&[&after, &bytes]));
        let (heads, frames) = locked.map_err(|error| at_node(&self.node, error))?;
        self.is_locked = true;
        let head = heads.first().map_or_else(|| Err(unknown(GivenUp::Unexpected("no row"))), head)?;
        let frames = frames.iter().map(|row| row.try_get(0).map_err(unknown));
        Ok((head, frames.collect::<Result<_, _>>()?))
    }

    fn unlock(&mut self) -> Result<(), StatementError> {
        if !std::mem::take(&mut self.is_locked) {
            return Ok(());
        }
        if self.client.is_closed() {
            return Err(not_done(GivenUp::Closed));
        }
        let client = Arc::clone(&self.client);
        let mut undone = Box::pin(async move { drop(client.batch_execute("ROLLBACK").await) });
        // The first poll sends it, so the next statement is sent behind it. If it fails, so does that one.
        if undone.as_mut().now_or_never().is_none() {
            self.shared.runtime.spawn(undone);
        }
        Ok(())
    }

    fn notify(&mut self, text: &str) -> Result<(), StatementError> {
        self.news.send_replace(Some(text.to_owned()));
        Ok(())
    }
}

impl OperatorSession for PostgresSession {
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

    fn replicas(&mut self) -> Result<Replicas, StatementError> {
        let rows = self.read(REPLICAS, &[])?;
        let row = rows.first().ok_or_else(|| unknown(GivenUp::Unexpected("no row")))?;
        let answered_through = row.try_get::<_, Timestamptz>(1).map_err(unknown)?.0;
        Ok(Replicas { unheard: row.try_get(0).map_err(unknown)?, answered_through })
    }
}

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
