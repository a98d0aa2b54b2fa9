//! A base: sorted entries in a file that is written once, synced and never changed.
//!
//! sled makes nothing durable, and what it holds costs it time at every opening. So the bulk of an index is in bases, and
//! sled holds what came since. A base needs no opening but its list of blocks, no memory but that, and no trust: each
//! block carries a checksum, and the whole was synced before it had its name.
//!
//! The file: blocks of entries, each with a checksum; the list of blocks, with a checksum; a footer of fixed size.

mod block;
mod sorter;
mod writer;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use sled::IVec;

use super::{IndexError, keys};
use crate::domain::id::Revision;
use block::{Entries, List};

pub(super) use sorter::Sorter;
pub(super) use writer::BaseWriter;

/// What a footer begins with.
const MAGIC: [u8; 8] = *b"cpssbase";
const FOOTER_BYTES: usize = 56;

/// The bases of one index are told apart by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableId(pub u64);

/// What is at the end of a base.
#[derive(Clone, Copy, Debug)]
struct Footer {
    id: TableId,
    /// The base that it lies on; zero: none.
    lies_on: TableId,
    /// The last record that is in it, or in those below it.
    applied: Revision,
    list_at: u64,
    list_bytes: u64,
}

impl Footer {
    fn to_bytes(self) -> [u8; FOOTER_BYTES] {
        let mut bytes = Vec::with_capacity(FOOTER_BYTES);
        bytes.extend(MAGIC);
        for number in [self.id.0, self.lies_on.0, self.applied.0, self.list_at, self.list_bytes] {
            bytes.extend(number.to_be_bytes());
        }
        bytes.extend(keys::VERSION.to_be_bytes());
        bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
        let mut footer = [0; FOOTER_BYTES];
        footer.copy_from_slice(&bytes);
        footer
    }

    fn of_bytes(bytes: &[u8; FOOTER_BYTES]) -> Option<Footer> {
        let (rest, sum) = bytes.split_last_chunk()?;
        let (rest, version) = rest.split_last_chunk()?;
        let (magic, numbers) = rest.split_first_chunk()?;
        let is_ours = crc32c::crc32c(&bytes[..FOOTER_BYTES - 4]) == u32::from_be_bytes(*sum)
            && u32::from_be_bytes(*version) == keys::VERSION
            && *magic == MAGIC;
        let mut numbers = numbers.as_chunks().0.iter().map(|number| u64::from_be_bytes(*number));
        let mut next = || numbers.next();
        let footer = Footer {
            id: TableId(next()?),
            lies_on: TableId(next()?),
            applied: Revision(next()?),
            list_at: next()?,
            list_bytes: next()?,
        };
        is_ours.then_some(footer)
    }
}

/// A base, open for any thread.
pub(super) struct SortedTable {
    file: File,
    footer: Footer,
    list: List,
}

impl SortedTable {
    /// Opens a base. None where there is none of this version that is whole.
    pub(super) fn open(path: &Path) -> io::Result<Option<SortedTable>> {
        // To open a pipe would wait for somebody to write to it.
        if !path.is_file() {
            return Ok(None);
        }
        let file = File::open(path)?;
        let Some(footer_at) = file.metadata()?.len().checked_sub(FOOTER_BYTES as u64) else { return Ok(None) };
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_at)?;
        let Some(footer) = Footer::of_bytes(&footer) else { return Ok(None) };
        if footer.list_at.checked_add(footer.list_bytes) != Some(footer_at) {
            return Ok(None);
        }
        let mut list = vec![0; usize::try_from(footer.list_bytes).map_err(io::Error::other)?];
        file.read_exact_at(&mut list, footer.list_at)?;
        Ok(List::of_bytes(&list).map(|list| SortedTable { file, footer, list }))
    }

    /// Which it is.
    pub(super) fn id(&self) -> TableId {
        self.footer.id
    }

    /// The one that it lies on.
    pub(super) fn lies_on(&self) -> TableId {
        self.footer.lies_on
    }

    /// The last record that is in it, or in those below it.
    pub(super) fn applied(&self) -> Revision {
        self.footer.applied
    }

    /// The value under a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        let Some(block) = self.list.block_of(key) else { return Ok(None) };
        let mut entries = self.entries(block)?;
        while entries.next()? {
            if entries.key() >= key {
                return Ok((entries.key() == key).then(|| entries.value().into()));
            }
        }
        Ok(None)
    }

    /// The entries from a key up to another, the latter not included, in order.
    pub(super) fn range<'a>(&'a self, from: &'a [u8], before: &'a [u8]) -> Range<'a> {
        Range { base: self, from, before, block: self.list.block_of(from).unwrap_or(0), entries: None }
    }

    fn entries(&self, block: usize) -> Result<Entries, IndexError> {
        let (at, size) = self.list.place(block).ok_or(IndexError::Damaged("a block that is not listed"))?;
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, at).map_err(IndexError::Disk)?;
        Entries::of_block(bytes).ok_or(IndexError::Damaged("the checksum of a block is wrong"))
    }
}

/// Entries on their way out.
pub(super) struct Range<'a> {
    base: &'a SortedTable,
    from: &'a [u8],
    before: &'a [u8],
    /// The next block to be read.
    block: usize,
    entries: Option<Entries>,
}

impl Range<'_> {
    fn advance(&mut self) -> Result<Option<(Vec<u8>, IVec)>, IndexError> {
        loop {
            let entries = match &mut self.entries {
                Some(entries) => entries,
                None if self.block >= self.base.list.len() => return Ok(None),
                none => {
                    self.block += 1;
                    none.insert(self.base.entries(self.block - 1)?)
                }
            };
            if !entries.next()? {
                self.entries = None;
            } else if entries.key() >= self.before {
                self.block = usize::MAX;
                self.entries = None;
            } else if entries.key() >= self.from {
                return Ok(Some((entries.key().to_vec(), entries.value().into())));
            }
        }
    }
}

impl Iterator for Range<'_> {
    type Item = Result<(Vec<u8>, IVec), IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

#[cfg(test)]
mod tests;
