//! The operations that the log needs from a file system. They are few, so that a simulated one can replace it in tests.
//!
//! Written data is durable only after `sync_data` has returned, and a name only after `sync_dir` of its directory has.

#[cfg(test)]
pub(crate) mod simulated;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::Advice;

/// The largest unit in which the page cache keeps or drops a file. It begins at a multiple of its size.
const LARGEST_FOLIO_BYTES: u64 = 2 * 1024 * 1024;

/// A file system.
pub trait Disk: Send + Sync {
    /// The names in a directory, in no particular order.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Creates a new file that only its owner can access.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file for reading.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Creates a second name for a file. The new name must not exist.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Renames a file. An existing file with the new name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a directory durable.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;
    /// The space on the file system of a directory.
    fn space(&self, directory: &Path) -> io::Result<Space>;
}

/// A file of a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Fills the buffer with the bytes from `offset` on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Like `read_exact_at`, but reads from the storage device and not from the page cache, where that is possible.
    fn read_medium_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
    /// Writes the bytes at `offset`. After an error some of them may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Truncates the file to a length.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes contents and length durable. After an error, everything written since the last success may or may not be
    /// durable.
    fn sync_data(&self) -> io::Result<()>;
}

/// The space on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// The total space.
    pub total: u64,
    /// The space that is available to this process.
    pub available: u64,
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(File::open(path)?))
    }

    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(from, to)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        File::open(directory)?.sync_all()
    }

    fn space(&self, directory: &Path) -> io::Result<Space> {
        let stat = rustix::fs::statvfs(directory)?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(Space { total: bytes(stat.f_blocks), available: bytes(stat.f_bavail) })
    }
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn read_medium_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let begin = offset - offset % LARGEST_FOLIO_BYTES;
        let end = (offset + buffer.len() as u64).next_multiple_of(LARGEST_FOLIO_BYTES);
        // The advice may be ignored; the read then works as usual. `Random` prevents read-ahead into pages that would
        // be dropped.
        for advice in [Advice::Random, Advice::DontNeed] {
            rustix::fs::fadvise(self, begin, NonZeroU64::new(end - begin), advice).unwrap_or_default();
        }
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn sync_data(&self) -> io::Result<()> {
        File::sync_data(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of bytes that this thread has caused to be read from the storage device.
    fn bytes_from_medium() -> u64 {
        let io = fs::read_to_string("/proc/thread-self/io").unwrap();
        io.lines().find_map(|line| line.strip_prefix("read_bytes: ")).unwrap().parse().unwrap()
    }

    #[test]
    fn reading_the_medium_bypasses_the_page_cache() {
        // Beside the test binary, because the directory for temporary files may be in memory.
        let directory = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
        let file = RealDisk.create_new(&directory.path().join("0.log")).unwrap();
        let bytes: Vec<_> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        file.write_all_at(&bytes, 0).unwrap();
        file.sync_data().unwrap();
        let mut read = vec![0; 70_000];
        let before = bytes_from_medium();
        file.read_exact_at(&mut read, 100_001).unwrap();
        assert_eq!(bytes_from_medium(), before, "read from the page cache");
        for time in 1..=2 {
            read.fill(0);
            file.read_medium_exact_at(&mut read, 100_001).unwrap();
            assert_eq!(read, bytes[100_001..170_001]);
            assert!(bytes_from_medium() >= before + time * 70_000);
        }
    }
}
