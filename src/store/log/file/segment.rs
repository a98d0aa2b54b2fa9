//! What is known of the segments in memory: how long each is, and where in it some revisions are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::domain::id::Revision;
use crate::store::disk::Disk;

/// How far apart the frames are whose place is remembered.
const MARK_EVERY_BYTES: u64 = 64 * 1024;

/// The name of the file of the segment that begins with a revision.
pub(in crate::store) fn segment_name(first: Revision) -> String {
    format!("{:020}.log", first.0)
}

/// One file of the log.
pub(super) struct Segment {
    /// Its first revision, after which it is named.
    pub first: Revision,
    extent: Mutex<Extent>,
}

struct Extent {
    /// Where its last durable frame ends.
    end: u64,
    marks: Marks,
    /// Whether the marks reach to the end, or nobody has gone through the frames yet.
    is_surveyed: bool,
}

/// Where some of a segment's frames begin, in order.
#[derive(Default)]
pub(super) struct Marks(Vec<(Revision, u64)>);

impl Marks {
    /// Takes note of a frame behind the last one, if it is far enough from the last mark.
    pub fn note(&mut self, first: Revision, begin: u64) {
        if self.0.last().is_none_or(|(_, at)| begin - at >= MARK_EVERY_BYTES) {
            self.0.push((first, begin));
        }
    }
}

impl Segment {
    /// An empty segment.
    pub fn new(first: Revision) -> Segment {
        Segment { first, extent: Mutex::new(Extent { end: 0, marks: Marks::default(), is_surveyed: true }) }
    }

    /// A segment of which only the length is known.
    pub fn closed(first: Revision, end: u64) -> Segment {
        Segment { first, extent: Mutex::new(Extent { end, marks: Marks::default(), is_surveyed: false }) }
    }

    /// The name of its file.
    pub fn name(&self) -> String {
        segment_name(self.first)
    }

    /// Takes note of a durable frame that begins where the last one ended.
    pub fn grow(&self, first: Revision, size: u64) {
        let mut extent = self.extent();
        let begin = extent.end;
        extent.marks.note(first, begin);
        extent.end = begin + size;
    }

    /// Where its last durable frame ends.
    pub fn end(&self) -> u64 {
        self.extent().end
    }

    /// A frame at or before a revision, as near as is known: its first revision and where it begins.
    ///
    /// None: somebody has to go through the frames first, and [`Segment::survey`].
    pub fn near(&self, revision: Revision) -> Option<(Revision, u64)> {
        let extent = self.extent();
        if !extent.is_surveyed && revision > self.first {
            return None;
        }
        let after = extent.marks.0.partition_point(|(first, _)| *first <= revision);
        Some(after.checked_sub(1).and_then(|at| extent.marks.0.get(at)).copied().unwrap_or((self.first, 0)))
    }

    /// Takes the marks of somebody who went through the frames.
    pub fn survey(&self, marks: Marks) {
        let mut extent = self.extent();
        if !extent.is_surveyed {
            extent.marks = marks;
            extent.is_surveyed = true;
        }
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

    /// The file of a segment.
    pub fn path(&self, segment: &Segment) -> PathBuf {
        self.directory.join(segment.name())
    }

    /// Adds a segment behind the others.
    pub fn add(&self, segment: Arc<Segment>) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(segment.first, segment);
    }

    /// Lets readers see the records up to here.
    pub fn publish(&self, head: Revision) {
        self.head.store(head.0, Ordering::Release);
    }

    /// The last record that readers see.
    pub fn head(&self) -> Revision {
        Revision(self.head.load(Ordering::Acquire))
    }

    /// The first revision of the segment that is written to.
    pub fn active_first(&self) -> Revision {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.keys().next_back().copied().unwrap_or(Revision(1))
    }

    /// Every segment, in order.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }

    /// The segment that holds a revision, if one does.
    pub fn segment_of(&self, revision: Revision) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.range(..=revision).next_back().map(|(_, segment)| Arc::clone(segment))
    }
}
