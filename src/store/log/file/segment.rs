//! What is known about the segments in memory: their lengths, and the offsets of some frames.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crate::domain::id::Revision;
use crate::store::disk::Disk;

/// The minimum distance in bytes between frames whose offsets are kept.
const OFFSET_INTERVAL_BYTES: u64 = 64 * 1024;

/// The file name of the segment that begins with a revision.
pub(in crate::store) fn segment_name(first: Revision) -> String {
    format!("{:020}.log", first.0)
}

/// One file of the log.
pub(super) struct Segment {
    /// The first revision, after which the file is named.
    pub first: Revision,
    extent: Mutex<Extent>,
}

struct Extent {
    /// The offset in bytes where the last durable frame ends.
    end: u64,
    offsets: FrameOffsets,
    /// True if the offsets cover the segment up to its end. False until a reader has scanned it.
    is_scanned: bool,
}

/// A sparse list of frame offsets, in order.
#[derive(Default)]
pub(super) struct FrameOffsets(Vec<(Revision, u64)>);

impl FrameOffsets {
    /// Adds a frame, if it is far enough from the last one in the list.
    pub fn note(&mut self, first: Revision, begin: u64) {
        if self.0.last().is_none_or(|(_, at)| begin - at >= OFFSET_INTERVAL_BYTES) {
            self.0.push((first, begin));
        }
    }
}

impl Segment {
    /// An empty segment.
    pub fn new(first: Revision) -> Segment {
        Segment { first, extent: Mutex::new(Extent { end: 0, offsets: FrameOffsets::default(), is_scanned: true }) }
    }

    /// A closed segment of which only the length is known.
    pub fn closed(first: Revision, end: u64) -> Segment {
        Segment { first, extent: Mutex::new(Extent { end, offsets: FrameOffsets::default(), is_scanned: false }) }
    }

    /// The file name.
    pub fn name(&self) -> String {
        segment_name(self.first)
    }

    /// Adds a durable frame that begins where the last one ended.
    pub fn grow(&self, first: Revision, size: u64) {
        let mut extent = self.extent();
        let begin = extent.end;
        extent.offsets.note(first, begin);
        extent.end = begin + size;
    }

    /// The offset in bytes where the last durable frame ends.
    pub fn end(&self) -> u64 {
        self.extent().end
    }

    /// The closest known frame at or before a revision: its first revision and its offset.
    ///
    /// `None` if the segment must be scanned first: see [`Segment::set_offsets`].
    pub fn nearest_frame(&self, revision: Revision) -> Option<(Revision, u64)> {
        let extent = self.extent();
        if !extent.is_scanned && revision > self.first {
            return None;
        }
        let after = extent.offsets.0.partition_point(|(first, _)| *first <= revision);
        Some(after.checked_sub(1).and_then(|at| extent.offsets.0.get(at)).copied().unwrap_or((self.first, 0)))
    }

    /// Stores the frame offsets that a scan has found.
    pub fn set_offsets(&self, offsets: FrameOffsets) {
        let mut extent = self.extent();
        if !extent.is_scanned {
            extent.offsets = offsets;
            extent.is_scanned = true;
        }
    }

    fn extent(&self) -> MutexGuard<'_, Extent> {
        self.extent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The state that the writer and the readers share.
pub(super) struct Shared {
    /// The disk that the files are on.
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

    /// The path of a segment's file.
    pub fn path(&self, segment: &Segment) -> PathBuf {
        self.directory.join(segment.name())
    }

    /// Adds a segment after the others.
    pub fn add(&self, segment: Arc<Segment>) {
        self.segments.write().unwrap_or_else(PoisonError::into_inner).insert(segment.first, segment);
    }

    /// Makes the records up to `head` visible to readers.
    pub fn publish(&self, head: Revision) {
        self.head.store(head.0, Ordering::Release);
    }

    /// The last record that is visible to readers.
    pub fn head(&self) -> Revision {
        Revision(self.head.load(Ordering::Acquire))
    }

    /// The first revision of the segment that is being written.
    pub fn active_first(&self) -> Revision {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.keys().next_back().copied().unwrap_or(Revision(1))
    }

    /// All segments, in order.
    pub fn segments(&self) -> Vec<Arc<Segment>> {
        self.segments.read().unwrap_or_else(PoisonError::into_inner).values().map(Arc::clone).collect()
    }

    /// The segment that holds a revision, if there is one.
    pub fn segment_of(&self, revision: Revision) -> Option<Arc<Segment>> {
        let segments = self.segments.read().unwrap_or_else(PoisonError::into_inner);
        segments.range(..=revision).next_back().map(|(_, segment)| Arc::clone(segment))
    }
}
