//! The log in files: segments of frames, `00000000000000000001.log` and so on, each named after its first revision.
//!
//! A frame is durable before the next one is written, so that at most the last one can be torn. What the operating
//! system shows after a crash may never have reached the disk; so at open the last segment is copied, synced and
//! renamed, and only then is its last frame believed. A torn end is left behind by that copy. Anything bad before the
//! end is data loss: the log does not open.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::domain::id::Revision;
use crate::store::disk::{Disk, DiskFile};

use super::frame::{self, Frame};
use super::reader::{FileReader, Segment, Shared};
use super::{AppendError, Damage, Log, ReadLog};

/// How the log uses the disk.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// A segment that would grow beyond this is closed and another begun.
    pub segment_bytes: u64,
    /// Nothing is appended while less than this is free on the disk,
    pub reserve_bytes: u64,
    /// or less than this part of it.
    pub reserve_percent: u8,
    /// Whether opening reads every segment, and not the last one alone. What is read later is checked in any case.
    pub check_every_segment: bool,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        let mebibyte = 1024 * 1024;
        LogOptions {
            segment_bytes: 64 * mebibyte,
            reserve_bytes: 512 * mebibyte,
            reserve_percent: 5,
            check_every_segment: true,
        }
    }
}

/// The log does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenLogError {
    /// Records were lost. Only a restore helps.
    #[error(transparent)]
    Damaged(#[from] Damage),
    /// The disk refused.
    #[error("the log could not be opened")]
    Disk(#[from] io::Error),
}

/// The log in files.
pub struct FileLog {
    shared: Arc<Shared>,
    options: LogOptions,
    active: Arc<Segment>,
    file: Box<dyn DiskFile>,
    head: Revision,
    /// Set when a sync failed: what is on disk is not known any more.
    outcome_unknown: bool,
}

impl FileLog {
    /// Opens the log in a directory that exists, and begins one if there is none.
    pub fn open(disk: Arc<dyn Disk>, directory: &Path, options: LogOptions) -> Result<FileLog, OpenLogError> {
        let shared = Arc::new(Shared::new(disk, directory.to_owned()));
        let mut firsts = segments_in(&shared)?;
        let last = match firsts.pop() {
            Some(last) => last,
            None => begin(&shared, Revision(1))?.0.first,
        };
        let mut next = Some(Revision(1));
        for first in firsts {
            let segment = Segment::new(first);
            next = if options.check_every_segment {
                let bytes = read_whole(&shared, &segment)?;
                let scan = scan(&segment, &bytes, next)?;
                scan.refuse_a_bad_end(&segment)?;
                Some(scan.next)
            } else {
                let size = shared.disk.open(&path(&shared, &segment))?.size()?;
                segment.grow(first, size);
                None
            };
            shared.add(Arc::new(segment));
        }
        let (active, file, next) = settle(&shared, Segment::new(last), next)?;
        let head = next.previous();
        let active = Arc::new(active);
        shared.add(Arc::clone(&active));
        shared.publish(head);
        Ok(FileLog { shared, options, active, file, head, outcome_unknown: false })
    }

    /// Refuses before a file is touched, so that what is there stays readable and the program can still start.
    fn require_room(&self, frame_bytes: u64) -> Result<(), AppendError> {
        let space = self.shared.disk.space(&self.shared.directory).map_err(AppendError::NotWritten)?;
        let part = space.total / 100 * u64::from(self.options.reserve_percent);
        let reserve = self.options.reserve_bytes.max(part);
        if space.available < reserve.saturating_add(frame_bytes) { Err(AppendError::DiskFull) } else { Ok(()) }
    }

    fn rotate(&mut self) -> Result<(), AppendError> {
        self.sync()?;
        let (segment, file) = match begin(&self.shared, self.head.next()) {
            Ok(begun) => begun,
            Err(BeginError::NotBegun(source)) => return Err(refused(source)),
            Err(BeginError::OutcomeUnknown(source)) => return Err(self.give_up(source)),
        };
        self.active = Arc::new(segment);
        self.file = file;
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
    fn head(&self) -> Revision {
        self.head
    }

    fn append(&mut self, expected_head: Revision, batch: &[Vec<u8>]) -> Result<Revision, AppendError> {
        if self.outcome_unknown {
            return Err(AppendError::OutcomeUnknown(io::Error::other("an earlier sync failed")));
        }
        if expected_head != self.head {
            return Err(AppendError::HeadMoved { expected: expected_head, head: self.head });
        }
        if batch.is_empty() {
            return Ok(self.head);
        }
        let first = self.head.next();
        let frame = frame::encode(first, batch).ok_or(AppendError::TooLarge)?;
        let size = frame.len() as u64;
        self.require_room(size)?;
        if self.active.end() > 0 && self.active.end() + size > self.options.segment_bytes {
            self.rotate()?;
        }
        let end = self.active.end();
        if let Err(refusal) = self.file.write_all_at(&frame, end) {
            return Err(match self.file.truncate(end) {
                Ok(()) => refused(refusal),
                Err(source) => self.give_up(source),
            });
        }
        self.sync()?;
        self.active.grow(first, size);
        self.head = Revision(self.head.0 + batch.len() as u64);
        self.shared.publish(self.head);
        Ok(self.head)
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

fn path(shared: &Shared, segment: &Segment) -> PathBuf {
    shared.directory.join(segment.name())
}

/// The first revisions of the segments there are, in order. Copies that were not finished are removed.
fn segments_in(shared: &Shared) -> io::Result<Vec<Revision>> {
    let mut firsts = Vec::new();
    for name in shared.disk.list(&shared.directory)? {
        if name.ends_with(".tmp") {
            shared.disk.remove(&shared.directory.join(name))?;
        } else if let Some(Ok(first)) = name.strip_suffix(".log").map(str::parse) {
            firsts.push(Revision(first));
        }
    }
    firsts.sort_unstable();
    Ok(firsts)
}

/// Why a segment was not begun.
enum BeginError {
    /// There is no new segment.
    NotBegun(io::Error),
    /// There may be one.
    OutcomeUnknown(io::Error),
}

impl From<BeginError> for OpenLogError {
    fn from(error: BeginError) -> OpenLogError {
        match error {
            BeginError::NotBegun(source) | BeginError::OutcomeUnknown(source) => source.into(),
        }
    }
}

fn begin(shared: &Shared, first: Revision) -> Result<(Segment, Box<dyn DiskFile>), BeginError> {
    let segment = Segment::new(first);
    let file = shared.disk.create_new(&path(shared, &segment)).map_err(BeginError::NotBegun)?;
    shared.disk.sync_dir(&shared.directory).map_err(BeginError::OutcomeUnknown)?;
    Ok((segment, file))
}

fn read_whole(shared: &Shared, segment: &Segment) -> io::Result<Vec<u8>> {
    let file = shared.disk.open(&path(shared, segment))?;
    let size = usize::try_from(file.size()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// What a segment was found to hold.
struct Scan {
    /// The revision after its last whole frame.
    next: Revision,
    /// What is wrong behind that frame, if anything is.
    bad_end: Option<&'static str>,
}

impl Scan {
    fn refuse_a_bad_end(&self, segment: &Segment) -> Result<(), Damage> {
        let damage = |reason| Damage { segment: segment.name(), offset: segment.end(), reason };
        self.bad_end.map_or(Ok(()), |reason| Err(damage(reason)))
    }
}

/// Reads every frame of a segment into its extent, up to a bad one, if any.
fn scan(segment: &Segment, bytes: &[u8], expected: Option<Revision>) -> Result<Scan, Damage> {
    if expected.is_some_and(|expected| expected != segment.first) {
        let reason = "the segment does not follow the one before it";
        return Err(Damage { segment: segment.name(), offset: 0, reason });
    }
    let mut next = segment.first;
    let mut rest = bytes;
    while !rest.is_empty() {
        match Frame::check(rest, next) {
            Ok(frame) => {
                segment.grow(next, frame.header.size as u64);
                next = frame.header.next();
                rest = rest.get(frame.header.size..).unwrap_or_default();
            }
            Err(reason) => return Ok(Scan { next, bad_end: Some(reason) }),
        }
    }
    Ok(Scan { next, bad_end: None })
}

/// Makes sure of the last segment: keeps its whole frames, durably, and leaves a torn end behind.
fn settle(
    shared: &Shared,
    segment: Segment,
    expected: Option<Revision>,
) -> Result<(Segment, Box<dyn DiskFile>, Revision), OpenLogError> {
    let mut bytes = read_whole(shared, &segment)?;
    let scan = scan(&segment, &bytes, expected)?;
    let end = usize::try_from(segment.end()).map_err(io::Error::other)?;
    if !frame::is_torn(bytes.get(end..).unwrap_or_default(), scan.next) {
        scan.refuse_a_bad_end(&segment)?;
    }
    bytes.truncate(end);
    let path = path(shared, &segment);
    let copy = path.with_extension("tmp");
    let file = shared.disk.create_new(&copy)?;
    file.write_all_at(&bytes, 0)?;
    file.sync_data()?;
    shared.disk.rename(&copy, &path)?;
    shared.disk.sync_dir(&shared.directory)?;
    Ok((segment, file, scan.next))
}
