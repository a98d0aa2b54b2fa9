//! What the log asks of a file system, few enough operations that a simulated one can stand in for it.
//!
//! Nothing written counts before `sync_data` has returned, and no name before `sync_dir` of its directory has.

#[cfg(test)]
pub(crate) mod simulated;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::Advice;

/// The largest piece of a file that the system keeps in memory, or forgets, as one. It begins at a multiple of its size.
const LARGEST_FOLIO_BYTES: u64 = 2 * 1024 * 1024;

/// A file system.
pub trait Disk: Send + Sync {
    /// The names in a directory, in no order.
    fn list(&self, directory: &Path) -> io::Result<Vec<String>>;
    /// Makes a file that does not exist yet, for its owner alone.
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that exists, to read and to write.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a file that exists, to read.
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file a second name, which does not exist yet.
    fn link(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Gives a file another name, replacing what had it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names of a directory durable.
    fn sync_dir(&self, directory: &Path) -> io::Result<()>;
    /// How much room there is.
    fn space(&self, directory: &Path) -> io::Result<Space>;
}

/// A file of a [`Disk`].
pub trait DiskFile: Send + Sync {
    /// Its length in bytes.
    fn size(&self) -> io::Result<u64>;
    /// Fills the buffer with the bytes from `offset` on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// The same from the medium and not from memory, as far as the two can be told apart.
    fn read_medium_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(buffer, offset)
    }
    /// Writes the bytes at `offset`. After an error some of them may have been written.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts the file to a length.
    fn truncate(&self, length: u64) -> io::Result<()>;
    /// Makes contents and length durable. After an error nothing is known of what was written since the last success.
    fn sync_data(&self) -> io::Result<()>;
}

/// The room on a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// In all.
    pub total: u64,
    /// Left for this process.
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
        // Advice that is not taken makes a reading no worse than any other. Nothing is read ahead: it would be forgotten.
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

    /// How much this thread had the medium read.
    fn bytes_from_medium() -> u64 {
        let told = fs::read_to_string("/proc/thread-self/io").unwrap();
        told.lines().find_map(|line| line.strip_prefix("read_bytes: ")).unwrap().parse().unwrap()
    }

    #[test]
    fn what_the_system_remembers_of_a_file_does_not_stand_in_for_the_medium() {
        // Beside what was built, because a directory for what is temporary may be in memory.
        let directory = tempfile::tempdir_in(std::env::current_exe().unwrap().parent().unwrap()).unwrap();
        let file = RealDisk.create_new(&directory.path().join("0.log")).unwrap();
        let bytes: Vec<_> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        file.write_all_at(&bytes, 0).unwrap();
        file.sync_data().unwrap();
        let mut read = vec![0; 70_000];
        let before = bytes_from_medium();
        file.read_exact_at(&mut read, 100_001).unwrap();
        assert_eq!(bytes_from_medium(), before, "the system remembers it");
        for time in 1..=2 {
            read.fill(0);
            file.read_medium_exact_at(&mut read, 100_001).unwrap();
            assert_eq!(read, bytes[100_001..170_001]);
            assert!(bytes_from_medium() >= before + time * 70_000);
        }
    }
}
