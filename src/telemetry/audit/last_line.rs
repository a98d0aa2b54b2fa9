//! The end of the open file: a write that failed, or a crash, may leave the beginning of a line there.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;

/// How many bytes are read at once to find the last newline.
const CHUNK: u64 = 64 * 1024;

/// How every line begins.
const BEGIN: &[u8] = b"{\"at\":\"";

/// Makes the file end with a whole line, so that the next line is not attached to an incomplete one. Removes an
/// incomplete line. If it cannot be removed, or is not a line of the audit, ends it with a newline.
pub(super) fn complete(file: &File) -> io::Result<()> {
    let bytes = file.metadata()?.len();
    let whole = whole_bytes(file, bytes)?;
    if whole == bytes {
        return Ok(());
    }
    let mut begin = [0; BEGIN.len()];
    let read = file.read_at(&mut begin, whole)?;
    // The last line of a file that is not an audit file is not removed.
    let is_ours = begin.get(..read).is_some_and(|begin| BEGIN.starts_with(begin));
    if is_ours && file.set_len(whole).is_ok() { Ok(()) } else { end_line(file, bytes) }
}

/// Ends an incomplete last line with a newline.
pub(super) fn end(file: &File) -> io::Result<()> {
    end_line(file, file.metadata()?.len())
}

fn end_line(mut file: &File, bytes: u64) -> io::Result<()> {
    if ends_line(file, bytes)? { Ok(()) } else { file.write_all(b"\n") }
}

fn ends_line(file: &File, bytes: u64) -> io::Result<bool> {
    let Some(last) = bytes.checked_sub(1) else { return Ok(true) };
    let mut byte = [0];
    file.read_exact_at(&mut byte, last)?;
    Ok(byte == *b"\n")
}

/// The length of the file up to the end of its last whole line.
fn whole_bytes(file: &File, bytes: u64) -> io::Result<u64> {
    if ends_line(file, bytes)? {
        return Ok(bytes);
    }
    let mut end = bytes;
    while end > 0 {
        let begin = end.saturating_sub(CHUNK);
        let mut chunk = vec![0; usize::try_from(end - begin).map_err(io::Error::other)?];
        file.read_exact_at(&mut chunk, begin)?;
        if let Some(at) = memchr::memrchr(b'\n', &chunk) {
            return Ok(begin + at as u64 + 1);
        }
        end = begin;
    }
    Ok(0)
}

/// Lines that could not be written completely.
#[derive(Debug)]
pub(super) struct NotWritten {
    /// The number of bytes of the lines that are written whole. They are not to be written again.
    pub(super) whole: usize,
    /// Why the others are not.
    pub(super) source: io::Error,
}

impl From<io::Error> for NotWritten {
    /// No line is written.
    fn from(source: io::Error) -> NotWritten {
        NotWritten { whole: 0, source }
    }
}

/// Writes complete lines, by a function that writes the beginning of a text and returns its length. After an error, a
/// part of a line may be written too.
pub(super) fn write(lines: &[u8], write: impl Fn(&[u8]) -> io::Result<usize>) -> Result<(), NotWritten> {
    let mut rest = lines;
    while !rest.is_empty() {
        let error = match write(rest) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(written) => {
                rest = rest.get(written..).unwrap_or_default();
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => source,
        };
        let written = lines.get(..lines.len() - rest.len()).unwrap_or_default();
        return Err(NotWritten { whole: memchr::memrchr(b'\n', written).map_or(0, |at| at + 1), source: error });
    }
    Ok(())
}
