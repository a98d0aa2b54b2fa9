//! The files of the audit: the open one, and the closed ones in the same directory.
//!
//! The name of a closed file contains a serial number and the times of its first and last line, to the second:
//! `reads.jsonl.00000042.20261128T161227Z-20261129T161226Z`. The serial numbers give the order of the files, and the
//! times their age, whatever was done to the files in between. A packed file has the suffix `.packed`. Both forms exist
//! for a moment while a file is packed. The unpacked form then takes precedence, so a crash leaves one form or both,
//! but never none.

pub(super) mod close;
mod columns;
mod filter;
pub(super) mod line_keys;
pub(super) mod pack;
mod packed;
pub(super) mod search;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The suffix of a packed file, and of one that is being packed.
const PACKED: &str = ".packed";
const UNFINISHED: &str = ".packed.tmp";

/// The format of an instant in a name.
const INSTANT: &str = "%Y%m%dT%H%M%SZ";

/// The location of the audit files.
#[derive(Clone, Debug)]
pub(super) struct Trail {
    open: PathBuf,
    directory: PathBuf,
    name: String,
}

/// The instants of the first and the last line of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Timestamp,
    pub(super) last: Timestamp,
}

impl Span {
    /// Creates the span of a file. If the clock was set back, the last instant is that of the first line.
    pub(super) fn new(first: Timestamp, last: Timestamp) -> Span {
        Span { first, last: last.max(first) }
    }
}

/// A closed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// Its position in the order of the files.
    pub(super) serial: u64,
    pub(super) span: Span,
    /// The unpacked file.
    pub(super) plain: PathBuf,
    /// The size of the unpacked file, if it exists.
    pub(super) plain_bytes: Option<u64>,
    /// The size of the packed file, if it exists.
    pub(super) packed_bytes: Option<u64>,
}

impl Closed {
    /// The path of the packed file.
    pub(super) fn packed(&self) -> PathBuf {
        with_ending(&self.plain, PACKED)
    }

    /// The temporary file that is written while this one is packed.
    fn unfinished(&self) -> PathBuf {
        with_ending(&self.plain, UNFINISHED)
    }

    /// Its size on disk, in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.plain_bytes.unwrap_or(0) + self.packed_bytes.unwrap_or(0)
    }
}

impl Trail {
    /// The audit files that belong to this open file.
    pub(super) fn of(open: &Path) -> Trail {
        let name = open.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Trail { open: open.to_owned(), directory: directory_of(open).to_owned(), name }
    }

    /// The open file.
    pub(super) fn open(&self) -> &Path {
        &self.open
    }

    /// The directory of the files.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A file in the same directory, with this suffix.
    pub(super) fn beside(&self, ending: &str) -> PathBuf {
        with_ending(&self.open, ending)
    }

    /// The closed files, in order.
    pub(super) fn closed(&self) -> io::Result<Vec<Closed>> {
        let mut files: Vec<Closed> = Vec::new();
        for (name, bytes) in self.names()? {
            let (plain, is_packed) = name.strip_suffix(PACKED).map_or((name.as_str(), false), |plain| (plain, true));
            let Some((serial, span)) = parsed(plain) else { continue };
            let plain = self.beside(plain);
            let (plain_bytes, packed_bytes) = if is_packed { (None, Some(bytes)) } else { (Some(bytes), None) };
            files.push(Closed { serial, span, plain, plain_bytes, packed_bytes });
        }
        files.sort_by(|a, b| (a.serial, &a.plain).cmp(&(b.serial, &b.plain)));
        files.dedup_by(|later, earlier| {
            let is_same = later.plain == earlier.plain;
            if is_same {
                earlier.plain_bytes = earlier.plain_bytes.or(later.plain_bytes);
                earlier.packed_bytes = earlier.packed_bytes.or(later.packed_bytes);
            }
            is_same
        });
        Ok(files)
    }

    /// The size of all files, in bytes.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        let open = fs::metadata(&self.open).map_or(0, |open| open.len());
        Ok(open + self.names()?.iter().map(|(_, bytes)| bytes).sum::<u64>())
    }

    /// The temporary files that a crash left behind.
    pub(super) fn unfinished(&self) -> io::Result<Vec<PathBuf>> {
        let names = self.names()?;
        Ok(names
            .into_iter()
            .filter(|(name, _)| name.ends_with(UNFINISHED))
            .map(|(name, _)| self.beside(&name))
            .collect())
    }

    /// The path of a file with this span once it is closed.
    pub(super) fn place(&self, serial: u64, span: Span) -> PathBuf {
        self.beside(&format!(".{serial:08}.{}-{}", written(span.first), written(span.last)))
    }

    /// The suffixes of all files except the open one, with their sizes.
    fn names(&self) -> io::Result<Vec<(String, u64)>> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(ending) = name.to_str().and_then(|name| name.strip_prefix(&self.name)) else { continue };
            // A file may disappear during the listing.
            let Ok(found) = entry.metadata() else { continue };
            if found.is_file() && !ending.is_empty() {
                names.push((ending.to_owned(), found.len()));
            }
        }
        Ok(names)
    }
}

/// The serial number of the open file once it is closed: the second of its first line, or one more than the previous
/// file's.
fn next_serial(first: Timestamp, closed: &[Closed]) -> u64 {
    let second = u64::try_from(first.as_second()).unwrap_or(0);
    closed.last().map_or(second, |file| second.max(file.serial + 1))
}

/// The directory that contains a file.
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory,
        _ => Path::new("."),
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn written(at: Timestamp) -> String {
    at.to_zoned_datetime(TimeZone::UTC).strftime(INSTANT).to_string()
}

/// Parses the serial number and the instants in a name. The last line may lie anywhere within the named second.
fn parsed(ending: &str) -> Option<(u64, Span)> {
    let (serial, span) = ending.strip_prefix('.')?.split_once('.')?;
    let (first, last) = span.split_once('-')?;
    let last = instant(last)?.checked_add(jiff::SignedDuration::from_secs(1)).ok()?;
    Some((serial.parse().ok()?, Span { first: instant(first)?, last }))
}

fn instant(text: &str) -> Option<Timestamp> {
    let civil = jiff::civil::DateTime::strptime(INSTANT, text).ok()?;
    Some(civil.to_zoned_datetime(TimeZone::UTC).ok()?.timestamp())
}
