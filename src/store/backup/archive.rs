//! A backup as a tar archive, written as a stream: the files of a backup in a directory, with the manifest at the end.
//!
//! An archive without a manifest at its end is incomplete. Segments that the reader already has may be left out; the
//! manifest lists them all the same.

use std::io::Write;
use std::path::Path;

use tar::Header;

use super::manifest::{Listed, Manifest};
use super::reading::Reading;
use super::take::{log_of_data_dir, small_files};
use super::{BackupError, disk};
use crate::store::data_dir::MANIFEST;
use crate::store::log::{OfflineLog, Part, segment_name};
use crate::store::progress::{OnStep, Step, Unit};

/// The size of a block of tar. Each file is filled up to whole blocks.
const BLOCK: usize = 512;

/// The result of writing an archive.
#[derive(Clone, Debug)]
pub struct Archived {
    /// The manifest of the backup.
    pub manifest: Manifest,
    /// The number of segments that the archive contains.
    pub copied: usize,
    /// The number of segments that were left out, because the reader has them.
    pub kept: usize,
    /// True if a registry was running on the data directory.
    pub is_online: bool,
}

/// Writes a backup of a registry as an archive, also while the registry runs.
///
/// `kept` are files that the reader has of an earlier backup. Of these, closed segments with the same bytes are left
/// out. Every frame is verified, and every record decoded.
pub fn archive(
    data_dir: &Path,
    kept: &[Listed],
    out: &mut dyn Write,
    on_step: &mut OnStep<'_>,
) -> Result<Archived, BackupError> {
    let (log, lock) = log_of_data_dir(data_dir)?;
    let small = small_files(data_dir)?;
    let modified = std::fs::metadata(data_dir).and_then(|data_dir| data_dir.modified());
    let seconds = modified.map_err(disk("read", data_dir))?.duration_since(std::time::UNIX_EPOCH);
    let mut tar = Tar { out, seconds: seconds.map_or(0, |since| since.as_secs()) };
    let mut files = Vec::new();
    for (listed, bytes) in small {
        tar.file(&listed.path, &bytes)?;
        files.push(listed);
    }
    let mut step = Step { doing: "backing up the log", unit: Unit::Bytes, done: 0, total: log.bytes() };
    let mut segments = Segments { log: &*log, reading: Reading::new(), kept, copied: 0 };
    let parts: Vec<_> = log.parts().iter().filter(|part| part.bytes > 0).collect();
    for (at, part) in parts.iter().enumerate() {
        let is_closed = at + 1 < parts.len();
        files.push(segments.write(part, is_closed, &mut tar)?);
        step.done += part.bytes;
        on_step(step);
    }
    segments.reading.refuse_pending(&*log)?;
    let manifest = Manifest::of(&segments.reading.tail, files);
    tar.file(MANIFEST, manifest.text().as_bytes())?;
    tar.end()?;
    Ok(Archived { manifest, copied: segments.copied, kept: parts.len() - segments.copied, is_online: lock.is_none() })
}

/// The segments of a log, on their way into an archive.
struct Segments<'a> {
    log: &'a dyn OfflineLog,
    reading: Reading,
    kept: &'a [Listed],
    copied: usize,
}

impl Segments<'_> {
    /// Writes a segment to the archive, unless the reader has it. Returns its entry in the manifest.
    fn write(&mut self, part: &Part, is_closed: bool, tar: &mut Tar<'_>) -> Result<Listed, BackupError> {
        let path = format!("log/{}", segment_name(part.first));
        let bytes = part.bytes;
        let kept = self.kept.iter().find(|kept| is_closed && kept.path == path && kept.bytes == bytes);
        if let Some(kept) = kept {
            // The digest is only known at the end of the segment, when its bytes would already be in the archive.
            let mut reading = self.reading.clone();
            // Nothing is written meanwhile, so a flush has to tell whether the reader is still there.
            let sha256 = reading.part(self.log, part, &mut |_, _, _| tar.flush())?;
            if sha256 == kept.sha256 {
                self.reading = reading;
                return Ok(Listed { path, bytes, sha256 });
            }
        }
        tar.header(&path, bytes)?;
        let sha256 = self.reading.part(self.log, part, &mut |_, _, frame| tar.write(frame))?;
        tar.fill(bytes)?;
        self.copied += 1;
        Ok(Listed { path, bytes, sha256 })
    }
}

/// Writes a tar archive. Files are written in pieces; `tar::Builder` would want to read each itself.
struct Tar<'a> {
    out: &'a mut dyn Write,
    /// The time of every file, in seconds since 1970.
    seconds: u64,
}

impl Tar<'_> {
    fn file(&mut self, path: &str, bytes: &[u8]) -> Result<(), BackupError> {
        let length = bytes.len() as u64;
        self.header(path, length)?;
        self.write(bytes)?;
        self.fill(length)
    }

    fn header(&mut self, path: &str, length: u64) -> Result<(), BackupError> {
        let mut header = Header::new_ustar();
        header.set_path(path).map_err(BackupError::Output)?;
        header.set_size(length);
        header.set_mode(0o600);
        header.set_mtime(self.seconds);
        header.set_cksum();
        self.write(header.as_bytes())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), BackupError> {
        self.out.write_all(bytes).map_err(BackupError::Output)
    }

    fn flush(&mut self) -> Result<(), BackupError> {
        self.out.flush().map_err(BackupError::Output)
    }

    /// Fills the last block of a file.
    fn fill(&mut self, length: u64) -> Result<(), BackupError> {
        let over = usize::try_from(length % BLOCK as u64).unwrap_or_default();
        let zeros = [0; BLOCK];
        self.write(zeros.get(..(BLOCK - over) % BLOCK).unwrap_or_default())
    }

    /// Writes the end of the archive.
    fn end(mut self) -> Result<(), BackupError> {
        self.write(&[0; 2 * BLOCK])?;
        self.flush()
    }
}
