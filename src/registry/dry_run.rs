//! Dry runs and replays: they read the record and leave it as it is, so they do not need the writer.
//!
//! A dry run judges a command by the published head, as the writer would judge it there. A replay works out the receipt
//! of a request that was recorded before. Either may take seconds for a provider with a large staff: they run on threads
//! for blocking work, a few at a time, and the writer goes on meanwhile.

use std::sync::Arc;

use jiff::Timestamp;

use super::errors::{ReadError, SubmitError};
use super::head::Head;
use super::lately::Lately;
use super::receipt::Receipt;
use super::stage::Stage;
use super::writer::Submission;
use super::{Registry, Shared};
use crate::domain::fact::Role;
use crate::domain::id::Revision;

/// How many run at once; others wait.
pub(super) const DRY_RUNS: usize = 4;

/// How many facts of people a dry run keeps in memory: some 40 MB.
const FACTS_KEPT: usize = 128 * 1024;

impl Registry {
    /// Judges a command by the published head. Nothing is recorded.
    pub(super) async fn validate(&self, submission: Submission) -> Result<Receipt, SubmitError> {
        self.beside_the_writer(|shared| {
            let head = Head::clone(&shared.head.load());
            let stage = Stage::new(shared, head, Timestamp::UNIX_EPOCH, Lately::of_facts(FACTS_KEPT))?;
            stage.validate(submission)
        })
        .await
    }

    /// The receipt of a request that was recorded before, for a caller in the role that it was recorded in.
    pub(super) async fn answer_again(&self, revision: Revision, role: Role) -> Result<Receipt, SubmitError> {
        self.beside_the_writer(move |shared| {
            let record = shared.record(revision)?.ok_or(ReadError::Interrupted)?;
            // A row of an import is the same request whichever registrar sends it.
            let is_shared = record.is_imported() && role.is_registrar();
            if record.reporter.role != role && !is_shared {
                return Err(SubmitError::OtherRights);
            }
            Ok(shared.at(revision)?.receipt_of(&record)?)
        })
        .await
    }

    /// Runs work on a thread for blocking work, once it is its turn.
    async fn beside_the_writer(
        &self,
        work: impl FnOnce(&Arc<Shared>) -> Result<Receipt, SubmitError> + Send + 'static,
    ) -> Result<Receipt, SubmitError> {
        let interrupted = || SubmitError::Read(ReadError::Interrupted);
        let turn = Arc::clone(&self.dry_runs).acquire_owned().await.map_err(|_| interrupted())?;
        let shared = Arc::clone(&self.shared);
        let run = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work(&shared)
        });
        run.await.map_err(|_| interrupted())?
    }
}
