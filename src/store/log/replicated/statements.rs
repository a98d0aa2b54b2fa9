//! The statements that a database must offer, so that several replicas can share a log in it.
//!
//! What a statement means is fixed here; what follows from it is decided in this folder, for every database. All
//! statements block. A replica has one statement under way at a time, in one session.
//!
//! The database keeps one row for the head of the log: the last revision, the chain up to it, its time, the turn, the
//! time that was answered through, and the incarnation that may be written. It keeps a row for each frame, and a row
//! for each replica.

use std::error::Error;
use std::fmt::{self, Display, Formatter};

use jiff::{SignedDuration, Timestamp};

use crate::domain::id::Revision;
use crate::store::record::{Hash, Tip};

/// How far ahead of the database's clock a record may be dated.
pub const AHEAD: SignedDuration = SignedDuration::from_secs(1);

/// How far the clocks of a replica and of the database may be apart. Beyond it, one of them is wrong.
pub const APART: SignedDuration = SignedDuration::from_secs(60);

/// The beat of a replica that compares only a part of what it knows. No database has counted as far.
pub const IN_PART: u64 = i64::MAX.unsigned_abs();

/// How far a clock is ahead of another one, in words and whole milliseconds; negative if it is behind.
pub struct Ahead(pub SignedDuration);

impl Display for Ahead {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let by = self.0.abs();
        let by = SignedDuration::new(by.as_secs(), by.subsec_millis().saturating_mul(1_000_000));
        write!(f, "{by:#} {}", if self.0.is_negative() { "behind" } else { "ahead of" })
    }
}

/// A database with a log.
pub trait Database: Send {
    /// Opens a session with a node that says it is the primary. Sets what the session needs, and refuses a node whose
    /// settings switch a guarantee off.
    fn connect(&mut self) -> Result<Box<dyn ReplicaSession>, StatementError>;
}

/// A session with one node of the database. After an error it is not used again.
pub trait Session: Send {
    /// Reads the end of the last frame that ends at or before a revision. It may not be durable.
    fn end_before(&mut self, revision: Revision) -> Result<Tip, StatementError>;

    /// Raises the turn, durably, so that no append sent with an earlier turn can succeed any more. It waits for those
    /// that are under way. Returns the head after it.
    fn turn(&mut self) -> Result<Head, StatementError>;

    /// Reads frames after a revision, in order, about as many bytes as asked for, and at least one frame if there is
    /// one. They may not be durable.
    fn frames(&mut self, after: Revision, bytes: usize) -> Result<Vec<Vec<u8>>, StatementError>;
}

/// The session of a replica.
pub trait ReplicaSession: Session {
    /// Appends a frame and moves the head to it, in one statement. Returns false if no row was touched, and the frame
    /// will then never be there. The head must be what the frame builds on. Its turn must be the given one, and it must
    /// be opened for the database's present incarnation. The times of the head must be before the first record's, and
    /// the last record's time at most [`AHEAD`] of the database's clock, or no later than the times of the head
    /// require.
    fn append(&mut self, append: &Append<'_>) -> Result<bool, StatementError>;

    /// Writes to the replica's row, durably: counts the beat, and notes the present incarnation as heard. Also notes it
    /// as checked if what the replica knows is part of the database's history, and else as not checked. With the beat
    /// [`IN_PART`], notes neither. Always notes the time that the replica knows as answered through. What it returns
    /// was read in the snapshot of the same statement. `None` if no row was touched: then it proves nothing.
    fn barrier(&mut self, known: &Known) -> Result<Option<Barrier>, StatementError>;

    /// Opens the database for writing, durably, once every replica has checked its present incarnation. A replica that
    /// was not heard from is passed over once the first attempt to open it is longer ago than this replica is set to
    /// wait.
    fn open(&mut self) -> Result<RollCall, StatementError>;

    /// Raises the time that was answered through, durably. `None` if no row was touched, because the time is later than
    /// the database's clock, or the database is not opened for its present incarnation.
    fn settle(&mut self, through: Timestamp) -> Result<Option<Head>, StatementError>;

    /// Puts back a time that was answered through, durably, if a restore lost it. The database may be closed. Returns
    /// false if the time is too far ahead of the database's clock.
    fn settle_again(&mut self, through: Timestamp) -> Result<bool, StatementError>;

    /// Begins a transaction, locks the head, and reads frames after a revision like [`Session::frames`], in a statement
    /// after the lock. The next statement of the session is in the same transaction, and ends it. It must be an append
    /// or a barrier. If the session is lost before, the transaction is undone.
    fn lock(&mut self, after: Revision, bytes: usize) -> Result<(Head, Vec<Vec<u8>>), StatementError>;

    /// Undoes the transaction that [`ReplicaSession::lock`] began, without waiting for it.
    fn unlock(&mut self) -> Result<(), StatementError>;

    /// Tells every replica that listens, without waiting for anything.
    fn notify(&mut self, text: &str) -> Result<(), StatementError>;
}

/// The session of an operator, after a restore of the database or for a move of the log.
pub trait OperatorSession: Session {
    /// Appends frames that follow each other, all or none, durably, while the database is not opened. Returns false if
    /// no row was touched. The head must be what the first frame builds on, with its turn, and the times of the head
    /// must be before the first record's.
    fn push(&mut self, frames: &[Append<'_>]) -> Result<bool, StatementError>;

    /// Appends the frame that begins an epoch, whether the database is opened or not. Returns false if no row was
    /// touched. Every replica must have been heard from in the present incarnation, and the times that they know as
    /// answered through must be before the record's. Apart from that, the conditions are those of
    /// [`ReplicaSession::append`] if the database is opened, and else those of [`OperatorSession::push`].
    fn begin_epoch(&mut self, append: &Append<'_>) -> Result<bool, StatementError>;

    /// Reads what the replicas noted.
    fn replicas(&mut self) -> Result<Replicas, StatementError>;
}

/// A frame to append.
#[derive(Clone, Copy, Debug)]
pub struct Append<'a> {
    /// What the frame builds on.
    pub after: Tip,
    /// The last record of the frame.
    pub tip: Tip,
    /// The turn of the head when it was last read.
    pub turn: u64,
    /// The time of the first record.
    pub first_at: Timestamp,
    /// The time of the last record.
    pub last_at: Timestamp,
    /// All bytes of the frame.
    pub frame: &'a [u8],
}

/// Who was asked before the database is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RollCall {
    /// The replicas that it waits for. If there are none, it is opened.
    pub waiting_for: Vec<String>,
    /// The replicas that were not heard from in time, and that are not waited for any more.
    pub passed_over: Vec<String>,
}

/// What the replicas noted in the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replicas {
    /// Those that have not been heard from in the present incarnation.
    pub unheard: Vec<String>,
    /// The greatest time that any of them knows as answered through.
    pub answered_through: Timestamp,
}

/// What a replica knows, to be compared with the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// The greatest beat that the database has acknowledged to this replica. Zero if none; [`IN_PART`] if the tip is
    /// not the latest that the replica knows.
    pub beat: u64,
    /// The latest record that the replica knows as confirmed. It ends a frame, or is before the first record.
    pub tip: Tip,
    /// The greatest time that the replica knows as answered through.
    pub answered_through: Timestamp,
}

/// The head of the log, as a durable statement read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The last record, and the chain up to it.
    pub tip: Tip,
    /// The turn.
    pub turn: u64,
    /// The time of the last record.
    pub recorded_at: Timestamp,
    /// No record may be dated at or before this time.
    pub answered_through: Timestamp,
}

/// What a barrier returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Barrier {
    /// The head.
    pub head: Head,
    /// The beat before this barrier. This one's is the next.
    pub beat_before: u64,
    /// The chain up to the record that the replica named. `None` if no frame ends with that record; before the first
    /// record, 32 zero bytes.
    pub chain_at_tip: Option<Hash>,
    /// True if the head is opened for the present incarnation, so that it may be written to.
    pub is_open: bool,
    /// The database's clock.
    pub clock: Timestamp,
}

/// Why a statement has no result.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// Surely nothing was done, and nothing will be: the statement was not sent, or the server refused it.
    #[error("the database refused, or cannot be reached")]
    NotDone(#[source] Box<dyn Error + Send + Sync>),
    /// It is not known whether it was done, and it may still be: the connection was lost, the time was over, or a
    /// warning came with the result.
    #[error("it is not known what became of a statement")]
    Unknown(#[source] Box<dyn Error + Send + Sync>),
    /// Like [`StatementError::Unknown`]: the database has not answered for as long as a caller may wait.
    #[error("the database did not answer in time")]
    Silent(#[source] Box<dyn Error + Send + Sync>),
    /// Nothing that counts was done: what the database acknowledges is not durable.
    #[error("what the database acknowledges is not durable")]
    DurabilityReduced(#[source] Box<dyn Error + Send + Sync>),
    /// Nothing that counts was done: the clocks of this machine and of the database are too far apart.
    #[error("the clock of this machine is {} the clock of the database", Ahead(*ahead))]
    ClocksApart {
        /// How far this machine's clock is ahead; negative if it is behind.
        ahead: SignedDuration,
    },
    /// The database contains what its rules forbid.
    #[error("the database is damaged")]
    Damaged(#[source] Box<dyn Error + Send + Sync>),
}
