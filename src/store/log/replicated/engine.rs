//! The engine of a replica: a copy that another engine stores, and the database.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::statements::Database;
use super::{Acknowledged, Hearing, ReplicatedLog};
use crate::domain::id::Revision;
use crate::store::log::{
    ChangeError, Convert, Extent, Log, LogDraft, LogEngine, OfflineLog, OpenLogError, PreparedEnd, ReadError,
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
    acknowledged: Option<PathBuf>,
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
        ReplicatedEngine { copy, databases, hearing, answered_through, acknowledged: None }
    }

    /// Keeps what the database acknowledged in a file, for the next start.
    pub fn remembering(self, acknowledged: PathBuf) -> ReplicatedEngine {
        ReplicatedEngine { acknowledged: Some(acknowledged), ..self }
    }
}

impl LogEngine for ReplicatedEngine {
    fn open(&self) -> Result<Box<dyn Log>, OpenLogError> {
        let copy = self.copy.open()?;
        let (database, hearing) = ((self.databases)(), Arc::clone(&self.hearing));
        let acknowledged = Acknowledged::read(self.acknowledged.clone());
        Ok(Box::new(ReplicatedLog::open(copy, database, hearing, acknowledged, self.answered_through)))
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
