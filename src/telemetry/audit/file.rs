//! The file of lines, and how it is rotated.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file that is written. Older ones are beside it, with `.1`, `.2` … behind its name, the newest first.
    pub path: PathBuf,
    /// How many bytes a file may have before the next one is begun.
    pub file_bytes: u64,
    /// How many files are kept, the one that is written among them. The oldest ones are removed.
    pub files: u32,
}

/// The file that is written.
pub(super) struct LineFile {
    place: Place,
    open: Option<Open>,
}

struct Open {
    file: File,
    device: u64,
    inode: u64,
    bytes: u64,
}

impl LineFile {
    pub(super) fn new(place: Place) -> LineFile {
        LineFile { place, open: None }
    }

    /// Makes sure that the file at the place is the one that is written: one that was moved or removed is begun again.
    pub(super) fn ensure(&mut self) -> io::Result<()> {
        let is_there = self.open.as_ref().is_some_and(|open| {
            fs::metadata(&self.place.path).is_ok_and(|at| (at.dev(), at.ino()) == (open.device, open.inode))
        });
        if is_there {
            return Ok(());
        }
        self.open = None;
        if let Some(directory) = self.place.path.parent() {
            fs::create_dir_all(directory)?;
        }
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(&self.place.path)?;
        let at = file.metadata()?;
        self.open = Some(Open { file, device: at.dev(), inode: at.ino(), bytes: at.len() });
        Ok(())
    }

    /// Writes whole lines. After an error the last one may be there in part: it is written again, after a new line.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.ensure()?;
        if self.open.as_ref().is_some_and(|open| open.bytes >= self.place.file_bytes) {
            self.rotate()?;
        }
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        let written = open.file.write_all(lines);
        open.bytes += lines.len() as u64;
        if written.is_err() {
            // Whatever is wrong with this file, the next try begins with opening it.
            let _line_is_ended = open.file.write_all(b"\n");
            self.open = None;
        }
        written
    }

    fn rotate(&mut self) -> io::Result<()> {
        if let Some(open) = self.open.take() {
            put_on_disk(open.file)?;
        }
        let oldest = self.place.files.saturating_sub(1);
        for number in (0..oldest).rev() {
            let (from, to) = (older(&self.place.path, number), older(&self.place.path, number + 1));
            match fs::rename(from, to) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if oldest == 0 {
            fs::remove_file(&self.place.path)?;
        }
        self.ensure()
    }

    /// Puts what was written on the disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.open.as_ref().map_or(Ok(()), |open| open.file.sync_all())
    }
}

/// Puts a file on the disk that is written no more. Whoever writes the next one does not wait for it: that takes the disk
/// up to seconds, in which questions would have to be refused.
fn put_on_disk(file: File) -> io::Result<()> {
    let sync = move || {
        if let Err(error) = file.sync_all() {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a file of the audit cannot be put on the disk: a power cut may take it");
        }
    };
    thread::Builder::new().name("audit sync".to_owned()).spawn(sync).map(drop)
}

/// The file that was written `number` rotations ago.
fn older(path: &Path, number: u32) -> PathBuf {
    if number == 0 {
        return path.to_owned();
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{number}"));
    name.into()
}
