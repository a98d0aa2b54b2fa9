//! A file that is read in pieces larger than what is asked for at a time.

use std::io;

use crate::store::disk::DiskFile;

/// A file, and the piece of it that was read last.
pub(super) struct Window {
    file: Box<dyn DiskFile>,
    /// How much is read at once, unless more is asked for.
    pub piece_bytes: usize,
    /// Whether the page cache of the operating system does not count.
    pub from_medium: bool,
    bytes: Vec<u8>,
    /// Where these bytes begin.
    begin: u64,
}

impl Window {
    /// Reads a file in pieces of this size.
    pub fn new(file: Box<dyn DiskFile>, piece_bytes: usize) -> Window {
        Window { file, piece_bytes, from_medium: false, bytes: Vec::new(), begin: 0 }
    }

    /// So many bytes from an offset on; nothing is read at or behind `end`. They have to end there, or before.
    pub fn read(&mut self, offset: u64, size: usize, end: u64) -> io::Result<&[u8]> {
        if self.seen(offset, size).is_none() {
            let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            self.bytes.clear();
            self.bytes.resize(left.min(size.max(self.piece_bytes)), 0);
            self.begin = offset;
            let read = match self.from_medium {
                true => self.file.read_medium_exact_at(&mut self.bytes, offset),
                false => self.file.read_exact_at(&mut self.bytes, offset),
            };
            read.inspect_err(|_| self.bytes.clear())?;
        }
        self.seen(offset, size).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// All bytes from an offset to another, which do not become the piece read last.
    pub fn read_apart(&self, offset: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(offset)).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn seen(&self, offset: u64, size: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.begin)?).ok()?;
        self.bytes.get(from..from.checked_add(size)?)
    }
}
