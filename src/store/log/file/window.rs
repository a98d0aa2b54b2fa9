//! A buffered reader of a file.

use std::io;

use crate::store::disk::DiskFile;

/// A file, and the piece of it that was read last.
pub(super) struct Window {
    file: Box<dyn DiskFile>,
    /// The number of bytes that are read at once, unless more are requested.
    pub piece_bytes: usize,
    /// True to bypass the page cache of the operating system.
    pub from_medium: bool,
    bytes: Vec<u8>,
    /// The offset in the file where `bytes` begin.
    begin: u64,
}

impl Window {
    /// Reads a file in pieces of this size.
    pub fn new(file: Box<dyn DiskFile>, piece_bytes: usize) -> Window {
        Window { file, piece_bytes, from_medium: false, bytes: Vec::new(), begin: 0 }
    }

    /// Reads `size` bytes at an offset. Reads nothing at or after `end`, and fails if the bytes would extend beyond it.
    pub fn read(&mut self, offset: u64, size: usize, end: u64) -> io::Result<&[u8]> {
        if self.buffered(offset, size).is_none() {
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
        self.buffered(offset, size).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Reads all bytes from an offset up to `end`, without changing the buffer.
    pub fn read_uncached(&self, offset: u64, end: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(end.saturating_sub(offset)).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, offset)?;
        Ok(bytes)
    }

    fn buffered(&self, offset: u64, size: usize) -> Option<&[u8]> {
        let from = usize::try_from(offset.checked_sub(self.begin)?).ok()?;
        self.bytes.get(from..from.checked_add(size)?)
    }
}
