//! Names closed files. Also renames files of earlier releases, which were named `.1`, `.2` …, newest first.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use jiff::Timestamp;

use super::{Span, Trail, line_keys, next_serial};

/// How many bytes at the start and at the end of a file are read to find its first and last line.
const TAIL: u64 = 256 * 1024;

impl Trail {
    /// Renames the files of earlier releases to the current naming scheme.
    pub(in super::super) fn rename_old_files(&self) -> io::Result<()> {
        let old = |ending: &str| ending.strip_prefix('.')?.parse::<u32>().ok();
        let mut numbers: Vec<_> = self.names()?.iter().filter_map(|(ending, _)| old(ending)).collect();
        numbers.sort_unstable();
        for number in numbers.into_iter().rev() {
            self.close(&self.beside(&format!(".{number}")))?;
        }
        Ok(())
    }

    /// Renames a file that is no longer written to the name of a closed file.
    pub(in super::super) fn close(&self, path: &Path) -> io::Result<()> {
        let span = span_of(path)?;
        fs::rename(path, self.place(next_serial(span.first, &self.closed()?), span))
    }
}

/// Returns the span of a file: the times of its first and last line, or else its modification time.
pub(in super::super) fn span_of(path: &Path) -> io::Result<Span> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut head = Vec::new();
    file.by_ref().take(TAIL).read_to_end(&mut head)?;
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    file.read_to_end(&mut tail)?;
    let first = head.split(|byte| *byte == b'\n').find_map(line_keys::instant);
    let last = tail.split(|byte| *byte == b'\n').rev().find_map(line_keys::instant);
    if let (Some(first), Some(last)) = (first, last) {
        return Ok(Span::new(first, last));
    }
    let written = file.metadata()?.modified()?;
    let written = Timestamp::try_from(written).map_err(io::Error::other)?;
    Ok(Span::new(written, written))
}
