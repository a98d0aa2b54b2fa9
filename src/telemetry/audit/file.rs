//! The file that is written, and when the next one is begun.

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
use super::line;
use super::sync::{self, Put, Syncing};
use super::trail::close::span_of;
use super::trail::{Trail, directory_of};

/// How often the file is put on the disk while it grows.
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// A file is closed after this time however small it is, so that lines go soon after they have become old enough.
const CLOSED_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// How long the proof may take that lines can be written.
pub(super) const PROVED_WITHIN: Duration = Duration::from_secs(10);

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file that is written. Closed ones are beside it.
    pub path: PathBuf,
    /// How many bytes a file may have before the next one is begun.
    pub file_bytes: u64,
    /// How long lines are kept.
    pub keep: Keep,
    /// How many bytes all files may take. None: what was kept at the first start.
    pub max_bytes: Option<u64>,
}

/// The audit cannot be written where it should be.
#[derive(Debug, thiserror::Error)]
pub enum AuditFileError {
    /// Something else is there.
    #[error("{path} is not a regular file: name one in audit_file, or a path at which one can be made")]
    NotAFile {
        /// Where.
        path: PathBuf,
    },
    /// The file cannot be opened, written or synced.
    #[error(
        "{path} cannot be opened, written and synced: name another file in audit_file, or make room and set its rights"
    )]
    Unwritable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Opening, writing or syncing the file does not return.
    #[error(
        "{path} could not be opened, written and synced within {} s: its disk blocks. Name another file in audit_file, or \
         see to the disk",
        within.as_secs()
    )]
    Blocked {
        /// Which.
        path: PathBuf,
        /// How long it was waited for.
        within: Duration,
    },
    /// A thread does not start.
    #[error("its thread cannot be started")]
    NoThread(#[source] io::Error),
}

/// What lines are written to.
pub(super) trait Sink: Send {
    /// Makes sure that lines can be written, as far as that shows without writing any.
    fn ensure(&mut self) -> io::Result<()>;

    /// Writes whole lines, the first of them of this instant.
    fn append(&mut self, at: Timestamp, lines: &[u8]) -> io::Result<()>;

    /// Does what is due by now to have written lines on the disk. An error: nothing will be any more.
    fn tend(&mut self, now: Instant) -> io::Result<()>;

    /// Puts everything on the disk, and waits for that.
    fn finish(self);
}

/// The file that is written.
pub(super) struct LineFile {
    place: Place,
    trail: Trail,
    /// Where it says that a file was closed.
    closed: Sender<()>,
    syncing: Syncing,
    open: Option<Open>,
}

struct Open {
    file: Arc<File>,
    device: u64,
    inode: u64,
    bytes: u64,
    /// When its first line was written. None: it has none.
    first: Option<Timestamp>,
    /// Since when there are lines that may not be on the disk.
    grown_since: Option<Instant>,
}

impl LineFile {
    /// Opens the file, and proves that it can be written by a line that says so, synced.
    pub(super) fn open(
        place: Place,
        syncing: Syncing,
        closed: Sender<()>,
        at: Timestamp,
    ) -> Result<LineFile, AuditFileError> {
        let (trail, line) = (Trail::of(&place.path), line::event(at, "started"));
        let proved = trail.clone();
        let file = in_time(&place.path, PROVED_WITHIN, move || {
            let file = prove(proved.open(), &line)?;
            proved.take_over().map_err(unwritable(proved.open()))?;
            Ok(file)
        })?;
        let mut open = Open::of(file).map_err(unwritable(&place.path))?;
        open.first = Some(span_of(&place.path).map_err(unwritable(&place.path))?.first);
        Ok(LineFile { place, trail, closed, syncing, open: Some(open) })
    }

    /// Whether the next lines go into the next file.
    fn is_full(&self, at: Timestamp) -> bool {
        self.open.as_ref().is_some_and(|open| {
            let is_old = open.first.is_some_and(|first| at.duration_since(first) >= CLOSED_AFTER);
            open.bytes >= self.place.file_bytes || is_old
        })
    }

    /// Lets go of the file, which is put on the disk.
    fn leave(&mut self) -> io::Result<()> {
        self.open.take().map_or(Ok(()), |open| self.syncing.put(Put::File(open.file)))
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.leave()?;
        self.trail.close(&self.place.path)?;
        // Without the thread that packs files there is none to wake.
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
    /// A file that was moved or removed is begun again.
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
        self.open = Some(Open::of(file)?);
        self.syncing.put(Put::Names(directory.to_owned()))
    }

    /// After an error the last line may be there in part: it is written again, after a new line.
    fn append(&mut self, at: Timestamp, lines: &[u8]) -> io::Result<()> {
        self.ensure()?;
        if self.is_full(at) {
            self.rotate()?;
        }
        let Some(open) = &mut self.open else { return Err(io::ErrorKind::NotFound.into()) };
        let written = (&*open.file).write_all(lines);
        open.bytes += lines.len() as u64;
        open.first.get_or_insert(at);
        open.grown_since.get_or_insert_with(Instant::now);
        if written.is_err() {
            // Whatever is wrong with this file, the next try begins with opening it.
            let _line_is_ended = (&*open.file).write_all(b"\n");
            self.leave()?;
        }
        written
    }

    fn tend(&mut self, now: Instant) -> io::Result<()> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let is_due = open.grown_since.is_some_and(|since| now.duration_since(since) >= SYNC_EVERY);
        if !is_due || self.syncing.is_busy() {
            return Ok(());
        }
        open.grown_since = None;
        self.syncing.put(Put::File(Arc::clone(&open.file)))
    }

    fn finish(mut self) {
        // Without the thread that syncs there is nothing to wait for.
        self.leave().ok();
        self.syncing.finish();
    }
}

/// Proves that lines can be written to a file, and leaves no file or directory behind that was not there.
pub fn check(path: &Path, at: Timestamp) -> Result<(), AuditFileError> {
    let checked = path.to_owned();
    in_time(path, PROVED_WITHIN, move || check_now(&checked, at))
}

fn check_now(path: &Path, at: Timestamp) -> Result<(), AuditFileError> {
    let missing: Vec<_> =
        directory_of(path).ancestors().take_while(|directory| !directory.exists()).map(Path::to_owned).collect();
    let is_new = fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let proved = prove(path, &line::event(at, "checked")).map(drop);
    if is_new {
        fs::remove_file(path).ok();
    }
    for made in missing {
        fs::remove_dir(made).ok();
    }
    proved
}

/// Does what a disk may block, on a thread of its own, which is left behind if it takes longer than this.
pub(super) fn in_time<T: Send + 'static>(
    path: &Path,
    within: Duration,
    work: impl FnOnce() -> Result<T, AuditFileError> + Send + 'static,
) -> Result<T, AuditFileError> {
    let (sender, receiver) = channel();
    let work = move || sender.send(work()).unwrap_or_default();
    thread::Builder::new().name("audit check".to_owned()).spawn(work).map_err(AuditFileError::NoThread)?;
    receiver.recv_timeout(within).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Err(AuditFileError::Blocked { path: path.to_owned(), within }),
        RecvTimeoutError::Disconnected => Err(unwritable(path)(io::Error::other("the check broke off"))),
    })
}

/// Opens a file, writes a line and syncs both the line and the file's name.
fn prove(path: &Path, line: &str) -> Result<File, AuditFileError> {
    let unwritable = unwritable(path);
    fs::create_dir_all(directory_of(path)).map_err(&unwritable)?;
    let file = open(path).map_err(&unwritable)?.ok_or_else(|| AuditFileError::NotAFile { path: path.to_owned() })?;
    let written = (&file).write_all(line.as_bytes()).and_then(|()| file.sync_data());
    written.and_then(|()| sync::names(directory_of(path))).map_err(unwritable)?;
    Ok(file)
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> AuditFileError {
    move |source| AuditFileError::Unwritable { path: path.to_owned(), source }
}

/// Opens a regular file to write behind its end, and makes it if it is not there. None: something else is there. It
/// never waits, as it would for the reader of a pipe.
fn open(path: &Path) -> io::Result<Option<File>> {
    let is_regular = |found: &Metadata| found.is_file();
    if fs::metadata(path).is_ok_and(|found| !is_regular(&found)) {
        return Ok(None);
    }
    let never_waits = i32::try_from((OFlags::NONBLOCK | OFlags::NOCTTY).bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().create(true).append(true).mode(0o600).custom_flags(never_waits).open(path)?;
    Ok(is_regular(&file.metadata()?).then_some(file))
}
