//! The writer: the only thread that changes the registry.
//!
//! The writer drains a bounded queue and decides each command against all earlier records. It then makes the batch
//! durable as one frame of the log, folds it into the index and the timelines, publishes the head, and replies. A
//! caller that disconnects does not undo a commit.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot};

use super::batch::Batch;
use super::errors::{ReadError, SubmitError, WriterFailed};
use super::head::{Head, ResidentCredential, ResidentProvider};
use super::preface::Preface;
use super::receipt::Receipt;
use super::shared::Shared;
use super::specialist_cache::SpecialistCache;
use super::staging::Draft;
use super::submission::{QueueSlot, Submission};
use crate::domain::day::Day;
use crate::domain::fact::{Fact, Reporter};
use crate::domain::id::Revision;
use crate::domain::record::RequestKey;
use crate::store::Store;
use crate::store::incident::Incident;
use crate::store::index::View as _;
use crate::store::log::AppendError;
use crate::store::record::Tip;

/// The maximum number of messages that are decided as one batch.
const BATCH: usize = 256;

/// How long after a refused batch a probe reports that the disk does not accept writes.
const REFUSES_ON: SignedDuration = SignedDuration::from_secs(5);

/// Sends the outcome of a command to its caller.
pub(super) struct Reply {
    answer: oneshot::Sender<Result<Outcome, SubmitError>>,
    /// The queue slot that the command holds until it is answered; `None` if it did not have to wait for one.
    _slot: Option<QueueSlot>,
}

impl Reply {
    /// Returns a reply and the receiver of its outcome.
    pub(super) fn channel(slot: Option<QueueSlot>) -> (Reply, oneshot::Receiver<Result<Outcome, SubmitError>>) {
        let (answer, receiver) = oneshot::channel();
        (Reply { answer, _slot: slot }, receiver)
    }

    /// Sends the outcome. It is dropped if the caller has disconnected.
    fn send(self, outcome: Result<Outcome, SubmitError>) {
        drop(self.answer.send(outcome));
    }
}

/// The outcome of a command that was not refused.
pub(super) enum Outcome {
    /// The command is recorded now.
    Decided(Box<Receipt>),
    /// The same request was recorded before, at this revision. Its receipt is rebuilt outside the writer.
    Recorded(Revision),
}

/// A message to the writer.
pub(super) enum Message {
    /// Decide a command.
    Submit(Box<Submission>, Reply),
    /// Record facts of the registry itself.
    Record(Vec<Fact>, Reply),
    /// Open every day up to this one.
    OpenDays(Day, oneshot::Sender<Result<(), SubmitError>>),
    /// Ensure that no later record is dated at or before this instant, even after a restart.
    Settle(Timestamp, oneshot::Sender<io::Result<()>>),
    /// Report whether a command would be recorded.
    Probe(oneshot::Sender<bool>),
    /// Process the queued messages, then end.
    Close,
}

/// A decided message that waits for the commit of its batch.
pub(super) enum Decided {
    Command(Reply, Result<Outcome, SubmitError>),
    Opened(oneshot::Sender<Result<(), SubmitError>>, Result<(), SubmitError>),
    Settled(oneshot::Sender<io::Result<()>>, io::Result<()>),
    Probed(oneshot::Sender<bool>, bool),
}

/// The writer thread and its state.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) store: Store,
    /// The files of recently used people, as of the head.
    pub(super) specialist_cache: SpecialistCache,
    /// When the disk last refused a batch; `None` once it has accepted one since.
    pub(super) refused_at: Option<Timestamp>,
    /// Counts the batches that the disk refuses, for the log.
    pub(super) refusals: Incident,
    /// The facts to record before anything else.
    pub(super) preface: Preface,
}

/// Why a batch was not committed.
pub(super) enum NotCommitted {
    /// The disk refused the batch and nothing was recorded. `full`: because it has no room.
    Refused { full: bool },
    /// The writer must not write any more.
    Failed(WriterFailed),
}

impl From<NotCommitted> for SubmitError {
    fn from(refusal: NotCommitted) -> SubmitError {
        match refusal {
            NotCommitted::Refused { full: true } => SubmitError::StoreFull,
            NotCommitted::Refused { full: false } => SubmitError::NotWritten,
            NotCommitted::Failed(_) => SubmitError::OutcomeUnknown,
        }
    }
}

impl Writer {
    /// Runs until it receives [`Message::Close`] or the disk fails. Returns the store, for the caller to close.
    pub(super) fn run(mut self, mut mailbox: mpsc::Receiver<Message>) -> Result<Store, WriterFailed> {
        while let Some(first) = mailbox.blocking_recv() {
            let mut messages = vec![first];
            while messages.len() < BATCH
                && let Ok(message) = mailbox.try_recv()
            {
                messages.push(message);
            }
            if self.process(messages)? {
                break;
            }
        }
        self.shared.timeline_cache.close();
        Ok(self.store)
    }

    /// Returns an empty batch on top of the published head. The batch takes the cached files; unless it is committed,
    /// they are read from the index again.
    pub(super) fn new_batch<'s>(&mut self, shared: &'s Arc<Shared>) -> Result<Batch<'s>, ReadError> {
        let head = Head::clone(&shared.head.load());
        Batch::new(shared, head, self.store.answered_through(), self.specialist_cache.take())
    }

    /// Decides a batch, commits it and replies. Returns true if the writer was asked to close.
    pub(super) fn process(&mut self, messages: Vec<Message>) -> Result<bool, WriterFailed> {
        let shared = Arc::clone(&self.shared);
        let mut batch = match self.new_batch(&shared) {
            Ok(batch) => batch,
            Err(error) => return self.refuse_all(messages, error),
        };
        let mut decided = Vec::with_capacity(messages.len());
        let mut closing = false;
        for message in messages {
            match message {
                Message::Submit(submission, reply) => {
                    let outcome = self.submit(&mut batch, *submission);
                    decided.push(Decided::Command(reply, outcome));
                }
                Message::Record(facts, reply) => {
                    let draft = Draft { reporter: Reporter::registry(), request: None, note: String::new(), facts };
                    let outcome = batch.add(draft).map(|receipt| Outcome::Decided(Box::new(receipt)));
                    decided.push(Decided::Command(reply, outcome));
                }
                Message::OpenDays(through, reply) => {
                    let opened = self.catch_up(&mut batch, through);
                    decided.push(Decided::Opened(reply, opened));
                }
                Message::Settle(instant, reply) => {
                    let kept = self.store.advance_answered(instant);
                    batch.not_before = self.store.answered_through();
                    decided.push(Decided::Settled(reply, kept));
                }
                Message::Probe(reply) => decided.push(Decided::Probed(reply, self.takes_writes())),
                Message::Close => closing = true,
            }
        }
        let committed = self.commit(batch);
        // Every record dated at or before this instant is published now; none will be added later.
        shared.answered_through.store(self.store.answered_through().as_microsecond(), Ordering::Release);
        match committed {
            Ok(tips) => {
                let head = shared.head.load();
                decided.into_iter().for_each(|decided| decided.with_token(&head, &tips).answer());
            }
            Err(NotCommitted::Refused { full }) => {
                self.refuse(decided, || if full { SubmitError::StoreFull } else { SubmitError::NotWritten });
            }
            Err(NotCommitted::Failed(failure)) => {
                self.refuse(decided, || SubmitError::OutcomeUnknown);
                return Err(failure);
            }
        }
        Ok(closing)
    }

    /// True if the disk has room and has not refused a batch within [`REFUSES_ON`].
    fn takes_writes(&self) -> bool {
        let now = self.shared.clock.now();
        let refuses = self.refused_at.is_some_and(|refused| now.duration_since(refused) < REFUSES_ON);
        !refuses && self.store.has_room()
    }

    /// Refuses a batch because the index is broken. A disk that runs full breaks the index; only a restart rebuilds it,
    /// and the rebuild needs room. While the disk is full the process stays up and answers from memory. Once there is
    /// room, or on close, the process must end, and it ends with this error.
    fn refuse_all(&self, messages: Vec<Message>, error: ReadError) -> Result<bool, WriterFailed> {
        let is_full = !self.store.has_room();
        let refusal = || if is_full { SubmitError::StoreFull } else { SubmitError::NotWritten };
        let mut closing = false;
        for message in messages {
            match message {
                Message::Submit(_, reply) | Message::Record(_, reply) => reply.send(Err(refusal())),
                Message::OpenDays(_, reply) => drop(reply.send(Err(refusal()))),
                Message::Probe(reply) => drop(reply.send(false)),
                Message::Settle(..) => {}
                Message::Close => closing = true,
            }
        }
        if is_full && !closing { Ok(false) } else { Err(WriterFailed(error.into())) }
    }

    /// Stages the preface, unless it is recorded, and every day after today up to `through`.
    fn catch_up(&self, batch: &mut Batch<'_>, through: Day) -> Result<(), SubmitError> {
        if !self.shared.is_prefaced.load(Ordering::Acquire) {
            // Staging the preface can take long; do not start if it could not be written.
            if !self.store.has_room() {
                return Err(SubmitError::StoreFull);
            }
            self.preface.add_to(batch)?;
        }
        Writer::open_days(batch, through)
    }

    /// Opens every day after today up to `through`, in order.
    pub(super) fn open_days(batch: &mut Batch<'_>, through: Day) -> Result<(), SubmitError> {
        while batch.head.today < through {
            let day = batch.head.today.next();
            // Changes that were due on an earlier day are already recorded.
            batch.open_day(day, batch.pending.due(day, day)?)?;
        }
        Ok(())
    }

    /// Decides a command on top of the batch, unless the same request was recorded before.
    fn submit(&self, batch: &mut Batch<'_>, submission: Submission) -> Result<Outcome, SubmitError> {
        let Submission { method, request_id, .. } = submission;
        let recorded = batch.pending.request(&submission.reporter.client, method, request_id)?;
        let (key, content) = (self.store.request_key(), &submission.content);
        match recorded {
            Some((_, digest)) if !content.has_digest(key, &digest, request_id) => Err(SubmitError::RequestIdReused),
            Some((revision, _)) => Ok(Outcome::Recorded(revision)),
            None => {
                let request = self.request_key(&submission);
                Ok(Outcome::Decided(Box::new(batch.submit(submission, request)?)))
            }
        }
    }

    /// Returns the key under which a repeated request finds its receipt.
    pub(super) fn request_key(&self, submission: &Submission) -> RequestKey {
        RequestKey {
            method: submission.method.to_owned(),
            request_id: submission.request_id,
            digest: submission.content.digest(self.store.request_key()),
        }
    }

    /// Replies after the disk refused a batch. From the first granted change on, every outcome becomes the disk error:
    /// a later rejection may have depended on a record that was not written. Earlier outcomes are sent as decided, and
    /// so are requests whose records were durable before.
    fn refuse(&self, decided: Vec<Decided>, error: impl Fn() -> SubmitError) {
        let durable = self.shared.head.load().revision;
        let mut is_built_on = false;
        for decided in decided {
            if decided.was_recorded_before(durable) {
                decided.answer();
                continue;
            }
            is_built_on |= decided.is_granted();
            match decided {
                Decided::Command(reply, _) if is_built_on => reply.send(Err(error())),
                Decided::Opened(reply, _) if is_built_on => drop(reply.send(Err(error()))),
                other => other.answer(),
            }
        }
    }

    /// Makes the batch durable, folds it and publishes the head. Returns the tip of each record.
    pub(super) fn commit(&mut self, batch: Batch<'_>) -> Result<Vec<Tip>, NotCommitted> {
        if batch.records.is_empty() {
            self.specialist_cache = batch.specialist_cache.into_inner();
            return Ok(Vec::new());
        }
        let failed = |error| NotCommitted::Failed(WriterFailed(error));
        let tips = match self.store.commit(&batch.records) {
            Ok(tips) => {
                self.refused_at = None;
                if self.refusals.resolve() {
                    tracing::info!(event = "commit_recovered", "commits succeed again");
                }
                tips
            }
            Err(error @ AppendError::OutcomeUnknown(_)) => return Err(failed(error.into())),
            Err(error) => {
                if let Some(times) = self.refusals.occurred() {
                    tracing::warn!(
                        event = "commit_failed",
                        times,
                        error = &error as &dyn std::error::Error,
                        "commit failed, nothing was recorded"
                    );
                }
                self.refused_at = Some(self.shared.clock.now());
                return Err(NotCommitted::Refused { full: matches!(error, AppendError::DiskFull) });
            }
        };
        let Batch { pending, records, head, providers, timelines, specialist_cache, .. } = batch;
        self.specialist_cache = specialist_cache.into_inner();
        self.shared.index.fold(pending).map_err(|error| failed(error.into()))?;
        for file in providers.into_values() {
            self.shared.insert_provider(ResidentProvider { changed_at: head.revision, file });
        }
        let timelines = timelines.into_values();
        let changed_at = head.revision;
        self.shared.timeline_cache.replace(timelines.map(|timeline| ResidentCredential { changed_at, timeline }));
        self.shared.recent_records.put(records);
        if !self.shared.is_prefaced.load(Ordering::Acquire) {
            self.shared.is_prefaced.store(self.preface.is_on_record(&head), Ordering::Release);
        }
        let token = head.token_of(self.store.tip());
        self.shared.publish(Head { token, ..head });
        Ok(tips)
    }
}

impl Decided {
    /// True if the request was recorded before and its record is durable.
    fn was_recorded_before(&self, durable: Revision) -> bool {
        matches!(self, Decided::Command(_, Ok(Outcome::Recorded(revision))) if *revision <= durable)
    }

    /// True if it asked for a change and was accepted.
    fn is_granted(&self) -> bool {
        match self {
            Decided::Command(_, outcome) => outcome.is_ok(),
            Decided::Opened(_, opened) => opened.is_ok(),
            Decided::Settled(..) | Decided::Probed(..) => false,
        }
    }

    /// Adds the token to the receipt of a record that is durable now.
    fn with_token(mut self, head: &Head, tips: &[Tip]) -> Decided {
        if let Decided::Command(_, Ok(Outcome::Decided(receipt))) = &mut self {
            let at = tips.binary_search_by_key(&receipt.revision, |tip| tip.revision).ok();
            receipt.token = at.and_then(|at| head.token_of(tips.get(at)?));
        }
        self
    }

    /// Replies. The outcome is dropped if the caller has disconnected.
    fn answer(self) {
        match self {
            Decided::Command(reply, outcome) => reply.send(outcome),
            Decided::Opened(reply, outcome) => drop(reply.send(outcome)),
            Decided::Settled(reply, kept) => drop(reply.send(kept)),
            Decided::Probed(reply, answer) => drop(reply.send(answer)),
        }
    }
}
