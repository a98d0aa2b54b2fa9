//! Reading the segments of a log while it grows.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::domain::id::Revision;
use crate::store::disk::{Disk, DiskFile};

use super::frame::{Frame, HEADER_BYTES, Header};
use super::{Damage, ReadError, ReadLog, Records};

/// How far apart the frames are whose place is remembered.
const MARK_EVERY_BYTES: u64 = 64 * 1024;

/// One file of the log.
pub(super) struct Segment {
    /// Its first revision, after which it is named.
    pub first: Revision,
    extent: Mutex<Extent>,
}

struct Extent {
    /// Where its last durable frame ends.
    end: u64,
    /// Where some of its frames begin, in order.
    marks: Vec<(Revision, u64)>,
}

impl Segment {
    /// An empty segment.
    pub fn new(first: Revision) -> Segment {
        Segment { first, extent: Mutex::new(Extent { end: 0, marks: vec![(first, 0)] }) }
    }

    /// The name of its file.
    pub fn name(&self) -> String {
        format!("{:020}.log", self.first.0)
    }

    /// Takes note of a durable frame that begins where the last one ended.
    pub fn grow(&self, first: Revision, size: u64) {
        let mut extent = self.extent();
        let begin = extent.end;
        if extent.marks.last().is_none_or(|(_, at)| begin - at >= MARK_EVERY_BYTES) {
            extent.marks.push((first, begin));
        }
        extent.end = begin + size;
    }

    /// Where its last durable frame ends.
    pub fn end(&self) -> u64 {
        self.extent().end
    }

    /// Where to begin looking for a revision.
    fn near(&self, revision: Revision) -> u64 {
        let extent = self.extent();
        let after = extent.marks.partition_point(|(first, _)| *first <= revision);
        extent.marks.get(after.saturating_sub(1)).map_or(0, |(_, at)| *at)
    }

    fn extent(&self) -> MutexGuard<'_, Extent> {
        self.extent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the writing end and the reading ends know together.
pub(super) struct Shared {
    /// Where the files are.
    pub disk: Arc<dyn Disk>,
    /// The log's directory.
    pub directory: PathBuf,
    segments: RwLock<BTreeMap<Revision, Arc<Segment>>>,
    head: AtomicU64,
}

impl Shared {
    /// A log without segments.
    pub fn new(disk: Arc<dyn Disk>, directory: PathBuf) -> Shared {
        Shared { disk, directory, segments: RwLock::default(), head: AtomicU64::new(0) }
    }

    /// Adds a segment behind the others.
    pub fn add(&self, segment: Arc<Segment>) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(segment.first, segment);
    }

    /// Lets readers see the records up to here.
    pub fn publish(&self, head: Revision) {
        self.head.store(head.0, Ordering::Release);
    }

    fn segment_of(&self, revision: Revision) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.range(..=revision).next_back().map(|(_, segment)| Arc::clone(segment))
    }
}

/// A reading end of a log in files.
pub(super) struct FileReader(pub Arc<Shared>);

impl ReadLog for FileReader {
    fn head(&self) -> Revision {
        Revision(self.0.head.load(Ordering::Acquire))
    }

    fn read(&self, from: Revision, to: Revision) -> Records {
        let next = from.max(Revision(1));
        let to = to.min(self.head());
        Box::new(FileRecords { shared: Arc::clone(&self.0), next, to, place: None, ready: VecDeque::new() })
    }
}

/// Records on their way out.
struct FileRecords {
    shared: Arc<Shared>,
    next: Revision,
    to: Revision,
    place: Option<Place>,
    ready: VecDeque<Vec<u8>>,
}

/// How far a segment was read.
struct Place {
    segment: Arc<Segment>,
    file: Box<dyn DiskFile>,
    offset: u64,
}

impl Place {
    fn damaged(&self, reason: &'static str) -> ReadError {
        Damage { segment: self.segment.name(), offset: self.offset, reason }.into()
    }

    fn read(&self, size: usize) -> Result<Vec<u8>, ReadError> {
        if self.segment.end() - self.offset < size as u64 {
            return Err(self.damaged("the frame is cut off"));
        }
        let mut bytes = vec![0; size];
        let read = self.file.read_exact_at(&mut bytes, self.offset);
        read.map_err(|source| ReadError::Disk { segment: self.segment.name(), source })?;
        Ok(bytes)
    }

    fn header(&self) -> Result<Header, ReadError> {
        Header::read(&self.read(HEADER_BYTES)?).ok_or_else(|| self.damaged("the frame's header is cut off"))
    }
}

impl FileRecords {
    /// The place where the next record is, or somewhat before it.
    fn place(&mut self) -> Result<Place, ReadError> {
        if let Some(place) = self.place.take_if(|place| place.offset < place.segment.end()) {
            return Ok(place);
        }
        let nowhere = || Damage { segment: String::new(), offset: 0, reason: "no segment holds the revision" };
        let segment = self.shared.segment_of(self.next).ok_or_else(nowhere)?;
        let opened = self.shared.disk.open(&self.shared.directory.join(segment.name()));
        let file = opened.map_err(|source| ReadError::Disk { segment: segment.name(), source })?;
        let offset = segment.near(self.next);
        Ok(Place { segment, file, offset })
    }

    /// Reads the frame that holds the next record.
    fn fill(&mut self) -> Result<(), ReadError> {
        let mut place = self.place()?;
        let mut header = place.header()?;
        while header.next() <= self.next {
            place.offset += header.size as u64;
            header = place.header()?;
        }
        let bytes = place.read(header.size)?;
        let frame = Frame::check(&bytes, header.first).map_err(|reason| place.damaged(reason))?;
        if header.first > self.next {
            return Err(place.damaged("the frame does not follow the one before it"));
        }
        for record in frame.records() {
            let (revision, bytes) = record.ok_or_else(|| place.damaged("a record's length is wrong"))?;
            if revision >= self.next {
                self.ready.push_back(bytes.to_vec());
            }
        }
        place.offset += header.size as u64;
        self.place = Some(place);
        Ok(())
    }
}

impl Iterator for FileRecords {
    type Item = Result<(Revision, Vec<u8>), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.to {
            return None;
        }
        if self.ready.is_empty()
            && let Err(error) = self.fill()
        {
            self.to = Revision::ZERO;
            return Some(Err(error));
        }
        let bytes = self.ready.pop_front()?;
        let revision = self.next;
        self.next = revision.next();
        Some(Ok((revision, bytes)))
    }
}
