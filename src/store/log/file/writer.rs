//! The writer of the log in files.
//!
//! Each frame is durable before the next one is written, so only the last one can be torn.

use std::io;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;

use super::copy;
use super::high_water_mark::HighWaterMark;
use super::open::{self, BeginError};
use super::reader::FileReader;
use super::segment::{Segment, Shared};
use crate::store::disk::{Disk, DiskFile};
use crate::store::log::frame::{self, Form};
use crate::store::log::{AppendError, Log, OpenLogError, ReadLog, Wake, require_head};
use crate::store::record::Tip;

/// How the log uses the disk.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// The maximum length of a segment in bytes. A frame that would exceed it begins a new segment.
    pub segment_bytes: u64,
    /// The log has no room while the disk has fewer free bytes than this,
    pub reserve_bytes: u64,
    /// or a smaller percentage of free space than this. Then nothing is appended, unless the log is a copy.
    pub reserve_percent: u8,
    /// How many bytes are preallocated at once, by writing zeros after the last frame. Writing into existing space
    /// makes fdatasync a third faster, because the file size does not change. Zero: no preallocation; the file grows
    /// with each frame.
    pub ahead_bytes: u64,
    /// True if the log is elsewhere, and these files are a copy. Then nothing is synced when it is appended, and a
    /// damaged copy ends before its first bad frame. What is missing is read again.
    pub is_copy: bool,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        let mebibyte = 1024 * 1024;
        LogOptions {
            segment_bytes: 64 * mebibyte,
            reserve_bytes: 512 * mebibyte,
            reserve_percent: 1,
            ahead_bytes: mebibyte,
            is_copy: false,
        }
    }
}

impl LogOptions {
    /// The free bytes below which nothing is appended, on a disk of this size.
    pub fn reserve(&self, disk_bytes: u64) -> u64 {
        self.reserve_bytes.max(disk_bytes / 100 * u64::from(self.reserve_percent))
    }
}

/// The log in files.
pub struct FileLog {
    shared: Arc<Shared>,
    options: LogOptions,
    active: Arc<Segment>,
    file: Box<dyn DiskFile>,
    /// The length of the active segment's file. The bytes after the last frame are zero.
    file_end: u64,
    tip: Tip,
    marker: HighWaterMark,
    /// True after a failed sync: it is unknown what is on disk.
    outcome_unknown: bool,
}

impl FileLog {
    /// Opens the log in an existing directory. Creates a log if there is none.
    pub fn open(disk: Arc<dyn Disk>, directory: &Path, options: LogOptions) -> Result<FileLog, OpenLogError> {
        if options.is_copy {
            copy::cut(Arc::clone(&disk), directory)?;
        }
        let open::Opened { shared, active, file, tip } = open::open(disk, directory, Form::Current, options.is_copy)?;
        let marker = HighWaterMark::open(&*shared.disk, directory, tip.revision);
        let file_end = active.end();
        Ok(FileLog { shared, options, active, file, file_end, tip, marker, outcome_unknown: false })
    }

    /// Fails if the disk has too little space for a frame. It is called before a file is changed, so that the log stays
    /// readable and the program can still start. Returns the free bytes beyond the frame.
    fn require_room(&self, frame_bytes: u64) -> Result<u64, AppendError> {
        let space = self.shared.disk.space(&self.shared.directory).map_err(AppendError::NotWritten)?;
        let reserve = self.options.reserve(space.total);
        space.available.checked_sub(reserve.saturating_add(frame_bytes)).ok_or(AppendError::DiskFull)
    }

    /// Writes a frame after the last one. If it exceeds the preallocated space, zeros are written after it first: if
    /// the disk refuses them, the frame must not be complete on disk.
    fn write(&mut self, frame: &[u8], spare: u64) -> io::Result<()> {
        let begin = self.active.end();
        let end = begin + frame.len() as u64;
        if end > self.file_end {
            let left = self.options.segment_bytes.saturating_sub(end);
            let zeros = self.options.ahead_bytes.min(left).min(spare);
            if zeros > 0 {
                self.file.write_all_at(&vec![0; usize::try_from(zeros).map_err(io::Error::other)?], end)?;
            }
            self.file_end = end + zeros;
        }
        self.file.write_all_at(frame, begin)
    }

    /// Truncates the active segment's file to its frames.
    fn truncate(&mut self) -> io::Result<()> {
        let end = self.active.end();
        self.file.truncate(end)?;
        self.file_end = end;
        Ok(())
    }

    /// Removes the preallocated space after the last frame.
    fn trim(&mut self) -> io::Result<()> {
        if self.file_end > self.active.end() { self.truncate() } else { Ok(()) }
    }

    fn rotate(&mut self) -> Result<(), AppendError> {
        self.trim().map_err(refused)?;
        self.sync()?;
        self.marker.sync();
        let (segment, file) = match open::begin(&self.shared, self.tip.revision.next()) {
            Ok(begun) => begun,
            Err(BeginError::NotBegun(source)) => return Err(refused(source)),
            Err(BeginError::OutcomeUnknown(source)) => return Err(self.give_up(source)),
        };
        self.active = Arc::new(segment);
        self.file = file;
        self.file_end = 0;
        self.shared.add(Arc::clone(&self.active));
        Ok(())
    }

    fn sync(&mut self) -> Result<(), AppendError> {
        self.file.sync_data().map_err(|source| self.give_up(source))
    }

    fn give_up(&mut self, source: io::Error) -> AppendError {
        self.outcome_unknown = true;
        AppendError::OutcomeUnknown(source)
    }
}

impl Log for FileLog {
    fn tip(&self) -> Tip {
        self.tip
    }

    fn append(&mut self, after: &Tip, batch: &[Vec<u8>]) -> Result<Vec<Tip>, AppendError> {
        if self.outcome_unknown {
            return Err(AppendError::OutcomeUnknown(io::Error::other("an earlier sync failed")));
        }
        require_head(&self.tip, after)?;
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (frame, tips) = frame::encode(after, batch)?;
        let size = frame.len() as u64;
        let spare = match self.require_room(size) {
            // The record is in the shared log already: a copy takes it as long as the disk does.
            Err(AppendError::DiskFull) if self.options.is_copy => 0,
            room => room?,
        };
        if self.active.end() > 0 && self.active.end() + size > self.options.segment_bytes {
            self.rotate()?;
        }
        if let Err(refusal) = self.write(&frame, spare) {
            return Err(match self.truncate() {
                Ok(()) => refused(refusal),
                Err(source) => self.give_up(source),
            });
        }
        if !self.options.is_copy {
            self.sync()?;
        }
        self.active.grow(after.revision.next(), size);
        self.tip = tips.last().copied().unwrap_or(self.tip);
        self.shared.publish(self.tip.revision);
        self.marker.write(self.tip.revision);
        Ok(tips)
    }

    /// Nobody else writes to the files.
    fn is_shared(&self) -> bool {
        false
    }

    fn follow(&mut self) -> Result<Vec<(Tip, Vec<u8>)>, AppendError> {
        Ok(Vec::new())
    }

    fn on_news(&mut self, _: Wake) {}

    fn reach(&mut self) -> Result<Tip, AppendError> {
        Ok(self.tip)
    }

    fn confirm(&mut self, decided_on: &Tip) -> Result<(), AppendError> {
        require_head(&self.tip, decided_on)
    }

    fn settle(&mut self, _: Timestamp) -> Result<Tip, AppendError> {
        Ok(self.tip)
    }

    fn close(&mut self) {
        let synced = self.trim().and_then(|()| if self.options.is_copy { self.file.sync_data() } else { Ok(()) });
        if let Err(error) = synced {
            tracing::warn!(event = "log_segment_not_trimmed", %error, "the last log segment could not be trimmed and synced");
        }
        self.marker.sync();
    }

    fn has_room(&self) -> bool {
        self.require_room(0).is_ok()
    }

    fn reader(&self) -> Arc<dyn ReadLog> {
        Arc::new(FileReader(Arc::clone(&self.shared)))
    }
}

fn refused(source: io::Error) -> AppendError {
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => AppendError::DiskFull,
        _ => AppendError::NotWritten(source),
    }
}
