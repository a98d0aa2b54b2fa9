//! A base: sorted entries in a file that is written once, synced and never changed.
//!
//! sled makes nothing durable, and its contents must be written again at every start. So most of an index is in bases,
//! and sled contains only recent records. Opening a base reads only its list of blocks and its filter, and only these
//! stay in memory. Each block has a checksum, and the whole file was synced before it got its name.
//!
//! The file consists of blocks of entries, each with a checksum; the list of blocks, with a checksum; the filter, with
//! a checksum; and a footer of fixed size.

mod block;
mod filter;
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
use filter::Filter;

pub(super) use sorter::Sorter;
pub(super) use writer::BaseWriter;

/// The first bytes of a footer.
const MAGIC: [u8; 8] = *b"cpssbase";
const FOOTER_BYTES: usize = 56;

/// Identifies a base among those of an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TableId(pub u64);

/// The end of a base.
#[derive(Clone, Copy, Debug)]
struct Footer {
    id: TableId,
    /// The base directly below. Zero if there is none.
    below: TableId,
    /// The last record in this base and those below it.
    applied: Revision,
    list_at: u64,
    list_bytes: u64,
}

impl Footer {
    fn to_bytes(self) -> [u8; FOOTER_BYTES] {
        let mut bytes = Vec::with_capacity(FOOTER_BYTES);
        bytes.extend(MAGIC);
        for number in [self.id.0, self.below.0, self.applied.0, self.list_at, self.list_bytes] {
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
            below: TableId(next()?),
            applied: Revision(next()?),
            list_at: next()?,
            list_bytes: next()?,
        };
        is_ours.then_some(footer)
    }
}

/// A base that is open for reading by any thread.
pub(super) struct SortedTable {
    file: File,
    footer: Footer,
    list: List,
    filter: Filter,
}

impl SortedTable {
    /// Opens a base. `None` if there is no intact base of this version.
    pub(super) fn open(path: &Path) -> io::Result<Option<SortedTable>> {
        // Opening a pipe would block until another process writes to it.
        if !path.is_file() {
            return Ok(None);
        }
        let file = File::open(path)?;
        let Some(footer_at) = file.metadata()?.len().checked_sub(FOOTER_BYTES as u64) else { return Ok(None) };
        let mut footer = [0; FOOTER_BYTES];
        file.read_exact_at(&mut footer, footer_at)?;
        let Some(footer) = Footer::of_bytes(&footer) else { return Ok(None) };
        let filter_at = footer.list_at.checked_add(footer.list_bytes).filter(|end| *end <= footer_at);
        let Some(filter_at) = filter_at else { return Ok(None) };
        let list = List::of_bytes(read(&file, footer.list_at, filter_at)?);
        let filter = Filter::of_bytes(read(&file, filter_at, footer_at)?);
        Ok(list.zip(filter).map(|(list, filter)| SortedTable { file, footer, list, filter }))
    }

    /// The id of this base.
    pub(super) fn id(&self) -> TableId {
        self.footer.id
    }

    /// The id of the base directly below.
    pub(super) fn below(&self) -> TableId {
        self.footer.below
    }

    /// The size of its blocks.
    pub(super) fn bytes(&self) -> u64 {
        self.footer.list_at
    }

    /// The last record in this base and those below it.
    pub(super) fn applied(&self) -> Revision {
        self.footer.applied
    }

    /// False if the base surely lacks a key, and every key that begins so.
    fn may_contain(&self, key: &[u8]) -> bool {
        keys::filtered(key).is_none_or(|hash| self.filter.may_contain(hash))
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<IVec>, IndexError> {
        if !self.may_contain(key) {
            return Ok(None);
        }
        let Some(block) = self.list.block_of(key) else { return Ok(None) };
        let mut entries = self.entries(block)?;
        while entries.next()? {
            if entries.key() >= key {
                return Ok((entries.key() == key).then(|| entries.value().into()));
            }
        }
        Ok(None)
    }

    /// The entries from `from` up to but not including `before`, in order.
    pub(super) fn range<'a>(&'a self, from: &'a [u8], before: &'a [u8]) -> Range<'a> {
        let is_absent = keys::is_of_person(from, before) && !self.may_contain(from);
        let block = if is_absent { usize::MAX } else { self.list.block_of(from).unwrap_or(0) };
        Range { base: self, from, before, block, entries: None }
    }

    fn entries(&self, block: usize) -> Result<Entries, IndexError> {
        let (at, size) = self.list.position(block).ok_or(IndexError::Damaged("the list of blocks is incomplete"))?;
        let mut bytes = vec![0; size];
        self.file.read_exact_at(&mut bytes, at).map_err(IndexError::Disk)?;
        Entries::of_block(bytes).ok_or(IndexError::Damaged("the checksum of a block is wrong"))
    }
}

/// Reads a part of a file.
fn read(file: &File, from: u64, before: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(before - from).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, from)?;
    Ok(bytes)
}

/// The iterator over a range of entries.
pub(super) struct Range<'a> {
    base: &'a SortedTable,
    from: &'a [u8],
    before: &'a [u8],
    /// The next block to read.
    block: usize,
    entries: Option<Entries>,
}

impl Range<'_> {
    fn advance(&mut self) -> Result<Option<(IVec, IVec)>, IndexError> {
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
                return Ok(Some((entries.key().into(), entries.value().into())));
            }
        }
    }
}

impl Iterator for Range<'_> {
    type Item = Result<(IVec, IVec), IndexError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

#[cfg(test)]
mod tests;
