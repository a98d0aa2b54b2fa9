//! The log in files: segments of frames, and beside them the published head. Each segment is named after its first
//! revision, such as `00000000000000000001.log`.

mod copy;
mod draft;
mod high_water_mark;
mod offline_reader;
mod open;
mod reader;
mod redact;
mod replace;
mod rewrite;
mod segment;
mod upgrade;
mod window;
mod writer;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{
    Batches, ChangeError, Convert, Extent, Form, Log, LogDraft, LogEngine, OfflineLog, OpenLogError, PreparedEnd,
    ReadError, Redact, UpgradeError,
};
use crate::domain::id::Revision;
use crate::store::disk::Disk;
use crate::store::record::Tip;

use draft::FileDraft;
pub(in crate::store) use draft::SegmentDraft;
use offline_reader::OfflineFiles;
pub(in crate::store) use redact::redact_apart;
use replace::DraftedEnd;
pub(in crate::store) use segment::segment_name;
pub use writer::{FileLog, LogOptions};

/// The engine that stores the log in the files of an existing directory.
pub struct FileEngine {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    options: LogOptions,
    /// The forms of frames that reading in place accepts.
    form: Form,
}

impl FileEngine {
    /// The engine for a directory. `form` applies to reading in place; a log that is opened for writing must be in the
    /// current form.
    pub fn new(disk: Arc<dyn Disk>, directory: &Path, options: LogOptions, form: Form) -> FileEngine {
        FileEngine { disk, directory: directory.to_owned(), options, form }
    }

    /// The batches of a segment from an offset on, where the first must build on a tip. Another process may be
    /// appending: what it has not published must not be read.
    pub fn batches_from(&self, first: Revision, offset: u64, tip: &Tip) -> Result<Box<dyn Batches>, ReadError> {
        offline_reader::batches_from(&*self.disk, &self.directory, (first, offset), tip)
    }
}

impl LogEngine for FileEngine {
    fn open(&self) -> Result<Box<dyn Log>, OpenLogError> {
        Ok(Box::new(FileLog::open(Arc::clone(&self.disk), &self.directory, self.options.clone())?))
    }

    fn holds_no_record(&self) -> io::Result<bool> {
        open::holds_no_record(&*self.disk, &self.directory)
    }

    fn published_head(&self) -> io::Result<Option<Revision>> {
        high_water_mark::published_head(&*self.disk, &self.directory)
    }

    fn upgrade(&self, convert: &mut Convert<'_>) -> Result<(), UpgradeError> {
        upgrade::upgrade(Arc::clone(&self.disk), &self.directory, convert)
    }

    fn redact(&self, redact: &mut Redact<'_>) -> Result<(), UpgradeError> {
        redact::redact(Arc::clone(&self.disk), &self.directory, self.options.is_copy, redact)
    }

    fn offline(&self, extent: Extent) -> Result<Box<dyn OfflineLog>, ReadError> {
        Ok(Box::new(OfflineFiles::open(Arc::clone(&self.disk), &self.directory, extent, self.form)?))
    }

    fn new_draft(&self) -> Result<Box<dyn LogDraft>, ChangeError> {
        Ok(Box::new(FileDraft::new(Arc::clone(&self.disk), &self.directory)))
    }

    fn prepare_end(&self, after: Revision, frame: &[u8]) -> Result<Box<dyn PreparedEnd>, ChangeError> {
        Ok(Box::new(DraftedEnd::write(Arc::clone(&self.disk), &self.directory, after, frame)?))
    }

    fn withdraw_published_head(&self, set_aside: &Path) -> Result<(), ChangeError> {
        replace::withdraw_published_head(&*self.disk, &self.directory, set_aside)
    }
}

#[cfg(test)]
mod tests;
