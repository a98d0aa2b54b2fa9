//! A log that several replicas share in a database. Each replica keeps a copy of it.
//!
//! What is visible in a database need not last: an old primary that was replaced goes on showing what it had. So only a
//! *confirmed tip* counts, and what is before it. A tip is confirmed by a durable statement of this replica that read
//! it in its own snapshot, or by the replica that appended it, with a seal. Where frames are read does not matter: they
//! enter the copy once their chain leads to a confirmed tip. What a plain read shows confirms nothing, denies nothing,
//! and raises no alarm.
//!
//! The statements are in [`statements`]. Everything that follows from them is here, for every database.

mod acknowledged;
mod alone;
mod catching_up;
pub mod comparing;
mod copying;
mod doubt;
mod engine;
mod hearing;
mod locking;
mod noting;
pub mod pushing;
pub mod restored;
#[cfg(test)]
pub(crate) mod simulated;
pub mod statements;

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::frame::{self, Expected, Form, Frame};
use super::status::LogStatus;
use super::{AppendError, Log, require_head};
use crate::store::record::{self, Tip};

use acknowledged::Acknowledged;
use alone::Alone;
use doubt::Doubt;
pub use engine::{ReplicatedEngine, acknowledged_revision};
pub use hearing::Hearing;
use locking::{Clock, Held};
use restored::{Fork, Searched};
use statements::{AHEAD, Append, Barrier, Database, Head, Known, ReplicaSession, StatementError};

/// The log of a replica.
pub struct ReplicatedLog {
    database: Box<dyn Database>,
    session: Option<Box<dyn ReplicaSession>>,
    /// The confirmed frames.
    copy: Box<dyn Log>,
    /// What other replicas tell.
    hearing: Arc<Hearing>,
    /// The latest tip that is confirmed. The copy may end before it.
    confirmed: Tip,
    /// The turn of the head when it was last read. `None` before, and while the database is not opened.
    turn: Option<u64>,
    /// The greatest beat and the latest tip that were acknowledged, for the next start.
    acknowledged: Acknowledged,
    /// Whether another process has the name of this replica.
    alone: Alone,
    /// The latest instant that questions by time were answered for here.
    answered_through: Timestamp,
    /// The append whose outcome is unknown. Nothing is appended before it is known.
    doubt: Option<Doubt>,
    /// A tip that includes every record that was in the log at an instant.
    reached: Option<(Tip, Instant)>,
    status: Arc<LogStatus>,
    /// What a restored database was found to share with this replica.
    searched: Option<Searched>,
    /// What was found when the head was locked, until the batch that is decided then is appended.
    held: Option<Held>,
    /// The records that are in the copy, and that the caller has not followed.
    unseen: Vec<(Tip, Vec<u8>)>,
    /// When something of another replica was read last, by the clock.
    foreign_at: Option<Duration>,
    clock: Arc<Clock>,
}

impl ReplicatedLog {
    /// Opens the log of a replica on top of its copy, and fills the copy from the database. If the database cannot be
    /// reached, the copy is what is known. If the database continues in another epoch, returns how.
    fn open(
        copy: Box<dyn Log>,
        database: Box<dyn Database>,
        hearing: Arc<Hearing>,
        acknowledged: Acknowledged,
        answered_through: Timestamp,
        clock: Arc<Clock>,
    ) -> Result<ReplicatedLog, Fork> {
        let (kept, known) = (copy.tip(), acknowledged.tip());
        let mut log = ReplicatedLog {
            database,
            session: None,
            confirmed: if known.revision > kept.revision { known } else { kept },
            copy,
            hearing,
            turn: None,
            acknowledged,
            alone: Alone::new(),
            answered_through,
            doubt: None,
            reached: None,
            status: Arc::default(),
            searched: None,
            held: None,
            unseen: Vec::new(),
            foreign_at: None,
            clock,
        };
        let caught_up = match log.catch_up() {
            Err(AppendError::OtherEpoch { last_shared }) => match log.fork(last_shared) {
                Ok(fork) => return Err(fork),
                Err(error) => Err(error),
            },
            caught_up => caught_up,
        };
        if let Err(error) = caught_up {
            log.status.note_failure(&error);
            let error = &error as &dyn Error;
            tracing::warn!(event = "log_not_reached", error, "the shared log is not reached: starting from the copy");
        }
        Ok(log)
    }

    fn catch_up(&mut self) -> Result<(), AppendError> {
        let reached = self.try_reach().map(drop);
        if let Ok(()) | Err(AppendError::NotOpened { .. }) = reached {
            while !self.try_follow()?.is_empty() {}
        }
        reached
    }

    /// Runs a statement in the session, and opens one if there is none. A session is not used after an error.
    fn run<T>(
        &mut self,
        statement: impl FnOnce(&mut dyn ReplicaSession) -> Result<T, StatementError>,
    ) -> Result<T, StatementError> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                self.hearing.forget();
                self.database.connect()?
            }
        };
        let result = statement(&mut *session)?;
        self.session = Some(session);
        Ok(result)
    }

    /// Reads the head durably, and compares the copy with the database.
    fn barrier(&mut self) -> Result<Barrier, AppendError> {
        let barrier = self.one_barrier()?;
        if barrier.head.answered_through >= self.answered_through {
            return Ok(barrier);
        }
        // The database was restored to before an instant that this replica answered for.
        let through = self.answered_through;
        if !self.run(|session| session.settle_again(through)).map_err(not_done)? {
            return Err(AppendError::ClockSkewed { by: through.duration_since(barrier.clock) });
        }
        self.one_barrier()
    }

    /// Runs a barrier, and compares what this replica has confirmed with the database.
    fn compared(&mut self) -> Result<Barrier, AppendError> {
        let beat = self.acknowledged.beat();
        let known = Known { beat, tip: self.confirmed, answered_through: self.answered_through };
        let sent_at = Instant::now();
        let barrier = self.run_barrier(&known)?;
        // Every tip that was confirmed before is in the history of a later one, unless the database was restored.
        let (ours, theirs) = (self.confirmed, barrier.head.tip);
        let is_other = barrier.chain_at_tip.is_some_and(|chain| chain != known.tip.chain)
            || (ours.revision == theirs.revision && ours.chain != theirs.chain);
        if is_other || barrier.chain_at_tip.is_none() || theirs.revision < ours.revision {
            return Err(self.parted(&barrier));
        }
        self.searched = None;
        self.status.note_nothing_lost();
        self.status.note_barrier(theirs.revision, barrier.clock, sent_at);
        self.note(&barrier.head);
        self.acknowledged.advance(barrier.beat_before.saturating_add(1), self.confirmed);
        if !barrier.is_open {
            self.turn = None;
        }
        Ok(barrier)
    }

    /// Like [`ReplicatedLog::barrier`], at a database that may be written to.
    fn barrier_when_open(&mut self) -> Result<Barrier, AppendError> {
        let barrier = self.barrier()?;
        if barrier.is_open {
            return Ok(barrier);
        }
        self.try_to_open()?;
        match self.barrier()? {
            barrier if barrier.is_open => Ok(barrier),
            _ => Err(AppendError::NotOpened { waiting_for: Vec::new() }),
        }
    }

    /// Notes what a durable statement read.
    fn note(&mut self, head: &Head) {
        self.turn = Some(head.turn);
        if head.tip.revision > self.confirmed.revision {
            self.confirmed = head.tip;
        }
    }

    /// Returns why an append touched no row.
    fn why_not(&mut self, append: &Append<'_>) -> AppendError {
        let barrier = match self.barrier_when_open() {
            Ok(barrier) => barrier,
            Err(error) => return error,
        };
        let Head { tip, answered_through, recorded_at, turn } = barrier.head;
        let ahead = append.last_at.duration_since(barrier.clock);
        let records = append.tip.revision.0.saturating_sub(append.after.revision.0);
        let after_head = append.last_at.duration_since(recorded_at.max(answered_through)).as_micros();
        let is_ahead = ahead > AHEAD && after_head > i128::from(records);
        if let Err(moved) = require_head(&tip, &append.after) {
            moved
        } else if answered_through >= append.first_at {
            AppendError::NotBefore { answered_through }
        } else if append.turn == turn && is_ahead {
            AppendError::ClockSkewed { by: ahead }
        } else {
            // It was not opened then, or the turn was raised: now it may succeed.
            AppendError::HeadMoved { expected: append.after.revision, head: tip.revision }
        }
    }

    /// Appends a batch. What becomes of it is known, or found out before the next one.
    fn try_append(&mut self, after: &Tip, batch: &[Vec<u8>]) -> Result<Vec<Tip>, AppendError> {
        self.resolve_earlier()?;
        require_head(&self.staged_tip(), after)?;
        let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return Ok(Vec::new()) };
        self.require_room()?;
        let at = |record: &[u8]| record::recorded_at(record).map_err(AppendError::NotARecord);
        let (first_at, last_at) = (at(first)?, at(last)?);
        let (frame, tips) = frame::encode(after, batch)?;
        let tip = tips.last().copied().unwrap_or(*after);
        let turn = match self.locked_turn().or(self.turn) {
            Some(turn) => turn,
            None => self.barrier_when_open()?.head.turn,
        };
        let append = Append { after: *after, tip, turn, first_at, last_at, frame: &frame };
        let staged = self.take_staged();
        match self.run(|session| session.append(&append)) {
            Ok(true) => {}
            Ok(false) => return Err(self.why_not(&append)),
            // Its caller has waited long enough: the next heartbeat looks into it.
            Err(silent @ StatementError::Silent(_)) => {
                self.status.note_doubt();
                self.status.note_failure(&not_done(silent));
                self.doubt = Some(Doubt { after: after.revision, tip });
                return Err(AppendError::InDoubt);
            }
            Err(StatementError::Unknown(_)) => {
                self.status.note_doubt();
                if !self.resolve_now(Doubt { after: after.revision, tip })? {
                    return Err(AppendError::HeadMoved { expected: after.revision, head: self.confirmed.revision });
                }
            }
            Err(error) => return Err(not_done(error)),
        }
        let kept = self.keep_own(&staged, batch, tip);
        let notice = self.hearing.announce(&tip);
        // Who does not hear it reads the frame at the next barrier.
        drop(self.run(|session| session.notify(&notice)));
        kept
    }

    /// Returns the next frames that lead to the latest tip that is confirmed.
    fn try_follow(&mut self) -> Result<Vec<(Tip, Vec<u8>)>, AppendError> {
        self.unlock();
        if !self.unseen.is_empty() {
            return Ok(std::mem::take(&mut self.unseen));
        }
        if let Some(heard) = self.hearing.take()
            && heard.revision > self.confirmed.revision
        {
            self.confirmed = heard;
        }
        if self.confirmed.revision <= self.copy.tip().revision {
            self.status.note_copied();
            // The caller has published what was followed before.
            if let Some((tip, at)) = self.reached
                && self.copy.tip().revision >= tip.revision
            {
                self.status.confirm(at);
            }
            return Ok(Vec::new());
        }
        let batches = self.read_towards(self.confirmed)?;
        let followed = self.keep_followed(batches)?;
        self.status.note_followed(followed.len());
        self.foreign_at = Some((self.clock)());
        Ok(followed)
    }

    /// Reads the head durably, at a database that may be written to.
    fn try_reach(&mut self) -> Result<Tip, AppendError> {
        let asked_at = Instant::now();
        self.resolve_earlier()?;
        let tip = self.barrier_when_open()?.head.tip;
        self.reached = Some((tip, asked_at));
        Ok(tip)
    }

    /// Compares a tip with the head, durably.
    fn try_confirm(&mut self, decided_on: &Tip) -> Result<(), AppendError> {
        self.resolve_earlier()?;
        self.locked_turn();
        let staged = self.take_staged();
        let barrier = self.barrier_when_open()?;
        require_head(&barrier.head.tip, decided_on)?;
        self.keep_staged(&staged, None).map(drop)
    }

    /// Raises the time that was answered through.
    fn try_settle(&mut self, through: Timestamp) -> Result<Tip, AppendError> {
        self.unlock();
        self.resolve_earlier()?;
        for _ in 0..2 {
            if let Some(head) = self.run(|session| session.settle(through)).map_err(not_done)? {
                self.note(&head);
                self.answered_through = self.answered_through.max(through);
                return Ok(head.tip);
            }
            let by = through.duration_since(self.barrier_when_open()?.clock);
            if by.is_positive() {
                return Err(AppendError::ClockSkewed { by });
            }
            // It was not opened before.
        }
        Err(AppendError::NotOpened { waiting_for: Vec::new() })
    }
}

/// The error for a statement that changes nothing that matters if it is done later, or that was not done.
fn not_done(error: StatementError) -> AppendError {
    match error {
        StatementError::NotDone(source) | StatementError::Unknown(source) | StatementError::Silent(source) => {
            AppendError::Unreachable(source)
        }
        StatementError::DurabilityReduced(source) => AppendError::DurabilityReduced(source),
        StatementError::ClocksApart { ahead } => AppendError::ClocksApart { ahead },
        StatementError::Damaged(source) => AppendError::Damaged(source),
    }
}
