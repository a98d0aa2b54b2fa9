//! Writes a base.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::super::keys;
use super::block::{Block, List};
use super::filter::Filter;
use super::{Footer, TableId};
use crate::domain::id::Revision;
use crate::store::data_dir::sync_directory;

/// A base that is being written. Until it is finished it has a temporary name.
pub(in super::super) struct BaseWriter {
    out: BufWriter<File>,
    path: PathBuf,
    block: Block,
    first_key: Vec<u8>,
    written: u64,
    list: List,
    filter: Filter,
}

impl BaseWriter {
    /// Starts a base that gets this path when it is finished. The filter has room for the keys of `records` records.
    pub(in super::super) fn begin(path: &Path, records: u64) -> io::Result<BaseWriter> {
        let out = BufWriter::with_capacity(1 << 20, File::create(unfinished(path))?);
        let (block, list, filter) = (Block::default(), List::default(), Filter::for_records(records));
        Ok(BaseWriter { out, path: path.to_owned(), block, first_key: Vec::new(), written: 0, list, filter })
    }

    /// Appends an entry. Its key must sort after those already added.
    pub(in super::super) fn add(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        if self.block.is_full() {
            self.close_block()?;
        }
        if self.block.is_empty() {
            key.clone_into(&mut self.first_key);
        }
        if let Some(hash) = keys::filtered(key) {
            self.filter.add(hash);
        }
        if self.block.add(key, value) { Ok(()) } else { Err(io::Error::other("an entry that is too long")) }
    }

    fn close_block(&mut self) -> io::Result<()> {
        let bytes = self.block.close();
        let size = u32::try_from(bytes.len()).map_err(io::Error::other)?;
        self.list.add(&self.first_key, self.written, size).ok_or_else(|| io::Error::other("too many blocks"))?;
        self.written += u64::from(size);
        self.out.write_all(&bytes)
    }

    /// Makes the base durable and renames it to its final path.
    pub(in super::super) fn finish(mut self, id: TableId, below: TableId, applied: Revision) -> io::Result<()> {
        if !self.block.is_empty() {
            self.close_block()?;
        }
        let list = self.list.to_bytes();
        let footer = Footer { id, below, applied, list_at: self.written, list_bytes: list.len() as u64 };
        self.out.write_all(&list)?;
        self.out.write_all(&self.filter.to_bytes())?;
        self.out.write_all(&footer.to_bytes())?;
        let file = self.out.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        fs::rename(unfinished(&self.path), &self.path)?;
        self.path.parent().map_or(Ok(()), sync_directory)
    }
}

fn unfinished(path: &Path) -> PathBuf {
    path.with_extension("unfinished")
}
