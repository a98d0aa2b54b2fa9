//! A log that this process does not write to: a backup, a data directory that nobody serves, or the part of a running
//! registry's log that is published. It is read in place, every byte checked, and nothing is repaired.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::domain::id::Revision;
use crate::store::record::Hash;

use super::frame::{self, Expected, Form, Frame, HEADER_BYTES, Header};
use super::{Damage, ReadError, ReadLog, Records};

/// How much of a segment is read at once.
const READ_AT_ONCE: usize = 1024 * 1024;

/// A file of the log, as far as it belongs to it.
#[derive(Clone, Debug)]
pub struct SegmentFile {
    /// Its first revision, after which it is named.
    pub first: Revision,
    /// Where its last frame ends, in bytes.
    pub bytes: u64,
}

impl SegmentFile {
    /// The name of the file.
    pub fn name(&self) -> String {
        format!("{:020}.log", self.first.0)
    }

    fn unreadable(&self, source: io::Error) -> ReadError {
        ReadError::Disk { segment: self.name(), source }
    }
}

/// A log to be read.
#[derive(Clone, Debug)]
pub struct OfflineLog {
    directory: PathBuf,
    segments: Vec<SegmentFile>,
    head: Revision,
    form: Form,
}

impl OfflineLog {
    /// The log of a directory, whole: up to a torn end, if it has one.
    pub fn whole(directory: &Path) -> Result<OfflineLog, ReadError> {
        OfflineLog::open(directory, None, Form::Current)
    }

    /// The log of a directory up to a revision that ends a frame, whoever writes behind it.
    pub fn up_to(directory: &Path, head: Revision, form: Form) -> Result<OfflineLog, ReadError> {
        OfflineLog::open(directory, Some(head), form)
    }

    /// The files of a directory, each to its end, whatever they hold.
    pub fn listed(directory: &Path) -> Result<OfflineLog, ReadError> {
        Ok(OfflineLog {
            directory: directory.to_owned(),
            segments: listed(directory)?,
            head: Revision::ZERO,
            form: Form::Current,
        })
    }

    /// Reads the last segment alone; what is damaged before it is found by whoever reads it.
    fn open(directory: &Path, head: Option<Revision>, form: Form) -> Result<OfflineLog, ReadError> {
        let mut log = OfflineLog { form, ..OfflineLog::listed(directory)? };
        log.segments.retain(|segment| head.is_none_or(|head| segment.first <= head));
        let Some(last) = log.segments.last() else { return Ok(log) };
        let mut frames = log.frames(last)?;
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

    /// Its files, in order.
    pub fn segments(&self) -> &[SegmentFile] {
        &self.segments
    }

    /// How long it is, in bytes.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The frames of one of its files.
    pub fn frames(&self, segment: &SegmentFile) -> Result<Frames, ReadError> {
        let file = File::open(self.directory.join(segment.name())).map_err(|source| segment.unreadable(source))?;
        Ok(Frames {
            file: BufReader::with_capacity(READ_AT_ONCE, file),
            segment: segment.clone(),
            offset: 0,
            expected: Expected::at(segment.first, self.form),
            frame: Vec::new(),
        })
    }
}

impl ReadLog for OfflineLog {
    fn head(&self) -> Revision {
        self.head
    }

    fn read(&self, from: Revision, to: Revision) -> Records {
        let next = from.max(Revision(1));
        let to = to.min(self.head);
        let first = self.segments.partition_point(|segment| segment.first <= next).saturating_sub(1);
        let log = self.clone();
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
}

/// The segments that a directory lists, each as long as its file.
fn listed(directory: &Path) -> Result<Vec<SegmentFile>, ReadError> {
    let unlisted = |source| ReadError::Disk { segment: directory.display().to_string(), source };
    let mut segments = Vec::new();
    for entry in fs::read_dir(directory).map_err(unlisted)? {
        let entry = entry.map_err(unlisted)?;
        let name = entry.file_name();
        if let Some(Ok(first)) = name.to_str().and_then(|name| name.strip_suffix(".log")).map(str::parse) {
            let bytes = entry.metadata().map_err(unlisted)?.len();
            segments.push(SegmentFile { first: Revision(first), bytes });
        }
    }
    segments.sort_unstable_by_key(|segment| segment.first);
    Ok(segments)
}

/// The frames of a segment, one after another.
pub struct Frames {
    file: BufReader<File>,
    segment: SegmentFile,
    offset: u64,
    expected: Expected,
    frame: Vec<u8>,
}

/// A frame that was checked, and its bytes.
pub struct WholeFrame<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// What it holds.
    pub(in crate::store) frame: Frame<'a>,
}

impl Frames {
    /// The next frame; none at the end, or where there is nothing but room for more.
    pub fn read(&mut self) -> Result<Option<WholeFrame<'_>>, ReadError> {
        let left = self.segment.bytes.saturating_sub(self.offset);
        if left == 0 {
            return Ok(None);
        }
        self.frame.clear();
        self.fill(usize::try_from(left).map_or(HEADER_BYTES, |left| left.min(HEADER_BYTES)))?;
        if frame::is_room(&self.frame) && frame::is_room(&self.rest()?) {
            return Ok(None);
        }
        let header = Header::read(&self.frame).ok_or_else(|| self.damaged("the frame's header is cut off"))?;
        if header.size as u64 > left {
            return Err(self.damaged("the frame is cut off").into());
        }
        self.fill(header.size)?;
        let begin = self.offset;
        let damage = |reason| Damage { segment: self.segment.name(), offset: begin, reason };
        let frame = Frame::check(&self.frame, self.expected).map_err(damage)?;
        self.offset += header.size as u64;
        self.expected = frame.expects(self.expected.form);
        Ok(Some(WholeFrame { bytes: &self.frame, frame }))
    }

    /// The revision after the last frame read.
    pub fn next(&self) -> Revision {
        self.expected.first
    }

    /// The chain up to the last frame read, where it is known.
    pub fn chain(&self) -> Option<Hash> {
        self.expected.chain
    }

    /// The same frames, of which the first has to build on this chain.
    #[must_use]
    pub fn building_on(mut self, chain: Option<Hash>) -> Frames {
        self.expected.chain = chain.or(self.expected.chain);
        self
    }

    /// Where the next frame begins, in bytes.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Damage where the next frame should begin.
    pub fn damaged(&self, reason: &'static str) -> Damage {
        Damage { segment: self.segment.name(), offset: self.offset, reason }
    }

    fn fill(&mut self, size: usize) -> Result<(), ReadError> {
        let have = self.frame.len();
        self.frame.resize(size.max(have), 0);
        let read = self.file.read_exact(self.frame.get_mut(have..).unwrap_or_default());
        read.map_err(|source| self.segment.unreadable(source))
    }

    /// Whether what could not be read as a frame is a write cut short.
    pub fn ends_torn(&self) -> Result<bool, ReadError> {
        Ok(frame::is_torn(&self.rest()?, self.expected.first))
    }

    /// The bytes behind the last frame read.
    fn rest(&self) -> Result<Vec<u8>, ReadError> {
        let left = usize::try_from(self.segment.bytes.saturating_sub(self.offset)).unwrap_or(usize::MAX);
        let mut rest = vec![0; left];
        let read = self.file.get_ref().read_exact_at(&mut rest, self.offset);
        read.map_err(|source| self.segment.unreadable(source))?;
        Ok(rest)
    }
}

/// Records on their way out.
struct OfflineRecords {
    log: OfflineLog,
    segment: usize,
    frames: Option<Frames>,
    /// The chain up to the end of the segment before.
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
                let nowhere = || Damage { segment: String::new(), offset: 0, reason: "no segment holds the revision" };
                let segment = self.log.segments.get(self.segment).ok_or_else(nowhere)?;
                self.segment += 1;
                self.frames.insert(self.log.frames(segment)?.building_on(self.chain))
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
