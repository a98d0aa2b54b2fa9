//! The registry: the use cases, on top of the store.
//!
//! In reading order: [`head`], what is resident and published; [`snapshot`] and [`question`], how questions are answered;
//! the writer and its batch, how commands change it; [`registry_history`] and [`clock`], the day and the rules that hold.
//!
//! A question pins the published head once and never waits for a write. A command is answered when its batch is durable,
//! folded and published: read-your-writes.

#[cfg(test)]
mod answered;
mod batch;
mod bulk_load;
pub mod check;
pub mod clock;
mod content;
mod day_rollover;
mod decision_context;
mod dry_run;
mod due_dates;
mod errors;
pub mod feed;
pub mod filters;
pub mod head;
mod historical_cache;
mod impact;
pub mod list;
mod open;
mod preface;
pub mod question;
mod receipt;
mod recent_records;
pub mod registry_history;
pub mod scrub;
pub mod seal;
pub mod search;
mod semantics_upgrade;
mod shared;
pub mod snapshot;
mod specialist_cache;
mod staff;
mod standstill;
mod submission;
mod timeline_cache;
mod timeline_loading;
mod writer;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::Either;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use uuid::Uuid;

pub use self::bulk_load::{LoadBatch, LoadError, LoadOptions, Loader};
use self::clock::Clock;
pub use self::content::Content;
pub use self::decision_context::Numbers;
pub use self::errors::{Held, OpenError, PinError, ReadError, SubmitError, WriterFailed};
use self::head::Head;
pub use self::open::{Opened, Options};
pub use self::receipt::{Receipt, ReportedJob, Resource};
use self::shared::Shared;
use self::snapshot::{KnownAt, Snapshot};
pub use self::submission::Submission;
use self::writer::{Message, Outcome, Reply};
use crate::domain::day::Day;
use crate::domain::id::Revision;
use crate::store::index::View as _;
pub use crate::store::trouble;

/// How many commands may wait for the writer.
const QUEUE: usize = 4096;

/// How many of them may be of those who would rather wait than be refused, and have many.
const PLACES: usize = 256;

/// The version of the walk. Answers are byte-equal within one.
pub const SEMANTICS_VERSION: u32 = 2;

/// The registry, as its callers see it. Clones share it.
#[derive(Clone)]
pub struct Registry {
    shared: Arc<Shared>,
    writer: mpsc::Sender<Message>,
    places: Arc<Semaphore>,
    /// For dry runs and replays under way.
    dry_runs: Arc<Semaphore>,
}

/// A place among the commands that wait for the writer, for one.
pub struct Place(#[expect(dead_code, reason = "it is given back where it is dropped")] OwnedSemaphorePermit);

impl Registry {
    /// The published head.
    pub fn head(&self) -> Arc<Head> {
        self.shared.head.load_full()
    }

    /// The revision of the published head.
    pub fn head_revision(&self) -> Revision {
        self.shared.head.load().revision
    }

    /// The id of the registry: the epoch of its first record, which no restore and no accepted loss changes.
    pub fn id(&self) -> Option<Uuid> {
        self.head().chronicle.registry_id()
    }

    /// The epoch that begins right after a revision, if one does.
    pub fn epoch_after(&self, revision: Revision) -> Option<Uuid> {
        self.head().chronicle.epoch_after(revision)
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.shared.clock
    }

    /// Begins to read the log over. What it finds decides whether writes are taken. An error: there is no thread for it.
    pub fn begin_scrub(&self, pace: scrub::Pace) -> std::io::Result<scrub::Scrub> {
        let damage = self.shared.damage.clone();
        scrub::Scrubber { log: Arc::clone(&self.shared.log) }.begin(pace, move |scrubbed| damage.found(scrubbed))
    }

    /// Records what a command asks for, unless the rules or the disk refuse.
    pub async fn submit(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.hand_in(submission, None).await?.await
    }

    /// Waits for a place, of those for whoever has many commands. It is taken until the one is answered that it is for.
    pub async fn place(&self) -> Option<Place> {
        Arc::clone(&self.places).acquire_owned().await.ok().map(Place)
    }

    /// Hands a command in, to be decided after those handed in before it; the next one need not wait for the future. A
    /// command that is only to be validated never comes to the writer: it is judged by the published head.
    pub async fn hand_in(
        &self,
        submission: Submission,
        place: Option<Place>,
    ) -> Result<impl Future<Output = Result<Receipt, SubmitError>> + use<>, SubmitError> {
        if self.shared.damage.is_there() {
            return Err(SubmitError::StoreDamaged);
        }
        self.keep_up().await?;
        let registry = self.clone();
        if submission.validate_only {
            return Ok(Either::Left(async move { (registry.validate(submission).await, place).0 }));
        }
        let role = submission.reporter.role.clone();
        let (reply, answer) = Reply::channel(place);
        self.writer.try_send(Message::Submit(Box::new(submission), reply)).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => SubmitError::Busy,
            mpsc::error::TrySendError::Closed(_) => SubmitError::Read(ReadError::Interrupted),
        })?;
        Ok(Either::Right(async move {
            match answer.await.unwrap_or(Err(SubmitError::OutcomeUnknown))? {
                Outcome::Decided(receipt) => Ok(*receipt),
                Outcome::Recorded(revision) => registry.answer_again(revision, role).await,
            }
        }))
    }

    /// Whether a command would be taken at the moment, by the calendar, by the disk, and by what the scrub has found.
    pub async fn takes_writes(&self) -> bool {
        let is_held = self.shared.due_through(&self.shared.head.load()).is_err() || self.shared.damage.is_there();
        let (reply, answer) = oneshot::channel();
        let asked = self.writer.send(Message::Probe(reply)).await;
        !is_held && asked.is_ok() && answer.await.unwrap_or(false)
    }

    /// Opens every day up to this one.
    pub async fn open_days(&self, through: Day) -> Result<(), SubmitError> {
        let (reply, answer) = oneshot::channel();
        let message = Message::OpenDays(through, reply);
        self.writer.send(message).await.map_err(|_| SubmitError::Read(ReadError::Interrupted))?;
        answer.await.unwrap_or(Err(SubmitError::OutcomeUnknown))
    }

    /// Opens the days that have begun since the last one opened.
    async fn keep_up(&self) -> Result<(), SubmitError> {
        let due = self.shared.due_through(&self.shared.head.load());
        match due.map_err(SubmitError::CalendarHeld)? {
            None => Ok(()),
            Some(due) => self.open_days(due).await,
        }
    }

    /// The same for a question: if the registry cannot write, it is answered by the last opened day. An opening that was
    /// refused is not tried again for some seconds.
    async fn keep_up_or_go_on(&self) {
        let standstill = &self.shared.standstill;
        if standstill.was_refused_just_now() {
            return;
        }
        match self.keep_up().await {
            Ok(()) => standstill.end(),
            Err(error) => standstill.meet(&error),
        }
    }

    /// Pins the state of knowledge that a question names.
    pub async fn pin(&self, known_at: KnownAt) -> Result<Snapshot, PinError> {
        self.keep_up_or_go_on().await;
        match known_at {
            KnownAt::Head => Ok(self.pin_head()),
            KnownAt::Revision(epoch, revision) => {
                self.refuse_other_history(epoch, revision)?;
                let head = self.head_revision();
                if revision > head {
                    return Err(PinError::BeyondHead { asked: revision, head });
                }
                Ok(self.pin_revision(revision).await?)
            }
            KnownAt::Time(epoch, instant) => {
                let revision = self.revision_at(instant).await?;
                self.refuse_other_history(epoch, revision)?;
                Ok(self.pin_revision(revision).await?)
            }
        }
    }

    /// Pins the head.
    pub fn pin_head(&self) -> Snapshot {
        let head = self.shared.head.load();
        self.shared.snapshot(&head, head.revision, Some(head.recorded_at))
    }

    async fn pin_revision(&self, revision: Revision) -> Result<Snapshot, ReadError> {
        if let Some(snapshot) = self.shared.at_once(revision) {
            return Ok(snapshot);
        }
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.at(revision));
        read.await.map_err(|_| ReadError::Interrupted)?
    }

    /// The last record at or before an instant. Once this is answered no later record is dated so, nor after a restart: an
    /// instant that was answered for once is answered for by a clock that was set back, too.
    async fn revision_at(&self, instant: Timestamp) -> Result<Revision, PinError> {
        if instant.as_microsecond() > self.shared.answered_through.load(Ordering::Acquire) {
            self.settle(instant).await?;
        }
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || shared.index.revision_at(instant));
        Ok(read.await.map_err(|_| ReadError::Interrupted)?.map_err(ReadError::from)?)
    }

    /// Has no later record dated at or before an instant.
    async fn settle(&self, instant: Timestamp) -> Result<(), PinError> {
        if instant > self.shared.clock.now() {
            return Err(PinError::InTheFuture);
        }
        if instant < self.head().recorded_at {
            return Ok(());
        }
        let (reply, settled) = oneshot::channel();
        let sent = self.writer.send(Message::Settle(instant, reply)).await;
        sent.map_err(|_| ReadError::Interrupted)?;
        settled.await.map_err(|_| ReadError::Interrupted)?.map_err(PinError::NotKept)
    }

    /// A revision of an epoch that was left before it is no part of this history.
    fn refuse_other_history(&self, epoch: Option<Uuid>, revision: Revision) -> Result<(), PinError> {
        let Some(epoch) = epoch else { return Ok(()) };
        match self.head().chronicle.last_shared(epoch) {
            // Before the first record all histories are the same.
            None if revision > Revision::ZERO => Err(PinError::UnknownEpoch),
            Some(last_shared) if revision > last_shared => Err(PinError::HistoryChanged { last_shared }),
            None | Some(_) => Ok(()),
        }
    }

    /// Opens each civil day as it begins, until the registry closes.
    pub async fn keep_calendar(&self) {
        loop {
            self.keep_up_or_go_on().await;
            let until_then = self.head().day_ends_at.duration_since(self.shared.clock.now());
            // Clocks are set: look again now and then. A day that could not be opened is tried again soon.
            let wait = until_then.clamp(SignedDuration::from_secs(1), SignedDuration::from_secs(60));
            tokio::time::sleep(wait.unsigned_abs()).await;
        }
    }

    /// Starts to read in what questions would otherwise read in one by one.
    pub fn begin_to_read_in(&self) -> std::io::Result<()> {
        self.shared.begin_to_read_in()
    }

    /// Lets the writer finish what is queued and end.
    pub async fn close(&self) {
        // A writer that has ended already needs no telling.
        drop(self.writer.send(Message::Close).await);
    }
}
