//! Frames: one batch of records, checked as a whole.
//!
//! `len · crc32c · first_revision · count · records`, little-endian; `len` counts what follows the checksum, the checksum
//! covers everything but itself, and each record is preceded by its length.

use crate::domain::id::Revision;

/// The bytes before the records.
pub(in crate::store) const HEADER_BYTES: usize = 20;

/// The bytes that `len` does not count.
const UNCOUNTED_BYTES: usize = 8;

/// The frame of a batch; none if it would be too large.
pub(in crate::store) fn encode(first: Revision, batch: &[Vec<u8>]) -> Option<Vec<u8>> {
    let records: usize = batch.iter().map(|record| 4 + record.len()).sum();
    let len = u32::try_from(HEADER_BYTES - UNCOUNTED_BYTES + records).ok()?;
    let mut frame = Vec::with_capacity(HEADER_BYTES + records);
    frame.extend(len.to_le_bytes());
    frame.extend([0; 4]);
    frame.extend(first.0.to_le_bytes());
    frame.extend(u32::try_from(batch.len()).ok()?.to_le_bytes());
    for record in batch {
        frame.extend(u32::try_from(record.len()).ok()?.to_le_bytes());
        frame.extend_from_slice(record);
    }
    let crc = checksum(&frame)?;
    frame.get_mut(4..UNCOUNTED_BYTES)?.copy_from_slice(&crc.to_le_bytes());
    Some(frame)
}

/// What a frame says of itself, not yet checked.
#[derive(Clone, Copy)]
pub(in crate::store) struct Header {
    /// The revision of its first record.
    pub first: Revision,
    /// How many records it holds.
    pub count: u32,
    /// How long it is, header included.
    pub size: usize,
    crc: u32,
}

impl Header {
    /// The revision after its last record.
    pub fn next(&self) -> Revision {
        Revision(self.first.0.saturating_add(u64::from(self.count)))
    }

    /// The header that these bytes begin with, if there are enough of them.
    pub fn read(bytes: &[u8]) -> Option<Header> {
        let len = u32::from_le_bytes(*bytes.first_chunk()?);
        Some(Header {
            size: UNCOUNTED_BYTES + len as usize,
            crc: u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?),
            first: Revision(u64::from_le_bytes(*bytes.get(8..)?.first_chunk()?)),
            count: u32::from_le_bytes(*bytes.get(16..)?.first_chunk()?),
        })
    }
}

/// A frame whose every byte was checked.
pub(in crate::store) struct Frame<'a> {
    /// What it says of itself.
    pub header: Header,
    records: &'a [u8],
}

impl<'a> Frame<'a> {
    /// The frame that these bytes begin with, when it is whole and begins with the expected revision.
    pub fn check(bytes: &'a [u8], expected: Revision) -> Result<Frame<'a>, &'static str> {
        let header = Header::read(bytes).ok_or("the frame's header is cut off")?;
        let frame = bytes.get(..header.size).ok_or("the frame is cut off")?;
        let records = frame.get(HEADER_BYTES..).ok_or("the frame is shorter than its header")?;
        if checksum(frame) != Some(header.crc) {
            return Err("the checksum is wrong");
        }
        if header.first != expected {
            return Err("the frame does not follow the one before it");
        }
        Ok(Frame { header, records })
    }

    /// Its records, each with its revision; none in place of one whose length is wrong.
    pub fn records(&self) -> impl Iterator<Item = Option<(Revision, &'a [u8])>> {
        let mut rest = self.records;
        (0..u64::from(self.header.count)).map(move |at| {
            let (length, tail) = rest.split_first_chunk()?;
            let (record, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            rest = tail;
            Some((Revision(self.header.first.0 + at), record))
        })
    }
}

/// Whether these bytes, which should begin with a frame of revision `expected` and do not, are a write cut short.
///
/// Every frame is durable before the next one is written; so with a whole frame anywhere in them they are not.
pub(in crate::store) fn is_torn(bytes: &[u8], expected: Revision) -> bool {
    !(0..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        Header::read(rest).is_some_and(|header| {
            let distance = header.first.0.wrapping_sub(expected.0);
            (at == 0 || (1..=u64::from(u32::MAX)).contains(&distance)) && Frame::check(rest, header.first).is_ok()
        })
    })
}

/// Whether these bytes, which should begin with a frame, are room for frames to come: they are zeros.
pub(in crate::store) fn is_room(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Whether these bytes end with a whole frame that comes right before a revision.
pub(super) fn ends_before(bytes: &[u8], next: Revision) -> bool {
    (0..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        Header::read(rest).is_some_and(|header| {
            header.size == rest.len() && header.next() == next && Frame::check(rest, header.first).is_ok()
        })
    })
}

fn checksum(frame: &[u8]) -> Option<u32> {
    Some(crc32c::crc32c_append(crc32c::crc32c(frame.get(..4)?), frame.get(UNCOUNTED_BYTES..)?))
}
