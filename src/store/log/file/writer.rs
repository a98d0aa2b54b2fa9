//! The writing end of the log in files.
//!
//! A frame is durable before the next one is written, so that at most the last one can be torn.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::high_water_mark::HighWaterMark;
use super::open::{self, BeginError};
use super::reader::FileReader;
use super::segment::{Segment, Shared};
use crate::store::disk::{Disk, DiskFile};
use crate::store::log::frame::{self, Form};
use crate::store::log::{AppendError, Log, OpenLogError, ReadLog};
use crate::store::record::Tip;

/// How the log uses the disk.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// A segment that would grow beyond this is closed and another begun.
    pub segment_bytes: u64,
    /// Nothing is appended while less than this is free on the disk,
    pub reserve_bytes: u64,
    /// or less than this part of it.
    pub reserve_percent: u8,
    /// How much of a segment is written with zeros at once, ahead of the frames that will take their place. A frame that
    /// makes its file no longer needs no change of the file system's own records to be durable, which is a third of what
    /// a sync costs. Zero: the file grows with each frame.
    pub ahead_bytes: u64,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        let mebibyte = 1024 * 1024;
        LogOptions {
            segment_bytes: 64 * mebibyte,
            reserve_bytes: 512 * mebibyte,
            reserve_percent: 1,
            ahead_bytes: mebibyte,
        }
    }
}

/// The log in files.
pub struct FileLog {
    shared: Arc<Shared>,
    options: LogOptions,
    active: Arc<Segment>,
    file: Box<dyn DiskFile>,
    /// How long the active segment's file is: behind the last frame there is nothing but zeros.
    room_end: u64,
    tip: Tip,
    marker: HighWaterMark,
    /// Set when a sync failed: what is on disk is not known any more.
    outcome_unknown: bool,
}

impl FileLog {
    /// Opens the log in a directory that exists, and begins one if there is none.
    pub fn open(disk: Arc<dyn Disk>, directory: &Path, options: LogOptions) -> Result<FileLog, OpenLogError> {
        let open::Opened { shared, active, file, tip } = open::open(disk, directory, Form::Current)?;
        let marker = HighWaterMark::open(&*shared.disk, directory, tip.revision);
        let room_end = active.end();
        Ok(FileLog { shared, options, active, file, room_end, tip, marker, outcome_unknown: false })
    }

    /// Refuses before a file is touched, so that what is there stays readable and the program can still start. Gives what
    /// could be used beyond the frame.
    fn require_room(&self, frame_bytes: u64) -> Result<u64, AppendError> {
        let space = self.shared.disk.space(&self.shared.directory).map_err(AppendError::NotWritten)?;
        let part = space.total / 100 * u64::from(self.options.reserve_percent);
        let reserve = self.options.reserve_bytes.max(part);
        space.available.checked_sub(reserve.saturating_add(frame_bytes)).ok_or(AppendError::DiskFull)
    }

    /// Writes a frame behind the last one, and zeros where others will follow if it reaches beyond those there are. The
    /// zeros come first: what is refused must not be whole on disk.
    fn write(&mut self, frame: &[u8], spare: u64) -> io::Result<()> {
        let begin = self.active.end();
        let end = begin + frame.len() as u64;
        if end > self.room_end {
            let left = self.options.segment_bytes.saturating_sub(end);
            let room = self.options.ahead_bytes.min(left).min(spare);
            if room > 0 {
                self.file.write_all_at(&vec![0; usize::try_from(room).map_err(io::Error::other)?], end)?;
            }
            self.room_end = end + room;
        }
        self.file.write_all_at(frame, begin)
    }

    /// Leaves nothing in the active segment's file but its frames.
    fn cut(&mut self) -> io::Result<()> {
        let end = self.active.end();
        self.file.truncate(end)?;
        self.room_end = end;
        Ok(())
    }

    /// Takes the room away that is left behind the last frame.
    fn trim(&mut self) -> io::Result<()> {
        if self.room_end > self.active.end() { self.cut() } else { Ok(()) }
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
        self.room_end = 0;
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
        if after.revision != self.tip.revision {
            return Err(AppendError::HeadMoved { expected: after.revision, head: self.tip.revision });
        }
        if after.chain != self.tip.chain {
            return Err(AppendError::Diverged { at: after.revision });
        }
        if batch.is_empty() {
            return Ok(Vec::new());
        }
        let (frame, tips) = frame::encode(after, batch)?;
        let size = frame.len() as u64;
        let spare = self.require_room(size)?;
        if self.active.end() > 0 && self.active.end() + size > self.options.segment_bytes {
            self.rotate()?;
        }
        if let Err(refusal) = self.write(&frame, spare) {
            return Err(match self.cut() {
                Ok(()) => refused(refusal),
                Err(source) => self.give_up(source),
            });
        }
        self.sync()?;
        self.active.grow(after.revision.next(), size);
        self.tip = tips.last().copied().unwrap_or(self.tip);
        self.shared.publish(self.tip.revision);
        self.marker.write(self.tip.revision);
        Ok(tips)
    }

    fn close(&mut self) {
        if let Err(error) = self.trim() {
            tracing::warn!(event = "log_segment_not_trimmed", %error, "the preallocated tail of the last log segment could not be trimmed");
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
