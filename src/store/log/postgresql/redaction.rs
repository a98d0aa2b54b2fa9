//! A redaction in the database of a shared log, by its owner: the record first, and then the frames. Replicas rewrite
//! their copies once they follow the record.

use jiff::Timestamp;
use tokio_postgres::Client;

use super::schema::{self, REDACTION, SchemaError};
use super::session::{APPEND, FRAMES, TURN};
use super::timestamptz::Timestamptz;
use crate::domain::id::Revision;
use crate::store::log::AppendError;
use crate::store::log::frame::{self, Frame};
use crate::store::record::{self, Tip};
use crate::store::redact::{Order, Plan, RedactError, Redacted};
use crate::store::redaction::{Redactions, redact_record};

/// About how many bytes of frames are read at once.
const PAGE: i64 = 4 * 1024 * 1024;

/// How often the record is tried to append while others append.
const TRIES: usize = 16;

/// Why nothing, or not everything, was redacted in the database. Run the command again.
#[derive(Debug, thiserror::Error)]
pub enum SharedRedactError {
    /// What holds for every log.
    #[error(transparent)]
    Redact(#[from] RedactError),
    /// The database refused, or is not reached.
    #[error("the database refused, or cannot be reached")]
    Database(#[from] tokio_postgres::Error),
    /// The schema refused.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A frame of the database is damaged.
    #[error("the frame of revision {first} in the database is damaged: {reason}")]
    Damaged {
        /// The first revision of the frame.
        first: Revision,
        /// What is wrong.
        reason: &'static str,
    },
    /// The role may not redact.
    #[error("the role is not the owner of the log, and may not redact: name the one that installed the schema")]
    NotTheOwner,
    /// Some replicas run a release that does not know redactions.
    #[error("the replicas {0:?} run an earlier release, which does not know redactions: upgrade them first")]
    EarlierRelease(Vec<String>),
    /// The database takes no records now, or others append all the time.
    #[error("the database took no record: it is not open, or others append without pause. Run the command again")]
    NotTaken,
}

impl SharedRedactError {
    /// True if the command was given something that cannot be used.
    pub fn is_usage(&self) -> bool {
        match self {
            SharedRedactError::Redact(error) => error.is_usage(),
            SharedRedactError::NotTheOwner => true,
            _ => false,
        }
    }
}

/// The frame that takes the place of the one with this first revision.
type Replacement = (Revision, Vec<u8>);

/// Returns what takes the place of a frame that follows a tip. `None` if it stays.
type Visit<'a> = dyn FnMut(&Frame<'_>, &Tip) -> Result<Option<Vec<u8>>, RedactError> + Send + 'a;

/// Calls `visit` with each frame of the log, in order. Every frame is verified. Returns the last tip, and what takes
/// the place of frames.
async fn every_frame(client: &Client, visit: &mut Visit<'_>) -> Result<(Tip, Vec<Replacement>), SharedRedactError> {
    let (mut tip, mut replaced) = (Tip::ORIGIN, Vec::new());
    loop {
        let after = number(tip.revision);
        let rows = client.query(FRAMES, &[&after, &PAGE]).await?;
        if rows.is_empty() {
            return Ok((tip, replaced));
        }
        for row in rows {
            let first = tip.revision.next();
            let bytes: &[u8] = row.try_get(0)?;
            let damaged = |reason| SharedRedactError::Damaged { first, reason };
            let (frame, end) = Frame::after(bytes, &tip).map_err(damaged)?;
            replaced.extend(visit(&frame, &tip)?.map(|new| (first, new)));
            tip = end;
        }
    }
}

fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// Finds out what a redaction would remove from the database. Changes nothing.
///
/// # Errors
///
/// If the person is not on file, if a frame is damaged, or if the database fails.
pub async fn plan(client: &Client, order: &Order) -> Result<Plan, SharedRedactError> {
    let mut plan = Plan::new();
    every_frame(client, &mut |frame, _| {
        for (revision, bytes) in &frame.records {
            plan.read(*revision, bytes, order.specialist)?;
        }
        Ok(None)
    })
    .await?;
    Ok(plan.of_somebody(order.specialist)?)
}

/// Records a redaction in the database, as the owner of the log, and replaces the frames that have what it removes. If
/// it is on record and was interrupted, it is completed. `None` if nothing is left to remove.
///
/// # Errors
///
/// If a replica does not know redactions, or the database fails. What was replaced stays replaced.
pub async fn redact(
    client: &mut Client,
    plan: &Plan,
    order: &Order,
    now: Timestamp,
) -> Result<Option<Redacted>, SharedRedactError> {
    plan.require_nameless(order)?;
    if plan.records.is_empty() {
        return Ok(None);
    }
    prepare(client).await?;
    let (revision, was_on_record) = match plan.on_record() {
        Some(revision) => (revision, true),
        None => (append(client, plan, order, now).await?, false),
    };
    replace(client, &Redactions::from([(order.specialist, revision)])).await?;
    Ok(Some(Redacted { revision, was_on_record }))
}

/// Replaces every frame of the database that has what some redactions remove.
async fn replace(client: &Client, redactions: &Redactions) -> Result<(), SharedRedactError> {
    let (_, replaced) = every_frame(client, &mut |frame, tip| {
        frame.with_replaced(tip, &mut |revision, bytes| Ok(redact_record(redactions, revision, bytes)?))
    })
    .await?;
    for (first, bytes) in &replaced {
        client.query_one("SELECT cpss_registry.redact($1, $2)", &[&number(*first), bytes]).await?;
    }
    Ok(())
}

/// Installs what redactions need, if an earlier release installed the schema.
async fn prepare(client: &mut Client) -> Result<(), SharedRedactError> {
    let is_there = "SELECT to_regprocedure('cpss_registry.redact(bigint, bytea)') IS NOT NULL";
    if !client.query_one(is_there, &[]).await?.try_get::<_, bool>(0)? {
        let transaction = client.transaction().await?;
        transaction.batch_execute("SET LOCAL ROLE cpss_owner").await?;
        transaction.batch_execute(REDACTION).await?;
        transaction.commit().await?;
    }
    // Before the record: a replica may append, and could not carry it out.
    let may = "SELECT has_function_privilege('cpss_registry.redact(bigint, bytea)', 'EXECUTE')";
    let may_redact: bool = client.query_one(may, &[]).await?.try_get(0)?;
    if may_redact { Ok(()) } else { Err(SharedRedactError::NotTheOwner) }
}

/// Appends the record, once every replica that is alive can read it. From then on no other one joins.
async fn append(client: &Client, plan: &Plan, order: &Order, now: Timestamp) -> Result<Revision, SharedRedactError> {
    // It needs the present form of records, and no version of the semantics.
    let earlier = schema::adopt(client, 0).await?;
    if !earlier.is_empty() {
        return Err(SharedRedactError::EarlierRelease(earlier));
    }
    for _ in 0..TRIES {
        let head = client.query_one(TURN, &[]).await?;
        let revision = Revision(u64::try_from(head.try_get::<_, i64>(0)?).unwrap_or_default());
        let chain: &[u8] = head.try_get(1)?;
        let tip = Tip { revision, chain: chain.try_into().unwrap_or_default() };
        let turn: i64 = head.try_get(2)?;
        let (recorded_at, answered) = (head.try_get::<_, Timestamptz>(3)?.0, head.try_get::<_, Timestamptz>(4)?.0);
        let record = plan.record_after(revision, order, recorded_at.max(answered), now);
        let salt = record::Salts::Random.salt(record.revision).map_err(AppendError::NotWritten);
        let bytes = record::encode(&record, &salt.map_err(RedactError::from)?);
        let (frame, tips) = frame::encode(&tip, &[bytes]).map_err(RedactError::from)?;
        let end = tips.last().copied().unwrap_or(tip);
        let at = Timestamptz(record.recorded_at);
        let (after, last) = (number(tip.revision), number(end.revision));
        let (before, after_it) = (&tip.chain[..], &end.chain[..]);
        let appended = client.query_one(APPEND, &[&after, &before, &last, &after_it, &turn, &at, &at, &frame]).await?;
        if appended.try_get(0)? {
            return Ok(record.revision);
        }
    }
    Err(SharedRedactError::NotTaken)
}
