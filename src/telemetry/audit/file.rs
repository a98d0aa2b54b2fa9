//! The open audit file, and its rotation.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use rustix::fs::OFlags;

use super::keeper::Keep;
use super::last_line::{self, NotWritten};
use super::line;
use super::sync::{self, SyncTarget, Syncing};
use super::trail::close::span_of;
use super::trail::{Trail, directory_of};

/// How often a growing file is synced.
const SYNC_PERIOD: Duration = Duration::from_secs(1);

/// A file is closed at this age even if it is small, so that lines are removed soon after their retention period.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// The deadline of the check that lines can be written.
pub(super) const CHECK_DEADLINE: Duration = Duration::from_secs(10);

/// The location and limits of the audit files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The open file. Closed files are in the same directory.
    pub path: PathBuf,
    /// The size in bytes at which the next file is started.
    pub file_bytes: u64,
    /// How long lines are kept.
    pub keep: Keep,
    /// The maximum size of all files in bytes. None: the share that was stored at the first start.
    pub max_bytes: Option<u64>,
}

/// The audit cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum AuditFileError {
    /// The path is not a regular file.
    #[error("{path} is not a regular file: set audit_file to a regular file, or to a path where one can be created")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The file cannot be opened, written or synced.
    #[error(
        "{path} cannot be opened, written and synced: set audit_file to another file, or free disk space and \
         check its permissions"
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Opening, writing or syncing the file does not return in time.
    #[error(
        "{path} could not be opened, written and synced within {} s: its disk blocks. Set audit_file to another file, or \
         check the disk",
        within.as_secs()
    )]
    Blocked {
        /// The file.
        path: PathBuf,
        /// The deadline that was missed.
        within: Duration,
    },
    /// A thread cannot be started.
    #[error("cannot start a thread of the audit")]
    NoThread(#[source] io::Error),
}

/// The destination of audit lines.
pub(super) trait Sink: Send {
    /// Checks that lines can be written, as far as possible without writing one.
    fn ensure(&mut self) -> io::Result<()>;

    /// Writes complete lines, the first of which has this time. After an error, the next call is given the lines that
    /// are not written.
    fn append(&mut self, at: Timestamp, lines: &[u8]) -> Result<(), NotWritten>;

    /// Starts a sync of written lines if one is due. An error means that lines can no longer be synced.
    fn sync_if_due(&mut self, now: Instant) -> io::Result<()>;

    /// Syncs everything, and waits for it.
    fn finish(self);
}

/// The open audit file.
pub(super) struct LineFile {
    place: Place,
    trail: Trail,
    /// Notifies the thread that packs closed files.
    closed: Sender<()>,
    syncing: Syncing,
    open: Option<Open>,
    write: WriteFn,
}

/// Writes the beginning of a text to a file, and returns its length.
pub(super) type WriteFn = fn(&File, &[u8]) -> io::Result<usize>;

struct Open {
    file: Arc<File>,
    device: u64,
    inode: u64,
    bytes: u64,
    /// The time of its first line. None if it is empty.
    first: Option<Timestamp>,
    /// Since when there are lines that may not be synced.
    grown_since: Option<Instant>,
}

impl LineFile {
    /// Opens the file. To check that it is writable, writes a start line and syncs it.
    pub(super) fn open(
        place: Place,
        syncing: Syncing,
        closed: Sender<()>,
        at: Timestamp,
    ) -> Result<LineFile, AuditFileError> {
        let (trail, line) = (Trail::of(&place.path), line::event(at, "started"));
        let checked = trail.clone();
        let file = with_deadline(&place.path, CHECK_DEADLINE, move || {
            let file = check_writable(checked.open(), &line, last_line::complete)?;
            checked.rename_old_files().map_err(unwritable(checked.open()))?;
            Ok(file)
        })?;
        let mut open = Open::of(file).map_err(unwritable(&place.path))?;
        open.first = Some(span_of(&place.path).map_err(unwritable(&place.path))?.first);
        Ok(LineFile { place, trail, closed, syncing, open: Some(open), write: |mut file, text| file.write(text) })
    }

    /// Replaces how it writes, to test what a disk does.
    #[cfg(test)]
    pub(super) fn writing_with(self, write: WriteFn) -> LineFile {
        LineFile { write, ..self }
    }

    /// True if the next lines belong in a new file.
    fn is_full(&self, at: Timestamp) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let is_old = open.first.is_some_and(|first| at.duration_since(first) >= MAX_AGE);
            open.bytes >= self.place.file_bytes || is_old
        })
    }

    /// Closes the file, and syncs it in the background.
    fn leave(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |open| self.syncing.put(SyncTarget::File(open.file)))
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.leave()?;
        self.trail.close(&self.place.path)?;
        // If the thread that packs files has ended, there is no one to notify.
        self.closed.send(()).ok();
        self.ensure()
    }
}

impl Open {
    fn of(file: File) -> io::Result<Open> {
        let at = file.metadata()?;
        Ok(Open {
            file: Arc::new(file),
            device: at.dev(),
            inode: at.ino(),
            bytes: at.len(),
            first: None,
            grown_since: None,
        })
    }
}

impl Sink for LineFile {
    /// Creates the file again if it was moved or removed.
    fn ensure(&mut self) -> io::Result<()> {
        let is_there = self.open.as_ref().is_some_and(|open| {
            fs::metadata(&self.place.path).is_ok_and(|at| (at.dev(), at.ino()) == (open.device, open.inode))
        });
        if is_there {
            return Ok(());
        }
        self.leave()?;
        let directory = directory_of(&self.place.path);
        fs::create_dir_all(directory)?;
        let file = open(&self.place.path)?.ok_or_else(|| io::Error::other("it is not a regular file"))?;
        last_line::complete(&file)?;
        self.open = Some(Open::of(file)?);
        self.syncing.put(SyncTarget::Directory(directory.to_owned()))
    }

    /// After an error, the last line may be incomplete. It is removed when the file is opened again.
    fn append(&mut self, at: Timestamp, lines: &[u8]) -> Result<(), NotWritten> {
        self.ensure()?;
        if self.is_full(at) {
            self.rotate()?;
        }
        let Some(open) = &mut self.open else { return Err(io::Error::from(io::ErrorKind::NotFound).into()) };
        let written = last_line::write(lines, |text| (self.write)(&open.file, text));
        open.bytes += lines.len() as u64;
        open.first.get_or_insert(at);
        open.grown_since.get_or_insert_with(Instant::now);
        if written.is_err() {
            // A search then finds whole lines, even after a crash. The next attempt reopens the file.
            let _is_removed_again_later = last_line::complete(&open.file);
            self.leave()?;
        }
        written
    }

    fn sync_if_due(&mut self, now: Instant) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let is_due = open.grown_since.is_some_and(|since| now.duration_since(since) >= SYNC_PERIOD);
        if !is_due || self.syncing.is_busy() {
            return Ok(());
        }
        open.grown_since = None;
        self.syncing.put(SyncTarget::File(Arc::clone(&open.file)))
    }

    fn finish(mut self) {
        // If the sync thread has ended, there is nothing to wait for.
        self.leave().ok();
        self.syncing.finish();
    }
}

/// Checks that lines can be written to a file. Removes any file or directory that the check creates.
pub fn check(path: &Path, at: Timestamp) -> Result<(), AuditFileError> {
    let checked = path.to_owned();
    with_deadline(path, CHECK_DEADLINE, move || check_now(&checked, at))
}

fn check_now(path: &Path, at: Timestamp) -> Result<(), AuditFileError> {
    let missing: Vec<_> =
        directory_of(path).ancestors().take_while(|directory| !directory.exists()).map(Path::to_owned).collect();
    let is_new = fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let checked = check_writable(path, &line::event(at, "checked"), last_line::end).map(drop);
    if is_new {
        fs::remove_file(path).ok();
    }
    for made in missing {
        fs::remove_dir(made).ok();
    }
    checked
}

/// Runs work that a blocked disk may delay, on its own thread. After the deadline, the thread is abandoned.
pub(super) fn with_deadline<T: Send + 'static>(
    path: &Path,
    within: Duration,
    work: impl FnOnce() -> Result<T, AuditFileError> + Send + 'static,
) -> Result<T, AuditFileError> {
    let (sender, receiver) = channel();
    let work = move || sender.send(work()).unwrap_or_default();
    thread::Builder::new().name("audit check".to_owned()).spawn(work).map_err(AuditFileError::NoThread)?;
    receiver.recv_timeout(within).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Err(AuditFileError::Blocked { path: path.to_owned(), within }),
        RecvTimeoutError::Disconnected => Err(unwritable(path)(io::Error::other("the check panicked"))),
    })
}

/// Opens a file, treats an incomplete last line, writes a line, and syncs both the line and the file's directory entry.
fn check_writable(path: &Path, line: &str, treat: fn(&File) -> io::Result<()>) -> Result<File, AuditFileError> {
    let unwritable = unwritable(path);
    fs::create_dir_all(directory_of(path)).map_err(&unwritable)?;
    let file = open(path).map_err(&unwritable)?.ok_or_else(|| AuditFileError::NotAFile { path: path.to_owned() })?;
    let written = treat(&file).and_then(|()| (&file).write_all(line.as_bytes())).and_then(|()| file.sync_data());
    written.and_then(|()| sync::names(directory_of(path))).map_err(unwritable)?;
    Ok(file)
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> AuditFileError {
    move |source| AuditFileError::Unwritable { path: path.to_owned(), source }
}

/// Opens a regular file for reading and appending, and creates it if it does not exist. Returns None if the path is not
/// a regular file. Never blocks, as opening a pipe would.
fn open(path: &Path) -> io::Result<Option<File>> {
    let is_regular = |found: &Metadata| found.is_file();
    if fs::metadata(path).is_ok_and(|found| !is_regular(&found)) {
        return Ok(None);
    }
    let never_waits = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).map_err(io::Error::other)?;
    let file =
        OpenOptions::new().read(true).create(true).append(true).mode(0o600).custom_flags(never_waits).open(path)?;
    Ok(is_regular(&file.metadata()?).then_some(file))
}
