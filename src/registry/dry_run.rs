//! Dry runs, replays and impacts: they only read, so they run outside the writer.
//!
//! A dry run decides a command against the published head, as the writer would. A replay rebuilds the receipt of a
//! request that was recorded before. An impact is everything that a record changed. Each may take seconds for a
//! provider with a large staff, so they run on the blocking thread pool, a few at a time, without delaying the writer.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::batch::Batch;
use super::errors::{ReadError, SubmitError};
use super::following::TRIES;
use super::handle::Registry;
use super::head::Head;
use super::receipt::Receipt;
use super::shared::Shared;
use super::specialist_cache::SpecialistCache;
use super::submission::Submission;
use crate::domain::fact::Role;
use crate::domain::id::Revision;
use crate::domain::record::{Change, Record, RequestKey};
use crate::store::index::View as _;

/// The maximum number that run at once; further ones wait.
pub(super) const DRY_RUNS: usize = 4;

/// The number of facts of people that a dry run caches: about 40 MB.
const FACTS_KEPT: usize = 128 * 1024;

/// Everything that a record changed.
#[derive(Clone, Debug)]
pub struct Impact {
    /// The record.
    pub revision: Revision,
    /// The changes for days up to its today.
    pub changes: Vec<Change>,
    /// The changes that it foresaw for later days.
    pub foreseen: Vec<Change>,
    /// The number of people in either list.
    pub specialist_count: u32,
}

impl Registry {
    /// Decides a command against the head. Records nothing. The receipt has at most `kept` of the changes foreseen.
    ///
    /// In a log that is shared, other processes may have recorded something that this one has not published. Then the
    /// command is decided again.
    pub(super) async fn validate(&self, submission: Submission, kept: usize) -> Result<Receipt, SubmitError> {
        let submission = Arc::new(submission);
        for _ in 0..TRIES {
            let submission = Arc::clone(&submission);
            let decided = self.run_outside_writer(move |shared| {
                let head = Head::clone(&shared.head.load());
                let (decided_on, files) = (head.revision, SpecialistCache::with_capacity(FACTS_KEPT));
                let batch = Batch::new(shared, head, Timestamp::UNIX_EPOCH, files)?;
                Ok((batch.validate(&submission, kept), decided_on))
            });
            let (decided, decided_on) = decided.await?;
            if !self.shared.is_log_shared || self.follow().await? == decided_on {
                return decided;
            }
        }
        Err(SubmitError::Busy)
    }

    /// Returns the receipt of a request that was recorded before, if the caller has the role that recorded it.
    pub(super) async fn replay(&self, revision: Revision, role: Role) -> Result<Receipt, SubmitError> {
        self.run_outside_writer(move |shared| {
            let (record, token) = shared.replayed(revision)?.ok_or(ReadError::Interrupted)?;
            // An import row is the same request regardless of which registrar sends it.
            let is_shared = record.is_imported() && role.is_registrar();
            if record.reporter.role != role && !is_shared {
                return Err(SubmitError::OtherRights);
            }
            let receipt = shared.at(revision)?.receipt_of(&record)?;
            Ok(Receipt { token, ..receipt })
        })
        .await
    }

    /// Returns the record and the receipt of an import row that was recorded before; `None` if no such row is on
    /// record.
    pub async fn imported(&self, request_id: Uuid) -> Result<Option<(Record, Receipt)>, SubmitError> {
        self.run_outside_writer(move |shared| {
            // An import row is the same request regardless of the client.
            let recorded = shared.index.request("", RequestKey::IMPORT, request_id).map_err(ReadError::from)?;
            let Some((revision, _)) = recorded else { return Ok(None) };
            let record = shared.record(revision)?.ok_or(ReadError::Interrupted)?;
            let receipt = shared.at(revision)?.receipt_of(&record)?;
            Ok(Some((record, receipt)))
        })
        .await
    }

    /// Returns everything that a record changed, with all changes foreseen. With `reported_by`, only if a client of
    /// this role reported it.
    pub async fn impact(&self, revision: Revision, reported_by: Option<Role>) -> Result<Option<Impact>, SubmitError> {
        self.run_outside_writer(move |shared| {
            let Some(record) = shared.record(revision)? else { return Ok(None) };
            if reported_by.is_some_and(|role| record.reporter.role != role) {
                return Ok(None);
            }
            let foreseen = shared.foreseen_by(&record)?;
            let Record { changes, specialist_count, .. } = record;
            Ok(Some(Impact { revision, changes, foreseen, specialist_count }))
        })
        .await
    }

    /// Waits for its turn, then runs work on the blocking thread pool.
    async fn run_outside_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Arc<Shared>) -> Result<T, SubmitError> + Send + 'static,
    ) -> Result<T, SubmitError> {
        let shared = Arc::clone(&self.shared);
        self.dry_runs.run(move || work(&shared)).await?
    }
}

impl Shared {
    /// Returns all changes that a record foresaw. If the record does not keep all of them, they are computed from the
    /// facts known before it.
    fn foreseen_by(self: &Arc<Self>, record: &Record) -> Result<Vec<Change>, SubmitError> {
        let kept = &record.foreseen.first;
        if kept.len() == usize::try_from(record.foreseen.count).unwrap_or(usize::MAX) {
            return Ok(kept.clone());
        }
        let before = self.head_at(record.revision.previous())?.ok_or(ReadError::Interrupted)?;
        let files = SpecialistCache::with_capacity(FACTS_KEPT);
        Ok(Batch::new(self, before, Timestamp::UNIX_EPOCH, files)?.foreseen_by(record)?)
    }

    /// Returns the head as it was at a revision; `None` if no day was open or no rules were adopted.
    fn head_at(&self, revision: Revision) -> Result<Option<Head>, ReadError> {
        let history = self.head.load().history.up_to(revision);
        let recorded_at = self.index.recorded_at(revision)?;
        let opened = recorded_at.zip(history.today(revision)).zip(history.rule_sets(revision).cloned());
        Ok(opened.map(|((recorded_at, today), rule_sets)| Head {
            revision,
            recorded_at,
            today,
            day_ends_at: self.clock.day_ends_at(today),
            rule_sets,
            history: Arc::new(history),
            token: None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::domain::command::Command;
    use crate::domain::fact::Reporter;
    use crate::domain::name::PersonName;
    use crate::registry::{Content, Numbers, Opened, Options};

    fn registration(request_id: u128, validate_only: bool) -> Submission {
        let name = PersonName { given: "Mirela".into(), family: "Example-Stone".into(), suffix: String::new() };
        Submission {
            reporter: Reporter { client: "a test".into(), role: Role::Registrar },
            method: "/a/test",
            request_id: Uuid::from_u128(request_id),
            content: Content::default(),
            validate_only,
            note: String::new(),
            command: Command::RegisterSpecialist { name, birth_date: "1984-02-29".parse().unwrap() },
            numbers: Numbers::Random,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn dry_runs_and_replays_wait_for_their_turn_while_commands_are_decided() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::of_a_test(directory.path(), Some("2026-03-02"));
        let Opened { registry, writer } = Registry::open(options, &mut |_| {}).unwrap();
        let first = registry.submit(registration(1, false)).await.unwrap();
        let turns = registry.dry_runs.take_all().await;
        let mut waiting = [registration(1, false), registration(2, true)].map(|submission| {
            let registry = registry.clone();
            tokio::spawn(async move { registry.submit(submission).await.unwrap().revision })
        });
        for one in &mut waiting {
            assert!(tokio::time::timeout(Duration::from_millis(200), one).await.is_err(), "it is not its turn");
        }
        let later = registry.submit(registration(3, false)).await.unwrap();
        drop(turns);
        let [replay, dry_run] = waiting;
        assert_eq!((replay.await.unwrap(), dry_run.await.unwrap()), (first.revision, later.revision));
        registry.close().await;
        drop(registry);
        writer.join().unwrap().unwrap().close().unwrap();
    }
}
