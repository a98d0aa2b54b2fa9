//! The published head, in a file beside the segments: `log/head`.
//!
//! It is written when a batch is durable, so a head in it that is beyond the log's is proof of lost records. It is not
//! made durable with each batch: one that is behind, torn or missing proves nothing, and no commit depends on it.
//!
//! Twelve bytes, little-endian: the revision and the CRC-32C of it.

use std::io;
use std::path::Path;

use crate::domain::id::Revision;
use crate::store::disk::{Disk, DiskFile};

/// The name of the file.
pub(super) const NAME: &str = "head";

/// How often a marker is read before it is taken to be torn.
const READINGS: u8 = 3;

/// The writing end.
pub(super) struct HighWaterMark {
    /// None if the file could not be made.
    file: Option<Box<dyn DiskFile>>,
}

impl HighWaterMark {
    /// Opens the marker, or makes it, and says durably how far a log goes whose every record is durable.
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

    /// Says that everything up to a revision is durable and published.
    pub fn write(&self, head: Revision) {
        let Some(file) = &self.file else { return };
        // A mark that was not made is one that is behind.
        drop(file.write_all_at(&encode(head), 0));
    }

    /// Makes what was said last durable.
    pub fn sync(&self) {
        let Some(file) = &self.file else { return };
        drop(file.sync_data().inspect_err(warn));
    }
}

fn warn(error: &io::Error) {
    tracing::warn!(event = "high_water_mark_not_written", %error, "the high-water mark of the log could not be written: a loss could go unnoticed");
}

/// How far the log in a directory was published, as far as that is told. Another process may be writing it.
pub(super) fn published_head(disk: &dyn Disk, directory: &Path) -> io::Result<Option<Revision>> {
    // Whoever reads what is being written may see a part of it.
    for _ in 0..READINGS {
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
