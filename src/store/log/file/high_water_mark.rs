//! The published head, in a file beside the segments: `log/head`.
//!
//! It is written when a batch is durable. So if it is beyond the head of the log, it proves that records were lost. It
//! is not synced with each batch: a head that is behind, torn or missing proves nothing, and no commit depends on it.
//!
//! The file has twelve bytes, little-endian: the revision and its CRC-32C.

use std::io;
use std::path::Path;

use crate::domain::id::Revision;
use crate::store::disk::{Disk, DiskFile};

/// The name of the file.
pub(super) const NAME: &str = "head";

/// How often the file is read before it counts as torn.
const READ_ATTEMPTS: u8 = 3;

/// The writer of the file.
pub(super) struct HighWaterMark {
    /// `None` if the file could not be created.
    file: Option<Box<dyn DiskFile>>,
}

impl HighWaterMark {
    /// Opens or creates the file, and stores durably the head of a log whose every record is durable.
    pub fn open(disk: &dyn Disk, directory: &Path, head: Revision) -> HighWaterMark {
        let path = directory.join(NAME);
        let opened = disk.open(&path).or_else(|_| {
            let made = disk.create_new(&path)?;
            disk.sync_dir(directory)?;
            Ok(made)
        });
        let marker = HighWaterMark { file: opened.inspect_err(warn).ok() };
        marker.write(head);
        marker.sync();
        marker
    }

    /// Stores that everything up to a revision is durable and published.
    pub fn write(&self, head: Revision) {
        let Some(file) = &self.file else { return };
        // An error is ignored: the stored head is then behind, which is allowed.
        drop(file.write_all_at(&encode(head), 0));
    }

    /// Makes the last written head durable.
    pub fn sync(&self) {
        let Some(file) = &self.file else { return };
        drop(file.sync_data().inspect_err(warn));
    }
}

fn warn(error: &io::Error) {
    tracing::warn!(event = "high_water_mark_not_written", %error, "the high-water mark of the log could not be written: a loss could go unnoticed");
}

/// The stored published head, if the file is readable. Another process may be writing it.
pub(super) fn published_head(disk: &dyn Disk, directory: &Path) -> io::Result<Option<Revision>> {
    // A read during a write may return a mix of the old and the new value, so try again.
    for _ in 0..READ_ATTEMPTS {
        let mut bytes = [0; 12];
        let read = disk.open_to_read(&directory.join(NAME)).and_then(|file| file.read_exact_at(&mut bytes, 0));
        match read {
            Ok(()) => {
                if let Some(head) = decode(bytes) {
                    return Ok(Some(head));
                }
            }
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

fn encode(head: Revision) -> [u8; 12] {
    let revision = head.0.to_le_bytes();
    let mut bytes = [0; 12];
    let sum = crc32c::crc32c(&revision).to_le_bytes();
    for (to, from) in bytes.iter_mut().zip(revision.into_iter().chain(sum)) {
        *to = from;
    }
    bytes
}

fn decode(bytes: [u8; 12]) -> Option<Revision> {
    let head = Revision(u64::from_le_bytes(*bytes.first_chunk()?));
    (encode(head) == bytes).then_some(head)
}
