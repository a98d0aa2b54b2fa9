//! The engine of a replica: a copy that another engine stores, and the database.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use uuid::Uuid;

use super::restored::Fork;
use super::statements::Database;
use super::{Acknowledged, Clock, Hearing, ReplicatedLog};
use crate::domain::id::Revision;
use crate::store::data_dir::{begin_set_aside, move_away, sync_directory};
use crate::store::log::{
    ChangeError, Convert, Extent, Log, LogDraft, LogEngine, OfflineLog, OpenLogError, PreparedEnd, ReadError, Redact,
    UpgradeError,
};

/// Makes a handle of the database for each log that is opened.
type Databases = dyn Fn() -> Box<dyn Database> + Send + Sync;

/// The engine. Only a log that is opened uses the database; everything else concerns the copy.
pub struct ReplicatedEngine {
    copy: Box<dyn LogEngine>,
    databases: Box<Databases>,
    hearing: Arc<Hearing>,
    answered_through: Timestamp,
    /// The data directory. `None` if nothing outlives the process but the copy.
    directory: Option<PathBuf>,
    clock: Arc<Clock>,
}

impl ReplicatedEngine {
    /// The engine of a replica that hears what is given to `hearing`, and that answered questions by time up to
    /// [`answered_through`](crate::store::answered_through) before.
    pub fn new(
        copy: Box<dyn LogEngine>,
        databases: Box<Databases>,
        hearing: Arc<Hearing>,
        answered_through: Timestamp,
    ) -> ReplicatedEngine {
        let begin = Instant::now();
        let clock = Arc::new(move || begin.elapsed());
        ReplicatedEngine { copy, databases, hearing, answered_through, directory: None, clock }
    }

    /// Keeps what the database acknowledged in a file of the data directory, for the next start.
    pub fn remembering(self, data_dir: &Path) -> ReplicatedEngine {
        ReplicatedEngine { directory: Some(data_dir.to_owned()), ..self }
    }

    /// Measures time by another clock.
    #[cfg(test)]
    pub fn timed_by(self, clock: Arc<Clock>) -> ReplicatedEngine {
        ReplicatedEngine { clock, ..self }
    }

    /// Opens the log. If the database continues in another epoch than the copy, returns how.
    fn try_open(&self) -> Result<Result<ReplicatedLog, Fork>, OpenLogError> {
        let copy = self.copy.open()?;
        let (database, hearing) = ((self.databases)(), Arc::clone(&self.hearing));
        let (answered_through, clock) = (self.answered_through, Arc::clone(&self.clock));
        Ok(ReplicatedLog::open(copy, database, hearing, self.acknowledged(), answered_through, clock))
    }

    fn acknowledged(&self) -> Acknowledged {
        Acknowledged::read(self.directory.as_deref().map(file_in))
    }

    /// Has the copy continue as the database does. What it had instead, and the index, are set aside. At every moment
    /// the copy is either the old one, or continues with the new frame.
    fn continue_with(&self, fork: &Fork) -> Result<(), OpenLogError> {
        let refused = |error: ChangeError| OpenLogError::Disk(io::Error::other(error));
        let end = self.copy.prepare_end(fork.after.revision, &fork.frame).map_err(refused)?;
        if !self.acknowledged().go_back_to(fork.after) {
            // The next start would take what is given up here for lost.
            return Err(io::Error::other("ACKNOWLEDGED cannot be written").into());
        }
        let set_aside = match &self.directory {
            Some(directory) => set_aside_in(directory, fork.after.revision)?,
            None => PathBuf::new(),
        };
        let (after, shown) = (fork.after.revision.0, set_aside.display());
        tracing::warn!(
            event = "log_folded_again",
            after,
            set_aside = %shown,
            "the shared log continues in another epoch: folding it again"
        );
        self.copy.withdraw_published_head(&set_aside).map_err(refused)?;
        end.put_in_place(&set_aside).map_err(refused)
    }
}

/// The file of what the database acknowledged to the replica of a data directory.
fn file_in(data_dir: &Path) -> PathBuf {
    data_dir.join("ACKNOWLEDGED")
}

/// The last record that the database acknowledged to the replica of a data directory, as far as that is stored.
pub fn acknowledged_revision(data_dir: &Path) -> Revision {
    Acknowledged::read(Some(file_in(data_dir))).tip().revision
}

/// Makes a directory for what is set aside of a copy that keeps its records through a revision, and moves the index
/// there.
fn set_aside_in(data_dir: &Path, kept: Revision) -> io::Result<PathBuf> {
    let set_aside = begin_set_aside(data_dir, Uuid::new_v4(), kept).map_err(io::Error::other)?;
    move_away(&data_dir.join("index"), &set_aside.join("index"))?;
    sync_directory(data_dir)?;
    Ok(set_aside)
}

impl LogEngine for ReplicatedEngine {
    fn open(&self) -> Result<Box<dyn Log>, OpenLogError> {
        let fork = match self.try_open()? {
            Ok(log) => return Ok(Box::new(log)),
            Err(fork) => fork,
        };
        self.continue_with(&fork)?;
        match self.try_open()? {
            Ok(log) => Ok(Box::new(log)),
            Err(_) => Err(io::Error::other("the shared log continues in another epoch each time it is read").into()),
        }
    }

    fn holds_no_record(&self) -> io::Result<bool> {
        self.copy.holds_no_record()
    }

    fn published_head(&self) -> io::Result<Option<Revision>> {
        self.copy.published_head()
    }

    fn upgrade(&self, convert: &mut Convert<'_>) -> Result<(), UpgradeError> {
        self.copy.upgrade(convert)
    }

    fn redact(&self, redact: &mut Redact<'_>) -> Result<(), UpgradeError> {
        self.copy.redact(redact)
    }

    fn offline(&self, extent: Extent) -> Result<Box<dyn OfflineLog>, ReadError> {
        self.copy.offline(extent)
    }

    fn new_draft(&self) -> Result<Box<dyn LogDraft>, ChangeError> {
        self.copy.new_draft()
    }

    fn prepare_end(&self, after: Revision, frame: &[u8]) -> Result<Box<dyn PreparedEnd>, ChangeError> {
        self.copy.prepare_end(after, frame)
    }

    fn withdraw_published_head(&self, set_aside: &Path) -> Result<(), ChangeError> {
        self.copy.withdraw_published_head(set_aside)
    }
}
