//! Writes segments that are not part of a log yet: in large pieces, with one sync at the end.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::segment::segment_name;
use crate::domain::id::Revision;
use crate::store::disk::{Disk, DiskFile};
use crate::store::log::{ChangeError, LogDraft};

/// The number of bytes that are written at once.
const PIECE_BYTES: usize = 1024 * 1024;

/// A segment that is being written.
pub(in crate::store) struct SegmentDraft {
    path: PathBuf,
    file: Box<dyn DiskFile>,
    written: u64,
    buffer: Vec<u8>,
}

impl SegmentDraft {
    /// Creates a new file. Replaces the file that an earlier attempt left behind.
    pub fn create(disk: &dyn Disk, path: &Path) -> Result<SegmentDraft, ChangeError> {
        let created = match disk.create_new(path) {
            Err(left) if left.kind() == io::ErrorKind::AlreadyExists => {
                disk.remove(path).and_then(|()| disk.create_new(path))
            }
            created => created,
        };
        let file = created.map_err(ChangeError::of("made", path))?;
        Ok(SegmentDraft { path: path.to_owned(), file, written: 0, buffer: Vec::new() })
    }

    /// Appends the bytes of a frame.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), ChangeError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() < PIECE_BYTES { Ok(()) } else { self.flush() }
    }

    /// Makes the segment durable. The caller must sync the directory.
    pub fn finish(mut self) -> Result<(), ChangeError> {
        self.flush()?;
        self.file.sync_data().map_err(ChangeError::of("made durable", &self.path))
    }

    fn flush(&mut self) -> Result<(), ChangeError> {
        self.file.write_all_at(&self.buffer, self.written).map_err(ChangeError::of("written", &self.path))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }
}

/// The segments of a log that does not exist yet. They get their final names once all of them are durable.
pub(super) struct FileDraft {
    disk: Arc<dyn Disk>,
    directory: PathBuf,
    /// The final paths of the segments, in order.
    paths: Vec<PathBuf>,
    segment: Option<SegmentDraft>,
}

impl FileDraft {
    pub fn new(disk: Arc<dyn Disk>, directory: &Path) -> FileDraft {
        FileDraft { disk, directory: directory.to_owned(), paths: Vec::new(), segment: None }
    }
}

impl LogDraft for FileDraft {
    fn begin_part(&mut self, first: Revision) -> Result<(), ChangeError> {
        self.segment.take().map_or(Ok(()), SegmentDraft::finish)?;
        let path = self.directory.join(segment_name(first));
        self.segment = Some(SegmentDraft::create(&*self.disk, &path.with_extension("tmp"))?);
        self.paths.push(path);
        Ok(())
    }

    fn write(&mut self, frame: &[u8]) -> Result<(), ChangeError> {
        if self.segment.is_none() {
            self.begin_part(Revision(1))?;
        }
        self.segment.as_mut().map_or(Ok(()), |segment| segment.write(frame))
    }

    fn finish(self: Box<Self>) -> Result<(), ChangeError> {
        self.segment.map_or(Ok(()), SegmentDraft::finish)?;
        // Rename from the last to the first, so that an incomplete log never looks complete.
        for path in self.paths.iter().rev() {
            self.disk.rename(&path.with_extension("tmp"), path).map_err(ChangeError::of("put in place", path))?;
        }
        self.disk.sync_dir(&self.directory).map_err(ChangeError::of("made durable", &self.directory))
    }
}
