//! The writer: the only thread that changes the registry.
//!
//! The writer drains a bounded queue and decides each command against all earlier records. It then makes the batch
//! durable as one frame of the log, folds it into the index and the timelines, publishes the head, and replies. A
//! caller that disconnects does not undo a commit.
//!
//! Other processes may append to the same log. A batch that was decided without knowing their records is not appended:
//! the writer follows them, as if they were its own, and decides again. A batch that appends nothing, and refuses
//! something, is answered only if the head that it was decided on was then still the head of the log.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use jiff::Timestamp;
use tokio::sync::mpsc;

use super::batch::Batch;
use super::errors::{ReadError, SubmitError, SubmitErrorSource, WriterFailed};
use super::figures::CommitFailure;
use super::following::TRIES;
use super::head::{Head, ResidentProvider};
use super::mailbox::Mailbox;
use super::message::{Message, Outcome};
use super::not_committed::{NotCommitted, Refusal};
use super::preface::Preface;
use super::shared::Shared;
use super::specialist_cache::SpecialistCache;
use super::submission::Submission;
use crate::domain::day::Day;
use crate::domain::fact::RegistryFact;
use crate::domain::id::Revision;
use crate::domain::record::{Record, RequestKey};
use crate::store::Store;
use crate::store::incident::Incident;
use crate::store::index::View as _;
use crate::store::log::trouble::Trouble;
use crate::store::log::{AppendError, StoredRecord};
use crate::store::record::{self, Tip};
use crate::store::redaction;

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
    /// The queue of messages. It is empty until [`Writer::run`].
    pub(super) mailbox: Mailbox,
}

impl Writer {
    /// Runs until it receives [`Message::Close`] or the disk fails. Returns the store, for the caller to close.
    pub(super) fn run(mut self, mailbox: mpsc::Receiver<Message>) -> Result<Store, WriterFailed> {
        self.mailbox = Mailbox::of(mailbox);
        while let Some(mut messages) = self.mailbox.wait() {
            self.shared.progress.set_busy(true);
            if self.store.is_shared() {
                self.mailbox.linger(&mut messages);
            }
            let messages = self.refuse_in_trouble(messages);
            if self.process(messages)? {
                break;
            }
            self.shared.progress.set_busy(false);
        }
        self.shared.timeline_cache.close();
        Ok(self.store)
    }

    /// Returns an empty batch on top of the published head. The batch takes the cached files; unless it is committed,
    /// they are read from the index again.
    pub(super) fn new_batch<'s>(&mut self, shared: &'s Arc<Shared>) -> Result<Batch<'s>, ReadError> {
        let head = Head::clone(&shared.head.load());
        let mut batch = Batch::new(shared, head, self.store.not_before(), self.specialist_cache.take())?;
        batch.clock_ahead = self.store.clock_ahead();
        Ok(batch)
    }

    /// Decides a batch, commits it and replies. Returns true if the writer was asked to close.
    pub(super) fn process(&mut self, mut messages: Vec<Message>) -> Result<bool, WriterFailed> {
        let closing = messages.iter().any(|message| matches!(message, Message::Close));
        for _ in 0..TRIES {
            let attempted = self.attempt(&mut messages);
            if let Some(failure) = attempted.as_ref().err().and_then(NotCommitted::failure) {
                self.count(failure, &messages);
            }
            match attempted {
                Ok(tips) => {
                    let head = self.shared.head.load();
                    messages.iter_mut().for_each(|message| message.add_token(&head, &tips));
                    messages.into_iter().for_each(Message::answer);
                    return Ok(closing);
                }
                Err(NotCommitted::HeadMoved) => {
                    // What was decided is void, a repetition within the batch too: the next attempt may not come to it.
                    messages.iter_mut().for_each(|message| message.refuse(Refusal::Busy.error()));
                }
                Err(NotCommitted::Refused(refusal)) => {
                    self.refuse(messages, || refusal.error());
                    return Ok(closing);
                }
                Err(NotCommitted::Undecided(error)) => return self.refuse_all(messages, error),
                Err(NotCommitted::Failed(failure)) => {
                    let is_surely_not_recorded = failure.0.is_before_append();
                    self.refuse(messages, || match is_surely_not_recorded {
                        true => SubmitError::Log(Arc::new(Trouble::unreachable(&failure))),
                        false => SubmitError::OutcomeUnknown,
                    });
                    return Err(failure);
                }
            }
        }
        self.count(CommitFailure::Busy, &messages);
        self.refuse(messages, || Refusal::Busy.error());
        Ok(closing)
    }

    /// Counts a batch that was not committed, if it had commands.
    fn count(&self, failure: CommitFailure, messages: &[Message]) {
        if messages.iter().any(Message::may_record) {
            self.shared.figures.failed(failure);
        }
    }

    /// Decides every message on top of all records that this process knows, and commits the batch. Returns the tip of
    /// each record.
    fn attempt(&mut self, messages: &mut Vec<Message>) -> Result<Vec<Tip>, NotCommitted> {
        self.follow()?;
        if messages.iter().any(|message| matches!(message, Message::Follow(_))) {
            self.reach()?;
        }
        self.settle(messages)?;
        let staged = self.lock(messages)?;
        let tips = self.attempt_after(&staged, messages);
        self.store.unlock();
        tips
    }

    /// Decides every message, also on top of records that may not last, and commits the batch. Returns the tip of each
    /// of its own records.
    fn attempt_after(&mut self, staged: &[StoredRecord], messages: &mut [Message]) -> Result<Vec<Tip>, NotCommitted> {
        let shared = Arc::clone(&self.shared);
        let mut batch = self.new_batch(&shared)?;
        self.stage(&mut batch, staged)?;
        for message in messages.iter_mut() {
            let begun = Instant::now();
            self.decide(&mut batch, message);
            self.mailbox.decided(message, begun.elapsed());
        }
        // What is answered depends on what was staged, and that must last.
        let is_answerable = batch.foreign == 0 && !messages.iter().any(Message::depends_on_head);
        if batch.own().is_empty() && !is_answerable {
            self.in_log(Store::confirm).map_err(|error| self.not_committed(error))?;
        }
        self.commit(batch)
    }

    /// Calls the log, which may wait for a disk or a database.
    pub(super) fn in_log<T>(&mut self, call: impl FnOnce(&mut Store) -> T) -> T {
        self.shared.progress.in_log(|| call(&mut self.store))
    }

    /// Publishes every record that is in the log now.
    fn reach(&mut self) -> Result<(), NotCommitted> {
        let head = self.in_log(Store::reach).map_err(|error| self.not_committed(error))?;
        self.follow()?;
        if self.store.head() < head { Err(NotCommitted::HeadMoved) } else { Ok(()) }
    }

    /// Decides a message on top of a batch.
    fn decide(&self, batch: &mut Batch<'_>, message: &mut Message) {
        match message {
            Message::Submit(submission, reply) => reply.decide(self.submit(batch, submission)),
            Message::OpenDays(through, reply) => reply.decide(self.catch_up(batch, *through)),
            Message::Follow(reply) => reply.decide(Ok(batch.head.revision)),
            Message::Probe(reply) => reply.decide(self.takes_writes()),
            Message::Settle(..) | Message::Heard | Message::Close => {}
        }
    }

    /// Makes the answers to questions by time final, up to the latest instant that a message asks for.
    fn settle(&mut self, messages: &mut [Message]) -> Result<(), NotCommitted> {
        let Some(latest) = messages.iter().filter_map(Message::unsettled).max() else { return Ok(()) };
        let settled = match self.in_log(|store| store.settle(latest)) {
            Ok(through) => {
                self.follow()?;
                if self.store.head() < through {
                    return Err(NotCommitted::HeadMoved);
                }
                // Every record dated at or before this instant is published now; none will be added later.
                self.shared.answered_through.fetch_max(latest.as_microsecond(), Ordering::AcqRel);
                Ok(())
            }
            Err(error) => Err(Arc::new(error)),
        };
        messages.iter_mut().for_each(|message| message.settle(&settled));
        Ok(())
    }

    /// Refuses a batch because the index is broken. A disk that runs full breaks the index; only a restart rebuilds it,
    /// and the rebuild needs room. While the disk is full the process stays up and answers from memory. Once there is
    /// room, or on close, the process must end, and it ends with this error.
    fn refuse_all(&self, mut messages: Vec<Message>, error: ReadError) -> Result<bool, WriterFailed> {
        let refusal = if self.store.has_room() { Refusal::NotWritten } else { Refusal::Full };
        let closing = messages.iter().any(|message| matches!(message, Message::Close));
        for message in &mut messages {
            message.refuse(refusal.error());
            if let Message::Probe(reply) = message {
                reply.decide(false);
            }
        }
        messages.into_iter().for_each(Message::answer);
        if matches!(refusal, Refusal::Full) && !closing { Ok(false) } else { Err(WriterFailed(error.into())) }
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
            let date = batch.head.today.next();
            batch.add_own(RegistryFact::DayOpened { date })?;
        }
        Ok(())
    }

    /// Decides a command on top of the batch, unless the same request was recorded before.
    fn submit(&self, batch: &mut Batch<'_>, submission: &Submission) -> Result<Outcome, SubmitError> {
        let (method, request_id) = (submission.method, submission.request_id);
        let recorded = batch.pending.request(&submission.reporter.client, method, request_id)?;
        let (key, content) = (self.store.request_key(), &submission.content);
        match recorded {
            Some((_, digest)) if !content.has_digest(key, &digest, request_id) => Err(SubmitError::RequestIdReused),
            Some((revision, _)) => Ok(Outcome::Recorded(revision)),
            None => {
                let request = self.request_key(submission);
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

    /// Replies after the log refused a batch. From the first granted change on, every outcome becomes the error: a
    /// later rejection may have depended on a record that was not written. Earlier outcomes are sent as decided, unless
    /// other processes may have recorded something meanwhile. Requests whose records were durable before are answered.
    fn refuse(&self, messages: Vec<Message>, error: impl Fn() -> SubmitError) {
        let durable = self.shared.kept(self.shared.head.load().revision);
        let mut is_built_on = self.store.is_shared();
        for mut message in messages {
            is_built_on |= message.is_granted() && !message.was_recorded_before(durable);
            if is_built_on && !message.was_recorded_before(durable) {
                message.refuse(error());
            }
            message.answer();
        }
    }

    /// Applies and publishes the records that other processes appended, as far as they are known to be durable.
    pub(super) fn follow(&mut self) -> Result<(), NotCommitted> {
        loop {
            let followed = self.in_log(Store::follow).map_err(|error| self.not_committed(error))?;
            if followed.is_empty() {
                return Ok(());
            }
            let shared = Arc::clone(&self.shared);
            let mut batch = self.new_batch(&shared)?;
            for (revision, bytes) in followed {
                if !self.add_foreign(&mut batch, revision, &bytes)? {
                    return Err(NotCommitted::failed(SubmitErrorSource::OtherChanges(revision)));
                }
            }
            self.publish(batch)?;
        }
    }

    /// Stages a record that another process appended. Returns false if it changes something else here than it changed
    /// there. The writer must end at a record after which it cannot go on.
    pub(super) fn add_foreign(
        &self,
        batch: &mut Batch<'_>,
        revision: Revision,
        bytes: &[u8],
    ) -> Result<bool, NotCommitted> {
        let record = record::decode(revision, bytes).map_err(ReadError::from)?;
        self.preface.refuse_newer(&record).map_err(NotCommitted::failed)?;
        let is_same = batch.follow(&record, self.preface.semantics_version)?;
        match batch.head.history.moved_from(self.store.log_id()) {
            Some(moved) => Err(NotCommitted::failed(moved.clone())),
            None => Ok(is_same),
        }
    }

    /// Makes the batch durable, folds it and publishes the head. Returns the tip of each record of its own. If it has
    /// none, the others must be confirmed.
    pub(super) fn commit(&mut self, mut batch: Batch<'_>) -> Result<Vec<Tip>, NotCommitted> {
        if batch.records.is_empty() {
            self.specialist_cache = batch.take_files();
            return Ok(Vec::new());
        }
        let begun = Instant::now();
        let tips = self.in_log(|store| store.commit(batch.own())).map_err(|error| self.not_committed(error))?;
        let append = begun.elapsed();
        self.mailbox.kept(append);
        if !tips.is_empty() {
            self.refused_at = None;
            if self.refusals.resolve() {
                tracing::info!(event = "commit_recovered", "commits succeed again");
            }
        }
        self.publish(batch)?;
        if !tips.is_empty() {
            self.shared.figures.committed(u32::try_from(tips.len()).unwrap_or(u32::MAX), append, begun.elapsed());
        }
        Ok(tips)
    }

    /// Notes why the log did not accept a batch.
    pub(super) fn not_committed(&mut self, error: AppendError) -> NotCommitted {
        let refusal = match error {
            AppendError::ClockSkewed { by } if self.store.adjust_clock(by) => return NotCommitted::HeadMoved,
            AppendError::HeadMoved { .. } | AppendError::NotBefore { .. } => return NotCommitted::HeadMoved,
            AppendError::OutcomeUnknown(_)
            | AppendError::Diverged { .. }
            | AppendError::Forgotten
            | AppendError::NotAlone
            | AppendError::OtherEpoch { .. } => return NotCommitted::failed(error),
            AppendError::DiskFull => Refusal::Full,
            AppendError::InDoubt => Refusal::InDoubt,
            ref other => match Trouble::of(other) {
                Some(trouble) => Refusal::Log(Arc::new(trouble)),
                None => Refusal::NotWritten,
            },
        };
        // The status of a shared log says what is wrong with it, and when that is over.
        if !matches!(refusal, Refusal::Log(_)) {
            if let Some(times) = self.refusals.occurred_for(&error.to_string()) {
                tracing::warn!(
                    event = "commit_failed",
                    times,
                    error = &error as &dyn std::error::Error,
                    "commit failed, nothing was recorded"
                );
            }
            self.refused_at = (!matches!(refusal, Refusal::InDoubt)).then(|| self.shared.clock.now());
        }
        NotCommitted::Refused(refusal)
    }

    /// Folds a batch that is durable, and publishes its head.
    fn publish(&mut self, mut batch: Batch<'_>) -> Result<(), NotCommitted> {
        self.specialist_cache = batch.take_files();
        let Batch { pending, records, head, providers, timelines, joined, .. } = batch;
        self.shared.index.fold(pending).map_err(NotCommitted::failed)?;
        let is_redaction = records.iter().any(Record::redacts_somebody);
        for file in providers.into_values() {
            self.shared.insert_provider(ResidentProvider { changed_at: head.revision, file });
        }
        let timelines: Vec<_> = timelines.into_values().collect();
        self.shared.timeline_cache.replace(&timelines, head.revision, joined);
        self.shared.recent_records.put(records);
        if !self.shared.is_prefaced.load(Ordering::Acquire) {
            self.shared.is_prefaced.store(self.preface.is_on_record(&head), Ordering::Release);
        }
        let token = head.token_of(self.store.tip());
        self.shared.publish(Head { token, ..head });
        if is_redaction && redaction::is_pending(&self.shared.index).map_err(NotCommitted::failed)? {
            return Err(NotCommitted::failed(SubmitErrorSource::Redacted));
        }
        Ok(())
    }
}
