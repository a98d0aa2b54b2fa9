//! The blocks of a base, and the list of blocks.
//!
//! An entry consists of: the number of bytes shared with the previous key (1 byte), the number of further key bytes
//! (1), the number of value bytes (4), the further key bytes, the value. Each block and the list end with a checksum.

use super::super::error::IndexError;

/// The size in bytes at which a block is closed.
const BLOCK_BYTES: usize = 8 * 1024;

/// The maximum length of a key.
const KEY_BYTES: usize = 255;

/// A block that is being filled.
#[derive(Default)]
pub(super) struct Block {
    bytes: Vec<u8>,
    last_key: Vec<u8>,
}

impl Block {
    /// Appends an entry. Returns false if its key or value is too long.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) -> bool {
        let shared = key.iter().zip(&self.last_key).take_while(|(one, other)| one == other).count();
        let further = &key[shared..];
        let (Ok(shared), Ok(more), Ok(size)) =
            (u8::try_from(shared), u8::try_from(further.len()), u32::try_from(value.len()))
        else {
            return false;
        };
        if key.len() > KEY_BYTES {
            return false;
        }
        self.bytes.extend([shared, more]);
        self.bytes.extend(size.to_be_bytes());
        self.bytes.extend_from_slice(further);
        self.bytes.extend_from_slice(value);
        key.clone_into(&mut self.last_key);
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.bytes.len() >= BLOCK_BYTES
    }

    /// Returns the bytes of the block and empties it.
    pub(super) fn close(&mut self) -> Vec<u8> {
        self.last_key.clear();
        sealed(std::mem::replace(&mut self.bytes, Vec::with_capacity(BLOCK_BYTES + 512)))
    }
}

/// Adds a checksum at the end.
pub(super) fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.extend(crc32c::crc32c(&bytes).to_be_bytes());
    bytes
}

/// Removes the checksum at the end. `None` if it is wrong.
pub(super) fn verified(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    let (rest, sum) = bytes.split_last_chunk()?;
    let is_right = crc32c::crc32c(rest) == u32::from_be_bytes(*sum);
    let size = rest.len();
    bytes.truncate(size);
    is_right.then_some(bytes)
}

/// The entries of a block, in order.
pub(super) struct Entries {
    bytes: Vec<u8>,
    key: Vec<u8>,
    value: std::ops::Range<usize>,
}

impl Entries {
    pub(super) fn of_block(bytes: Vec<u8>) -> Option<Entries> {
        verified(bytes).map(|bytes| Entries { bytes, key: Vec::with_capacity(32), value: 0..0 })
    }

    /// Moves to the next entry. Returns false at the end.
    pub(super) fn next(&mut self) -> Result<bool, IndexError> {
        let rest = &self.bytes[self.value.end..];
        if rest.is_empty() {
            return Ok(false);
        }
        let truncated = || IndexError::Damaged("an entry is truncated");
        let (head, tail) = rest.split_first_chunk::<6>().ok_or_else(truncated)?;
        let [shared, more, size @ ..] = *head;
        let size = u32::from_be_bytes(size) as usize;
        let further = tail.get(..usize::from(more)).ok_or_else(truncated)?;
        self.key.truncate(usize::from(shared));
        self.key.extend_from_slice(further);
        let start = self.value.end + head.len() + further.len();
        self.value = start..start + size;
        if self.value.end > self.bytes.len() {
            return Err(truncated());
        }
        Ok(true)
    }

    pub(super) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(super) fn value(&self) -> &[u8] {
        &self.bytes[self.value.clone()]
    }
}

/// The list of blocks: the position and first key of each.
#[derive(Default)]
pub(super) struct List {
    positions: Vec<(u64, u32)>,
    /// The first keys, concatenated, and the offset where each ends.
    keys: Vec<u8>,
    ends: Vec<u32>,
}

impl List {
    /// Appends a block.
    pub(super) fn add(&mut self, first_key: &[u8], at: u64, size: u32) -> Option<()> {
        self.keys.extend_from_slice(first_key);
        self.ends.push(u32::try_from(self.keys.len()).ok()?);
        self.positions.push((at, size));
        Some(())
    }

    pub(super) fn len(&self) -> usize {
        self.positions.len()
    }

    pub(super) fn position(&self, block: usize) -> Option<(u64, usize)> {
        self.positions.get(block).map(|(at, size)| (*at, *size as usize))
    }

    fn first_key(&self, block: usize) -> &[u8] {
        let start = block.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.keys[start as usize..self.ends[block] as usize]
    }

    /// The block that contains a key, if any does.
    pub(super) fn block_of(&self, key: &[u8]) -> Option<usize> {
        let (mut from, mut to) = (0, self.len());
        while from < to {
            let middle = from + (to - from) / 2;
            if self.first_key(middle) <= key { from = middle + 1 } else { to = middle }
        }
        from.checked_sub(1)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.len() * 36);
        for block in 0..self.len() {
            let ((at, size), key) = (self.positions[block], self.first_key(block));
            bytes.extend(at.to_be_bytes());
            bytes.extend(size.to_be_bytes());
            bytes.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(key);
        }
        sealed(bytes)
    }

    pub(super) fn of_bytes(bytes: Vec<u8>) -> Option<List> {
        let bytes = verified(bytes)?;
        let (mut list, mut rest) = (List::default(), bytes.as_slice());
        while let Some((at, tail)) = rest.split_first_chunk() {
            let (size, tail) = tail.split_first_chunk()?;
            let (length, tail) = tail.split_first()?;
            let (key, tail) = tail.split_at_checked(usize::from(*length))?;
            list.add(key, u64::from_be_bytes(*at), u32::from_be_bytes(*size))?;
            rest = tail;
        }
        list.positions.shrink_to_fit();
        list.keys.shrink_to_fit();
        list.ends.shrink_to_fit();
        rest.is_empty().then_some(list)
    }
}
