//! Bulk loading: records a history in a new registry, on the caller's thread and with a clock that the caller sets.
//!
//! The history goes through the same writer as any command: it is decided command by command, made durable in batches,
//! folded and published. Only the queue is left out.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use super::batch::Batch;
use super::clock::{Clock, NoTimeZone};
use super::errors::{OpenError, ReadError, SubmitError, WriterFailed};
use super::head::Head;
use super::not_committed::NotCommitted;
use super::open::{Options, open_writer};
use super::preface::SEMANTICS_VERSION;
use super::receipt::Receipt;
use super::specialist_cache::SpecialistCache;
use super::submission::Submission;
use super::writer::Writer;
use crate::domain::day::Day;
use crate::domain::id::{CredentialNumber, ProviderId};
use crate::domain::provider::ProviderFile;
use crate::domain::timeline::Timeline;
use crate::store::{CloseError, DataDirError, OpenMode, StoreOptions, Unfinished};

/// The number of facts of people that are cached during a load: about 600 MB. A history returns to the same people over
/// years.
const FACTS_KEPT: usize = 2 * 1024 * 1024;

/// Where to load a history, and how it begins.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// The data directory. It must be empty or not exist.
    pub data_dir: PathBuf,
    /// The options of the store.
    pub store: StoreOptions,
    /// The instant of the first record.
    pub begins_at: Timestamp,
    /// The id of the first epoch.
    pub epoch: Uuid,
}

/// A history could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The registry could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// A batch was not recorded.
    #[error("a batch was not recorded")]
    NotRecorded(#[from] SubmitError),
    /// The disk failed.
    #[error(transparent)]
    Failed(#[from] WriterFailed),
    /// The index could not be closed.
    #[error(transparent)]
    Close(#[from] CloseError),
    /// The registry could not be finished.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
}

impl From<NoTimeZone> for LoadError {
    fn from(error: NoTimeZone) -> LoadError {
        LoadError::Open(error.into())
    }
}

impl From<ReadError> for LoadError {
    fn from(error: ReadError) -> LoadError {
        LoadError::NotRecorded(error.into())
    }
}

impl From<NotCommitted> for LoadError {
    fn from(error: NotCommitted) -> LoadError {
        match error {
            NotCommitted::Failed(failure) => LoadError::Failed(failure),
            other => LoadError::NotRecorded(other.into()),
        }
    }
}

/// A new registry into which a history is loaded. If it is dropped before [`Loader::close`], the registry is deleted.
pub struct Loader {
    writer: Writer,
}

impl Loader {
    /// Creates a registry in an empty data directory.
    pub fn begin(options: LoadOptions) -> Result<Loader, LoadError> {
        let LoadOptions { data_dir, store, begins_at, epoch } = options;
        let clock = Clock::starting_at(begins_at)?;
        let store = StoreOptions { mode: OpenMode::New("generate"), ..store };
        let options = Options {
            data_dir,
            registry: None,
            begins_shared_log: false,
            adopts_semantics: false,
            rules_dir: None,
            today: None,
            open_days_through: None,
            store,
        };
        let mut writer = open_writer(options, clock, SEMANTICS_VERSION, epoch, &mut |_| {})?;
        writer.specialist_cache = SpecialistCache::with_capacity(FACTS_KEPT);
        Ok(Loader { writer })
    }

    /// Records everything that `submit` submits as one batch. The batch is durable when this returns. If the batch
    /// fails, nothing is recorded.
    pub fn batch<T, E: From<LoadError>>(
        &mut self,
        submit: impl FnOnce(&mut LoadBatch<'_, '_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let shared = Arc::clone(&self.writer.shared);
        let batch = self.writer.new_batch(&shared).map_err(LoadError::from)?;
        let mut load = LoadBatch { writer: &self.writer, batch };
        let submitted = submit(&mut load)?;
        let LoadBatch { batch, .. } = load;
        self.writer.commit(batch).map_err(LoadError::from)?;
        Ok(submitted)
    }

    /// Returns the published head.
    pub fn head(&self) -> Arc<Head> {
        self.writer.shared.head.load_full()
    }

    /// Closes the registry and completes it, so that it opens quickly.
    pub fn close(self) -> Result<(), LoadError> {
        let Writer { shared, mut store, .. } = self.writer;
        drop(shared);
        let unfinished = store.take_unfinished();
        store.close()?;
        Ok(unfinished.map_or(Ok(()), Unfinished::finish)?)
    }
}

/// A batch in progress. It is not durable yet.
pub struct LoadBatch<'w, 's> {
    writer: &'w Writer,
    batch: Batch<'s>,
}

impl LoadBatch<'_, '_> {
    /// Sets the time, and opens each day that has begun by then, dated at the beginning of that day.
    pub fn at(&mut self, instant: Timestamp) -> Result<(), SubmitError> {
        let clock = &self.writer.shared.clock;
        while self.batch.head.day_ends_at <= instant {
            clock.set(self.batch.head.day_ends_at);
            let next = self.batch.head.today.next();
            Writer::open_days(&mut self.batch, next)?;
        }
        clock.set(instant);
        Ok(())
    }

    /// Decides a command, whose request id must be new. The receipt is valid once the batch is durable.
    pub fn submit(&mut self, submission: &Submission) -> Result<Receipt, SubmitError> {
        let request = self.writer.request_key(submission);
        self.batch.submit(submission, request)
    }

    /// Returns the number of records in the batch.
    pub fn records(&self) -> usize {
        self.batch.records.len()
    }

    /// Returns today, according to the clock that was set.
    pub fn today(&self) -> Day {
        self.batch.head.today
    }

    /// Returns a credential's timeline, including the batch so far.
    pub fn timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        self.batch.timeline(number)
    }

    /// Returns a provider's file, including the batch so far.
    pub fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        self.batch.provider(id)
    }
}
