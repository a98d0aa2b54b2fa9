//! Pushing: appends to a closed database the frames of a log that it is the beginning of. A copy has the frames that a
//! restore lost; a log in files has all.

use super::restored::last_shared;
use super::statements::{Append, Head, OperatorSession, StatementError};
use crate::domain::id::Revision;
use crate::store::log::{OfflineLog, ReadError};
use crate::store::progress::{OnStep, Step, Unit};
use crate::store::record::{self, Tip};

/// The number of frames, and about the number of their bytes, that are pushed at once.
const FRAMES: usize = 500;
const BYTES: usize = 1024 * 1024;

/// What a push will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The last record of the database, and the chain up to it.
    pub head: Tip,
    /// The last record of the log. If it is not after the head, there is nothing to push.
    pub until: Revision,
    turn: u64,
}

/// The reasons why frames were not pushed. Those that were pushed before remain, so a push can be run again.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The database has other records.
    #[error(
        "the database is not the beginning of this log: the last record that both have is {last_shared}, the database \
         goes on to {head}, and this log to {ours}"
    )]
    Parted {
        /// The last record of this log.
        ours: Revision,
        /// The last record of the database.
        head: Revision,
        /// The last record that both have.
        last_shared: Revision,
    },
    /// Something else was appended meanwhile, or the database was opened.
    #[error(
        "the database takes nothing after revision {at}: it is open, or something else was appended meanwhile. Only \
         what a database lacks that is not open yet can be pushed"
    )]
    NotTaken {
        /// The last record of the database.
        at: Revision,
    },
    /// Questions by time were answered without the records.
    #[error(
        "questions by time were answered through {answered_through} since, and revision {first} is dated before: the \
         records cannot be brought back, and only a new epoch explains what was answered"
    )]
    Answered {
        /// The instant.
        answered_through: jiff::Timestamp,
        /// The first record that cannot be pushed.
        first: Revision,
    },
    /// A statement failed.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// The log cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// A frame to push.
struct Taken {
    after: Tip,
    tip: Tip,
    first_at: jiff::Timestamp,
    last_at: jiff::Timestamp,
    bytes: Vec<u8>,
}

impl Taken {
    fn append(&self, turn: u64) -> Append<'_> {
        let Taken { after, tip, first_at, last_at, bytes } = self;
        Append { after: *after, tip: *tip, turn, first_at: *first_at, last_at: *last_at, frame: bytes }
    }
}

/// Finds out what a push would do. The database must be the beginning of the log, or else the log is the beginning of
/// the database, and there is nothing to push.
pub fn plan(session: &mut dyn OperatorSession, log: &dyn OfflineLog) -> Result<Plan, PushError> {
    let Head { tip: head, turn, .. } = session.turn()?;
    if log.chain_at(head.revision)? != Some(head.chain) {
        let last_shared = last_shared(session, log, head)?.revision;
        if last_shared < log.head() {
            return Err(PushError::Parted { ours: log.head(), head: head.revision, last_shared });
        }
    }
    Ok(Plan { head, until: log.head(), turn })
}

/// Appends the frames of a log after the database's head. Returns the last record of the database then.
pub fn push(
    session: &mut dyn OperatorSession,
    log: &dyn OfflineLog,
    plan: &Plan,
    on_step: &mut OnStep<'_>,
) -> Result<Tip, PushError> {
    let mut pushing = Pushing { session, turn: plan.turn, head: plan.head, taken: Vec::new(), bytes: 0 };
    let total = plan.until.0.saturating_sub(plan.head.revision.0);
    let mut chain = None;
    for (at, part) in log.parts().iter().enumerate() {
        let ends_before = log.parts().get(at + 1).is_some_and(|next| next.first.previous() <= plan.head.revision);
        if ends_before {
            continue;
        }
        let mut batches = log.batches(part, chain)?;
        while let Some(whole) = batches.read()? {
            let (Some(tip), Some(link)) = (whole.frame.tip(), whole.frame.link) else { break };
            if tip.revision > plan.head.revision && tip.revision <= plan.until {
                let after = Tip { revision: whole.frame.header.first.previous(), chain: link.before };
                pushing.take(after, tip, &whole.frame.records, whole.bytes)?;
                let done = pushing.head.revision.0 - plan.head.revision.0;
                on_step(Step { doing: "pushing", unit: Unit::Entries, done, total });
            }
        }
        chain = batches.chain();
    }
    pushing.send()?;
    Ok(pushing.head)
}

struct Pushing<'a> {
    session: &'a mut dyn OperatorSession,
    turn: u64,
    /// The head of the database.
    head: Tip,
    /// The frames that are pushed next.
    taken: Vec<Taken>,
    bytes: usize,
}

impl Pushing<'_> {
    /// Takes a frame, and pushes those that were taken if they are many.
    fn take(&mut self, after: Tip, tip: Tip, records: &[(Revision, &[u8])], bytes: &[u8]) -> Result<(), PushError> {
        let dated = |record: Option<&(Revision, &[u8])>| {
            let undated = |what| StatementError::NotDone(what);
            let (_, bytes) = record.ok_or_else(|| undated("a frame has no record".into()))?;
            record::recorded_at(bytes).map_err(|what| undated(what.into()))
        };
        let (first_at, last_at) = (dated(records.first())?, dated(records.last())?);
        self.taken.push(Taken { after, tip, first_at, last_at, bytes: bytes.to_vec() });
        self.bytes += bytes.len();
        if self.taken.len() >= FRAMES || self.bytes >= BYTES { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<(), PushError> {
        let (Some(first), Some(last)) = (self.taken.first(), self.taken.last()) else { return Ok(()) };
        let turn = self.turn;
        let frames: Vec<_> = self.taken.iter().map(|taken| taken.append(turn)).collect();
        if !self.session.push(&frames)? {
            let (first_at, first) = (first.first_at, first.after.revision.next());
            let head = self.session.turn()?;
            let answered_through = head.answered_through;
            if head.tip == self.head && answered_through >= first_at {
                return Err(PushError::Answered { answered_through, first });
            }
            return Err(PushError::NotTaken { at: head.tip.revision });
        }
        self.head = last.tip;
        self.taken.clear();
        self.bytes = 0;
        Ok(())
    }
}
