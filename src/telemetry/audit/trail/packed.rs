//! The format of a packed file: separately compressed blocks of complete lines, followed by an index.
//!
//! ```text
//! block…  "CPSB", then the length and packed length (u32) of each column, then the columns, each a zstd frame
//!         with a checksum
//! index   "CPSI", then an entry per block, then the filters of all blocks
//! footer  offset (u64), length (u32) and CRC-32C (u32) of the index, "CPSAUD1\n"
//! ```
//!
//! All numbers are little-endian. Blocks can be read without the index, but more slowly.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::thread;

use jiff::Timestamp;

use super::columns::{COLUMNS, Columns};
use super::filter::{Key, Keys};
use super::line_keys;

/// A block ends with the line in which it reaches this many bytes of text.
pub(super) const BLOCK: usize = 256 * 1024;
/// A longer line is split, so that no block exceeds `BLOCK` plus this.
pub(super) const MAX_LINE: usize = 1024 * 1024;

/// The compression level. Higher levels hardly make the columns smaller.
const LEVEL: i32 = 15;

const BLOCK_MAGIC: &[u8; 4] = b"CPSB";
const INDEX_MAGIC: &[u8; 4] = b"CPSI";
const FILE_MAGIC: &[u8; 8] = b"CPSAUD1\n";
const HEADER: usize = 4 + COLUMNS * 8;
const ENTRY: usize = 44;
const FOOTER: usize = 24;

/// A block, as listed in the index.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// Its offset and length in the file.
    offset: u64,
    length: u32,
    /// The offset and length of its lines in the text of all blocks.
    pub(super) text_offset: u64,
    pub(super) text_length: u32,
    /// The times of its earliest and latest line, in microseconds.
    pub(super) first: i64,
    pub(super) last: i64,
    filter: (usize, usize),
}

/// Writes a packed file.
pub(super) struct PackWriter<W> {
    out: W,
    packer: zstd::bulk::Compressor<'static>,
    offset: u64,
    text_offset: u64,
    entries: Vec<u8>,
    filters: Vec<u8>,
    keys: Keys,
}

impl<W: Write> PackWriter<W> {
    pub(super) fn new(out: W) -> io::Result<PackWriter<W>> {
        let mut packer = zstd::bulk::Compressor::new(LEVEL)?;
        packer.include_checksum(true)?;
        let (entries, filters) = (INDEX_MAGIC.to_vec(), Vec::new());
        Ok(PackWriter { out, packer, offset: 0, text_offset: 0, entries, filters, keys: Keys::default() })
    }

    /// Adds complete lines as a block.
    pub(super) fn add(&mut self, lines: &[u8]) -> io::Result<()> {
        let columns = Columns::split(lines);
        let (mut block, mut payload) = (BLOCK_MAGIC.to_vec(), Vec::new());
        for column in columns.all() {
            let packed = self.packer.compress(column)?;
            block.extend(length(column.len())?.to_le_bytes());
            block.extend(length(packed.len())?.to_le_bytes());
            payload.extend(packed);
        }
        block.extend(payload);
        self.out.write_all(&block)?;
        let (first, last) = self.take_keys(lines);
        let filter = self.keys.take();
        self.entries.extend(self.offset.to_le_bytes());
        self.entries.extend(length(block.len())?.to_le_bytes());
        self.entries.extend(self.text_offset.to_le_bytes());
        self.entries.extend(length(lines.len())?.to_le_bytes());
        self.entries.extend(first.to_le_bytes());
        self.entries.extend(last.to_le_bytes());
        self.entries.extend(length(filter.len())?.to_le_bytes());
        self.filters.extend(filter);
        self.offset += block.len() as u64;
        self.text_offset += lines.len() as u64;
        Ok(())
    }

    /// Collects the search keys of the lines. Returns the times of the earliest and the latest line in microseconds.
    fn take_keys(&mut self, lines: &[u8]) -> (i64, i64) {
        let mut span = None;
        for line in lines.split(|byte| *byte == b'\n') {
            if let Some(client) = line_keys::client(line) {
                self.keys.add(Key::Client(client));
            }
            line_keys::ids(line).for_each(|id| self.keys.add(Key::Id(id)));
            if let Some(at) = line_keys::instant(line).map(Timestamp::as_microsecond) {
                let (first, last) = span.unwrap_or((at, at));
                span = Some((at.min(first), at.max(last)));
            }
        }
        line_keys::numbers(lines).for_each(|number| self.keys.add(Key::Number(&number)));
        span.unwrap_or((i64::MIN, i64::MAX))
    }

    /// Writes the index. Returns the underlying writer.
    pub(super) fn finish(mut self) -> io::Result<W> {
        let index = [self.entries, self.filters].concat();
        self.out.write_all(&index)?;
        self.out.write_all(&self.offset.to_le_bytes())?;
        self.out.write_all(&length(index.len())?.to_le_bytes())?;
        self.out.write_all(&crc32c::crc32c(&index).to_le_bytes())?;
        self.out.write_all(FILE_MAGIC)?;
        Ok(self.out)
    }
}

fn length(bytes: usize) -> io::Result<u32> {
    u32::try_from(bytes).map_err(io::Error::other)
}

/// A reader of a packed file.
pub(super) struct PackReader {
    file: File,
    pub(super) blocks: Vec<Block>,
    filters: Vec<u8>,
    /// True if the index was read. Without it, every block may contain anything.
    pub(super) has_index: bool,
    /// True if `blocks` is known to contain all blocks.
    pub(super) is_whole: bool,
}

impl PackReader {
    pub(super) fn open(path: &Path) -> io::Result<PackReader> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        if let Some((blocks, filters)) = read_index(&file, bytes)? {
            return Ok(PackReader { file, blocks, filters, has_index: true, is_whole: true });
        }
        let (blocks, is_whole) = walk(&file, bytes)?;
        Ok(PackReader { file, blocks, filters: Vec::new(), has_index: false, is_whole })
    }

    /// The filter of a block. Empty if there is none.
    pub(super) fn filter(&self, block: &Block) -> &[u8] {
        let (from, to) = block.filter;
        self.filters.get(from..to).unwrap_or_default()
    }

    /// The size of the filters, in bytes.
    pub(super) fn filter_bytes(&self) -> usize {
        self.filters.len()
    }

    /// Reads several blocks, each on its own thread. Decompression takes most of the time of a search.
    pub(super) fn read_in_parallel(&self, blocks: &[&Block]) -> Vec<io::Result<Vec<u8>>> {
        let Some((first, rest)) = blocks.split_first() else { return Vec::new() };
        thread::scope(|scope| {
            let spawn = |block: &&Block| {
                let block = **block;
                thread::Builder::new().name("audit search".to_owned()).spawn_scoped(scope, move || self.read(&block))
            };
            let others: Vec<_> = rest.iter().map(spawn).collect();
            let first = self.read(first);
            let joined = |other: io::Result<thread::ScopedJoinHandle<'_, _>>| other?.join().map_err(|_| damaged())?;
            std::iter::once(first).chain(others.into_iter().map(joined)).collect()
        })
    }

    /// The lines of a block.
    pub(super) fn read(&self, block: &Block) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(block.length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut bytes, block.offset)?;
        let header = bytes.first_chunk().ok_or_else(damaged)?;
        let lengths = lengths(header).ok_or_else(damaged)?;
        let mut rest = bytes.get(HEADER..).ok_or_else(damaged)?;
        let mut columns: [Vec<u8>; COLUMNS] = Default::default();
        for (column, (length, packed)) in columns.iter_mut().zip(lengths) {
            let (frame, behind) = rest.split_at_checked(packed).ok_or_else(damaged)?;
            *column = zstd::bulk::decompress(frame, length).map_err(|_| damaged())?;
            rest = behind;
        }
        Columns::of(columns).join().ok_or_else(damaged)
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a block of a packed audit file is damaged")
}

/// The lengths of the columns of a block, unpacked and packed. None if no block begins here.
fn lengths(header: &[u8; HEADER]) -> Option<[(usize, usize); COLUMNS]> {
    let lengths = header.strip_prefix(BLOCK_MAGIC)?;
    let mut found = [(0, 0); COLUMNS];
    for (found, pair) in found.iter_mut().zip(lengths.chunks_exact(8)) {
        let (length, packed) = pair.split_first_chunk()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        *found = (length, usize::try_from(u32::from_le_bytes(packed.try_into().ok()?)).ok()?);
        if length > BLOCK + MAX_LINE {
            return None;
        }
    }
    Some(found)
}

/// Reads the blocks and the filters from the index. None if there is no index, or it is damaged.
fn read_index(file: &File, bytes: u64) -> io::Result<Option<(Vec<Block>, Vec<u8>)>> {
    let mut footer = [0; FOOTER];
    let Some(footer_at) = bytes.checked_sub(FOOTER as u64) else { return Ok(None) };
    file.read_exact_at(&mut footer, footer_at)?;
    Ok((|| {
        let (offset, rest) = footer.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (crc, magic) = rest.split_first_chunk()?;
        let (offset, length) = (u64::from_le_bytes(*offset), u32::from_le_bytes(*length));
        if magic != FILE_MAGIC || offset.checked_add(u64::from(length)) != Some(footer_at) {
            return None;
        }
        let mut index = vec![0; usize::try_from(length).ok()?];
        file.read_exact_at(&mut index, offset).ok()?;
        let is_whole = crc32c::crc32c(&index) == u32::from_le_bytes(*crc);
        is_whole.then(|| entries(index.strip_prefix(INDEX_MAGIC)?, offset)).flatten()
    })())
}

/// Parses the entries of an index whose blocks end at `end`, and their filters.
fn entries(mut rest: &[u8], end: u64) -> Option<(Vec<Block>, Vec<u8>)> {
    let (mut blocks, mut next, mut filters) = (Vec::new(), 0, 0);
    while next < end {
        let (entry, behind) = rest.split_at_checked(ENTRY)?;
        rest = behind;
        let (offset, entry) = entry.split_first_chunk()?;
        let (length, entry) = entry.split_first_chunk()?;
        let (text_offset, entry) = entry.split_first_chunk()?;
        let (text_length, entry) = entry.split_first_chunk()?;
        let (first, entry) = entry.split_first_chunk()?;
        let (last, filter) = entry.split_first_chunk()?;
        let filter = filters + usize::try_from(u32::from_le_bytes(filter.try_into().ok()?)).ok()?;
        let block = Block {
            offset: u64::from_le_bytes(*offset),
            length: u32::from_le_bytes(*length),
            text_offset: u64::from_le_bytes(*text_offset),
            text_length: u32::from_le_bytes(*text_length),
            first: i64::from_le_bytes(*first),
            last: i64::from_le_bytes(*last),
            filter: (filters, filter),
        };
        filters = filter;
        next = block.offset + u64::from(block.length);
        blocks.push(block);
    }
    (rest.len() == filters).then(|| (blocks, rest.to_vec()))
}

/// Finds the blocks one by one, without the index. Returns true if the last one is directly before the index; otherwise
/// there may be more that cannot be found.
fn walk(file: &File, bytes: u64) -> io::Result<(Vec<Block>, bool)> {
    let (mut blocks, mut offset, mut text_offset) = (Vec::new(), 0, 0);
    loop {
        let mut header = [0; HEADER];
        let room = usize::try_from(bytes - offset).unwrap_or(HEADER).min(HEADER);
        file.read_exact_at(&mut header[..room], offset)?;
        let Some(lengths) = lengths(&header).filter(|_| room == HEADER) else {
            return Ok((blocks, header.starts_with(INDEX_MAGIC)));
        };
        let length = HEADER + lengths.iter().map(|(_, packed)| *packed).sum::<usize>();
        let mut block = Block {
            offset,
            length: self::length(length)?,
            text_offset,
            text_length: 0,
            first: i64::MIN,
            last: i64::MAX,
            filter: (0, 0),
        };
        offset += length as u64;
        if offset > bytes {
            return Ok((blocks, false));
        }
        // The length of the lines is only known after reading them.
        let reader = PackReader {
            file: file.try_clone()?,
            blocks: Vec::new(),
            filters: Vec::new(),
            has_index: false,
            is_whole: true,
        };
        let text = reader.read(&block);
        block.text_length = self::length(text.as_ref().map_or(0, Vec::len))?;
        let is_readable = text.is_ok();
        text_offset += u64::from(block.text_length);
        blocks.push(block);
        if !is_readable {
            // The text offsets of the following blocks are unknown.
            return Ok((blocks, false));
        }
    }
}
