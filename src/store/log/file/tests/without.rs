//! A disk that behaves as if the log lacked one of its protections.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::store::disk::simulated::SimulatedDisk;
use crate::store::disk::{Disk, DiskFile, Space};

/// The protection that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Contents are not synced.
    SyncOfData,
    /// Names are not synced.
    SyncOfNames,
    /// The last segment is not copied: it is truncated where it is torn, synced, and accepted as the operating system
    /// shows it.
    CopyAtOpening,
}

pub struct Without {
    pub disk: SimulatedDisk,
    pub protection: Protection,
}

impl Without {
    fn wrap(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(File {
            file,
            syncs: self.protection != Protection::SyncOfData,
            skips_first_write: AtomicBool::new(false),
        })
    }

    fn skips_copy(&self, path: &Path) -> bool {
        self.protection == Protection::CopyAtOpening && path.extension().is_some_and(|extension| extension == "tmp")
    }
}

impl Disk for Without {
    fn list(&self, directory: &Path) -> io::Result<Vec<String>> {
        self.disk.list(directory)
    }
    fn create_new(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        if self.skips_copy(path) {
            let original: PathBuf = path.with_extension("log");
            return Ok(Box::new(File {
                file: self.disk.open(&original)?,
                syncs: true,
                skips_first_write: AtomicBool::new(true),
            }));
        }
        Ok(self.wrap(self.disk.create_new(path)?))
    }
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.wrap(self.disk.open(path)?))
    }
    fn open_to_read(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.open(path)
    }
    fn link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.link(from, to)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.skips_copy(from) { Ok(()) } else { self.disk.rename(from, to) }
    }
    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn sync_dir(&self, directory: &Path) -> io::Result<()> {
        if self.protection == Protection::SyncOfNames { Ok(()) } else { self.disk.sync_dir(directory) }
    }
    fn space(&self, directory: &Path) -> io::Result<Space> {
        self.disk.space(directory)
    }
}

struct File {
    file: Box<dyn DiskFile>,
    syncs: bool,
    /// True if this file stands for the copy of a segment. The first write to it only truncates, because the bytes are
    /// there.
    skips_first_write: AtomicBool,
}

impl DiskFile for File {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if self.skips_first_write.swap(false, Ordering::Relaxed) {
            return self.file.truncate(bytes.len() as u64);
        }
        self.file.write_all_at(bytes, offset)
    }
    fn truncate(&self, length: u64) -> io::Result<()> {
        self.file.truncate(length)
    }
    fn sync_data(&self) -> io::Result<()> {
        if self.syncs { self.file.sync_data() } else { Ok(()) }
    }
}
