//! Reads a log in files in place: see [`OfflineLog`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::open::firsts_of;
use super::segment::segment_name;
use super::window::Window;
use crate::domain::id::Revision;
use crate::store::disk::Disk;
use crate::store::log::frame::{self, Expected, Form, Frame, HEADER_BYTES, Header};
use crate::store::log::{Batches, Damage, Extent, OfflineLog, Part, ReadError, ReadLog, Records, WholeFrame};
use crate::store::record::{Hash, Tip};

/// The number of bytes that are read at once.
const PIECE_BYTES: usize = 1024 * 1024;

/// The same where only what is new is read.
const NEW_BYTES: usize = 64 * 1024;

/// The segment files that belong to the log, up to the extent that was opened.
#[derive(Clone)]
pub(super) struct OfflineFiles {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    segments: Vec<Part>,
    head: Revision,
    form: Form,
}

impl OfflineFiles {
    /// Opens the log. Only the last segment is read; damage in an earlier one is found when it is read.
    pub fn open(disk: Arc<dyn Disk>, directory: &Path, extent: Extent, form: Form) -> Result<OfflineFiles, ReadError> {
        let segments = segments_in(&*disk, directory)?;
        let mut log = OfflineFiles { disk, directory: directory.to_owned(), segments, head: Revision::ZERO, form };
        let head = match extent {
            Extent::Everything => return Ok(log),
            Extent::Whole => None,
            Extent::UpTo(head) => Some(head),
        };
        log.segments.retain(|segment| head.is_none_or(|head| segment.first <= head));
        let Some(last) = log.segments.last() else { return Ok(log) };
        let mut frames = log.frames(last, None)?;
        while head.is_none_or(|head| frames.next() < head.next()) {
            match frames.read() {
                Ok(Some(_)) => {}
                Ok(None) if head.is_none() => break,
                Ok(None) => return Err(frames.damaged("the log ends before its head").into()),
                Err(ReadError::Damaged(damage)) => {
                    if head.is_some() || !frames.ends_torn()? {
                        return Err(damage.into());
                    }
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        let (end, next) = (frames.offset, frames.next());
        if let Some(last) = log.segments.last_mut() {
            last.bytes = end;
        }
        log.head = next.previous();
        Ok(log)
    }

    /// The index in `segments` of the segment that holds a revision.
    fn segment_of(&self, revision: Revision) -> usize {
        self.segments.partition_point(|segment| segment.first <= revision).saturating_sub(1)
    }

    fn frames(&self, part: &Part, chain: Option<Hash>) -> Result<FileBatches, ReadError> {
        let opened = self.disk.open_to_read(&self.directory.join(segment_name(part.first)));
        let file = opened.map_err(|source| unreadable(part, source))?;
        let expected = Expected::building_on(chain, part.first, self.form);
        Ok(FileBatches { window: Window::new(file, PIECE_BYTES), part: *part, offset: 0, expected })
    }
}

impl ReadLog for OfflineFiles {
    fn head(&self) -> Revision {
        self.head
    }

    fn read(&self, from: Revision, to: Revision) -> Records {
        let next = from.max(Revision(1));
        let to = to.min(self.head);
        let (log, first) = (self.clone(), self.segment_of(next));
        Box::new(OfflineRecords {
            log,
            segment: first,
            frames: None,
            chain: None,
            ready: Vec::new().into_iter(),
            next,
            to,
        })
    }

    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError> {
        let segment = self.segments.get(self.segment_of(revision)).ok_or_else(nowhere)?;
        let mut frames = self.frames(segment, None)?;
        loop {
            let begin = frames.offset;
            let damage = |reason| Damage { segment: segment_name(segment.first), offset: begin, reason };
            let whole = frames.read()?.ok_or_else(|| damage("the log ends before its head"))?;
            if whole.frame.header.next() > revision {
                return Ok(whole.frame.chain_at(revision).map_err(damage)?);
            }
        }
    }
}

impl OfflineLog for OfflineFiles {
    fn parts(&self) -> &[Part] {
        &self.segments
    }

    fn batches(&self, part: &Part, chain: Option<Hash>) -> Result<Box<dyn Batches>, ReadError> {
        Ok(Box::new(self.frames(part, chain)?))
    }
}

/// The batches of a segment from an offset on, where the first must build on a tip.
pub(super) fn batches_from(
    disk: &dyn Disk,
    directory: &Path,
    (first, offset): (Revision, u64),
    tip: &Tip,
) -> Result<Box<dyn Batches>, ReadError> {
    let opened = disk.open_to_read(&directory.join(segment_name(first)));
    let opened = opened.and_then(|file| Ok((file.size()?, file)));
    let (bytes, file) = opened.map_err(|source| unreadable(&Part { first, bytes: 0 }, source))?;
    let expected = Expected::building_on(Some(tip.chain), tip.revision.next(), Form::Current);
    Ok(Box::new(FileBatches { window: Window::new(file, NEW_BYTES), part: Part { first, bytes }, offset, expected }))
}

/// The error for a revision that no segment holds.
fn nowhere() -> Damage {
    Damage { segment: String::new(), offset: 0, reason: "no segment holds the revision" }
}

fn unreadable(part: &Part, source: io::Error) -> ReadError {
    ReadError::Disk { segment: segment_name(part.first), source }
}

/// The segments in a directory, with the length of their files.
pub(super) fn segments_in(disk: &dyn Disk, directory: &Path) -> Result<Vec<Part>, ReadError> {
    let unlisted = |source| ReadError::Disk { segment: directory.display().to_string(), source };
    let names = disk.list(directory).map_err(unlisted)?;
    let sized = firsts_of(&names).into_iter().map(|first| {
        let file = disk.open_to_read(&directory.join(segment_name(first)));
        let bytes =
            file.and_then(|file| file.size()).map_err(|source| unreadable(&Part { first, bytes: 0 }, source))?;
        Ok(Part { first, bytes })
    });
    sized.collect()
}

/// The frames of a segment, in order.
struct FileBatches {
    window: Window,
    part: Part,
    offset: u64,
    expected: Expected,
}

impl Batches for FileBatches {
    fn read(&mut self) -> Result<Option<WholeFrame<'_>>, ReadError> {
        let (begin, end) = (self.offset, self.part.bytes);
        let left = end.saturating_sub(begin);
        if left == 0 {
            return Ok(None);
        }
        let part = self.part;
        let seen = usize::try_from(left).map_or(HEADER_BYTES, |left| left.min(HEADER_BYTES));
        let bytes = self.window.read(begin, seen, end).map_err(|source| unreadable(&part, source))?;
        let (header, may_be_preallocated) = (Header::read(bytes), frame::is_preallocated(bytes));
        if may_be_preallocated && frame::is_preallocated(&self.rest()?) {
            return Ok(None);
        }
        let header = header.ok_or_else(|| self.damaged("the frame's header is truncated"))?;
        if header.size as u64 > left {
            return Err(self.damaged("the frame is truncated").into());
        }
        let bytes = self.window.read(begin, header.size, end).map_err(|source| unreadable(&part, source))?;
        let damage = |reason| Damage { segment: segment_name(part.first), offset: begin, reason };
        let frame = Frame::check(bytes, self.expected).map_err(damage)?;
        self.offset += header.size as u64;
        self.expected = frame.expects(self.expected.form);
        Ok(Some(WholeFrame { bytes, frame }))
    }

    fn next(&self) -> Revision {
        self.expected.first
    }

    fn chain(&self) -> Option<Hash> {
        self.expected.chain
    }

    fn offset(&self) -> u64 {
        self.offset
    }

    fn damaged(&self, reason: &'static str) -> Damage {
        Damage { segment: segment_name(self.part.first), offset: self.offset, reason }
    }

    fn ends_torn(&self) -> Result<bool, ReadError> {
        Ok(frame::is_torn(&self.rest()?, self.expected.first))
    }
}

impl FileBatches {
    /// The bytes after the last frame read.
    fn rest(&self) -> Result<Vec<u8>, ReadError> {
        let rest = self.window.read_uncached(self.offset, self.part.bytes);
        rest.map_err(|source| unreadable(&self.part, source))
    }
}

/// The iterator over records.
struct OfflineRecords {
    log: OfflineFiles,
    segment: usize,
    frames: Option<FileBatches>,
    /// The chain up to the end of the previous segment.
    chain: Option<Hash>,
    ready: std::vec::IntoIter<(Revision, Vec<u8>)>,
    next: Revision,
    to: Revision,
}

impl OfflineRecords {
    /// Reads the next frame.
    fn fill(&mut self) -> Result<(), ReadError> {
        let frames = match &mut self.frames {
            Some(frames) => frames,
            None => {
                let segment = self.log.segments.get(self.segment).ok_or_else(nowhere)?;
                self.segment += 1;
                self.frames.insert(self.log.frames(segment, self.chain)?)
            }
        };
        let Some(whole) = frames.read()? else {
            let reached = frames.next();
            let follows = self.log.segments.get(self.segment).is_some_and(|segment| segment.first == reached);
            if !follows {
                return Err(frames.damaged("the next segment does not follow").into());
            }
            self.chain = frames.chain();
            self.frames = None;
            return Ok(());
        };
        let wanted = whole.frame.records.into_iter().filter(|(revision, _)| *revision >= self.next);
        self.ready = wanted.map(|(revision, bytes)| (revision, bytes.to_vec())).collect::<Vec<_>>().into_iter();
        Ok(())
    }
}

impl Iterator for OfflineRecords {
    type Item = Result<(Revision, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next <= self.to {
            if let Some((revision, bytes)) = self.ready.next() {
                self.next = revision.next();
                return Some(Ok((revision, bytes)));
            }
            if let Err(error) = self.fill() {
                self.to = Revision::ZERO;
                return Some(Err(error));
            }
        }
        None
    }
}
