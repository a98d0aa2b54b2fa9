//! Replaces the end of a log in files.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::draft::SegmentDraft;
use super::high_water_mark;
use super::offline_reader::{OfflineFiles, segments_in};
use super::segment::segment_name;
use crate::domain::id::Revision;
use crate::store::disk::Disk;
use crate::store::log::{ChangeError, Extent, Form, OfflineLog as _, PreparedEnd, ReadError};

/// A new last segment, written beside the one that it replaces.
pub(super) struct DraftedEnd {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// The first revision of the segment.
    first: Revision,
}

impl DraftedEnd {
    /// Writes a copy of the segment that holds a revision, up to that revision, followed by the new frame.
    pub fn write(
        disk: Arc<dyn Disk>,
        directory: &Path,
        after: Revision,
        frame: &[u8],
    ) -> Result<DraftedEnd, ChangeError> {
        let unreadable = |error| unreadable(directory, error);
        let kept = OfflineFiles::open(Arc::clone(&disk), directory, Extent::UpTo(after), Form::Current);
        let kept = kept.map_err(unreadable)?;
        let Some(last) = kept.parts().last() else {
            return Err(ChangeError::of("read", directory)(io::ErrorKind::NotFound.into()));
        };
        let path = directory.join(segment_name(last.first)).with_extension("tmp");
        let mut draft = SegmentDraft::create(&*disk, &path)?;
        let mut batches = kept.batches(last, None).map_err(unreadable)?;
        while let Some(whole) = batches.read().map_err(unreadable)? {
            draft.write(whole.bytes)?;
        }
        draft.write(frame)?;
        draft.finish()?;
        Ok(DraftedEnd { disk, directory: directory.to_owned(), first: last.first })
    }

    /// Moves the later segments to `set_aside`. From the last to the first, so that an incomplete log never looks
    /// complete.
    fn move_later_segments(&self, set_aside: &Path) -> Result<(), ChangeError> {
        let segments = segments_in(&*self.disk, &self.directory).map_err(|error| unreadable(&self.directory, error))?;
        for later in segments.iter().rev().filter(|segment| segment.first > self.first) {
            let path = self.directory.join(segment_name(later.first));
            let moved = self.disk.rename(&path, &set_aside.join(segment_name(later.first)));
            moved.map_err(ChangeError::of("set aside", &path))?;
        }
        Ok(())
    }
}

impl PreparedEnd for DraftedEnd {
    fn put_in_place(self: Box<Self>, set_aside: &Path) -> Result<(), ChangeError> {
        let path = self.directory.join(segment_name(self.first));
        let linked = self.disk.link(&path, &set_aside.join(segment_name(self.first)));
        linked.map_err(ChangeError::of("set aside", &path))?;
        self.move_later_segments(set_aside)?;
        self.disk.sync_dir(set_aside).map_err(ChangeError::of("made durable", set_aside))?;
        self.disk.rename(&path.with_extension("tmp"), &path).map_err(ChangeError::of("put in place", &path))?;
        self.disk.sync_dir(&self.directory).map_err(ChangeError::of("made durable", &self.directory))
    }
}

/// Moves the published head to `set_aside`.
pub(super) fn withdraw_published_head(disk: &dyn Disk, directory: &Path, set_aside: &Path) -> Result<(), ChangeError> {
    let path = directory.join(high_water_mark::NAME);
    match disk.rename(&path, &set_aside.join(high_water_mark::NAME)) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => {}
        moved => moved.map_err(ChangeError::of("set aside", &path))?,
    }
    disk.sync_dir(directory).map_err(ChangeError::of("made durable", directory))
}

fn unreadable(directory: &Path, error: ReadError) -> ChangeError {
    ChangeError::of("read", directory)(io::Error::other(error))
}
