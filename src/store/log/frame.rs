//! Frames: one batch of records each, protected by a checksum.
//!
//! The layout is `len · crc32c · first_revision · count · chain before · chain · records`, little-endian. `len` is the
//! number of bytes after the checksum. The checksum covers everything except itself. `chain before` is the chain that
//! the frame builds on, and `chain` is that of its last record, so that a frame can be verified on its own. Each record
//! is preceded by its length and its digest.
//!
//! A frame of format 1 has the same first four fields. They are followed by the records, each with its length only.

use super::{AppendError, Redact};
use crate::domain::id::Revision;
use crate::store::record::{self, Hash, Tip};

/// The length of the header that every form has.
pub(in crate::store) const HEADER_BYTES: usize = 20;

/// The leading bytes that `len` does not count.
const UNCOUNTED_BYTES: usize = 8;

/// The length of a hash.
const HASH_BYTES: usize = size_of::<Hash>();

/// Encodes a batch that follows a tip. Returns the frame and the tip of each record.
pub(in crate::store) fn encode(after: &Tip, batch: &[Vec<u8>]) -> Result<(Vec<u8>, Vec<Tip>), AppendError> {
    let digests = batch.iter().map(|record| record::digest(record)).collect::<Result<Vec<_>, _>>();
    let digests = digests.map_err(AppendError::NotARecord)?;
    let mut tip = *after;
    let tips = digests.iter().map(|digest| {
        tip = tip.follow(digest);
        tip
    });
    let tips: Vec<Tip> = tips.collect();
    let records: usize = batch.iter().map(|record| 4 + HASH_BYTES + record.len()).sum();
    let size = HEADER_BYTES + 2 * HASH_BYTES + records;
    let len = u32::try_from(size - UNCOUNTED_BYTES).map_err(|_| AppendError::TooLarge)?.to_le_bytes();
    let mut frame = Vec::with_capacity(size);
    // The checksum is not known yet.
    frame.extend_from_slice(&[0; UNCOUNTED_BYTES]);
    frame.extend_from_slice(&after.revision.next().0.to_le_bytes());
    frame.extend_from_slice(&u32::try_from(batch.len()).map_err(|_| AppendError::TooLarge)?.to_le_bytes());
    frame.extend_from_slice(&after.chain);
    frame.extend_from_slice(&tip.chain);
    for (record, digest) in batch.iter().zip(&digests) {
        frame.extend_from_slice(&u32::try_from(record.len()).map_err(|_| AppendError::TooLarge)?.to_le_bytes());
        frame.extend_from_slice(digest);
        frame.extend_from_slice(record);
    }
    let (uncounted, rest) = frame.split_at_mut(UNCOUNTED_BYTES);
    uncounted.copy_from_slice(&[len, checksum(&len, rest).to_le_bytes()].concat());
    Ok((frame, tips))
}

/// A frame's header, not yet verified.
#[derive(Clone, Copy)]
pub(in crate::store) struct Header {
    /// The revision of the first record.
    pub first: Revision,
    /// The number of records.
    pub count: u32,
    /// The length of the frame in bytes, including the header.
    pub size: usize,
    crc: u32,
}

impl Header {
    /// The revision after the last record.
    pub fn next(&self) -> Revision {
        Revision(self.first.0.saturating_add(u64::from(self.count)))
    }

    /// Reads the header at the start of these bytes. `None` if there are too few bytes.
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

/// The forms of a frame that a reader accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The current form.
    Current,
    /// The current form and that of format 1: for a log whose rewrite may be incomplete.
    CurrentOrFormat1,
}

/// What the next frame must match.
#[derive(Clone, Copy)]
pub(in crate::store) struct Expected {
    /// The revision of its first record.
    pub first: Revision,
    /// The chain that it builds on, if known.
    pub chain: Option<Hash>,
    /// The forms that are accepted.
    pub form: Form,
}

impl Expected {
    /// Expects a frame that begins with a revision and builds on this chain, if it is known.
    pub fn building_on(chain: Option<Hash>, first: Revision, form: Form) -> Expected {
        let expected = Expected::at(first, form);
        Expected { chain: chain.or(expected.chain), ..expected }
    }

    /// Expects a frame that begins with a revision.
    pub fn at(first: Revision, form: Form) -> Expected {
        let chain = (first == Tip::ORIGIN.revision.next()).then_some(Tip::ORIGIN.chain);
        Expected { first, chain, form }
    }
}

/// A frame whose every byte was verified.
pub(in crate::store) struct Frame<'a> {
    /// The header.
    pub header: Header,
    /// The frame's link in the chain. `None` in format 1.
    pub link: Option<Link>,
    /// The records, each with its revision.
    pub records: Vec<(Revision, &'a [u8])>,
}

/// A verified frame and its bytes.
pub struct WholeFrame<'a> {
    /// All bytes of the frame.
    pub bytes: &'a [u8],
    /// The decoded frame.
    pub(in crate::store) frame: Frame<'a>,
}

/// A frame's link in the chain.
#[derive(Clone, Copy)]
pub(in crate::store) struct Link {
    /// The chain that the frame builds on.
    pub before: Hash,
    /// The chain up to its last record.
    pub chain: Hash,
}

impl<'a> Frame<'a> {
    /// Reads and verifies the frame at the start of these bytes: first the checksum, then the digest of each record,
    /// then the chain and that it follows what is expected.
    pub fn check(bytes: &'a [u8], expected: Expected) -> Result<Frame<'a>, &'static str> {
        let (header, body) = envelope(bytes)?;
        if header.first != expected.first {
            return Err("the frame does not follow the one before it");
        }
        let frame = match Frame::read(header, body) {
            Err(reason) if expected.form == Form::CurrentOrFormat1 => {
                Frame::read_format_1(header, body).ok_or(reason)?
            }
            read => read?,
        };
        match (frame.link, expected.chain) {
            (Some(link), Some(chain)) if link.before != chain => Err("the chain does not follow the frame before it"),
            _ => Ok(frame),
        }
    }

    fn read(header: Header, body: &'a [u8]) -> Result<Frame<'a>, &'static str> {
        let (before, rest) = body.split_first_chunk::<HASH_BYTES>().ok_or(WRONG_LENGTH)?;
        let (chain, mut rest) = rest.split_first_chunk::<HASH_BYTES>().ok_or(WRONG_LENGTH)?;
        let mut tip = Tip { revision: header.first.previous(), chain: *before };
        let mut records = Vec::new();
        for _ in 0..header.count {
            let (length, tail) = rest.split_first_chunk().ok_or(WRONG_LENGTH)?;
            let (digest, tail) = tail.split_first_chunk::<HASH_BYTES>().ok_or(WRONG_LENGTH)?;
            let (bytes, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or(WRONG_LENGTH)?;
            if record::digest(bytes)? != *digest {
                return Err("the digest of a record is wrong");
            }
            tip = tip.follow(digest);
            records.push((tip.revision, bytes));
            rest = tail;
        }
        if tip.chain != *chain {
            return Err("the chain is wrong");
        }
        Ok(Frame { header, link: Some(Link { before: *before, chain: *chain }), records })
    }

    /// Reads the frame in format 1. `None` if the records do not fill it exactly.
    fn read_format_1(header: Header, body: &'a [u8]) -> Option<Frame<'a>> {
        let mut rest = body;
        let mut records = Vec::new();
        for at in 0..u64::from(header.count) {
            let (length, tail) = rest.split_first_chunk()?;
            let (bytes, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
            records.push((Revision(header.first.0 + at), bytes));
            rest = tail;
        }
        rest.is_empty().then_some(Frame { header, link: None, records })
    }

    /// The chain up to a record of this frame.
    pub fn chain_at(&self, revision: Revision) -> Result<Hash, &'static str> {
        let link = self.link.ok_or("a frame of format 1 has no chain")?;
        let mut tip = Tip { revision: self.header.first.previous(), chain: link.before };
        for (_, bytes) in self.records.iter().take_while(|(at, _)| *at <= revision) {
            tip = tip.follow(&record::digest(bytes)?);
        }
        Ok(tip.chain)
    }

    /// Reads and verifies a frame in the current form that follows a tip. Returns it with its own tip.
    pub fn after(bytes: &'a [u8], tip: &Tip) -> Result<(Frame<'a>, Tip), &'static str> {
        let expected = Expected::building_on(Some(tip.chain), tip.revision.next(), Form::Current);
        let frame = Frame::check(bytes, expected)?;
        let tip = frame.tip().ok_or("the frame is in an earlier form")?;
        Ok((frame, tip))
    }

    /// Encodes the frame, which follows a tip, with other records in the places of some. `None` if every record stays.
    pub fn with_replaced<E: From<AppendError>>(
        &self,
        after: &Tip,
        replaced: &mut Redact<'_, E>,
    ) -> Result<Option<Vec<u8>>, E> {
        let (mut records, mut is_replaced) = (Vec::with_capacity(self.records.len()), false);
        for (revision, bytes) in &self.records {
            let new = replaced(*revision, bytes)?;
            is_replaced |= new.is_some();
            records.push(new.unwrap_or_else(|| bytes.to_vec()));
        }
        if is_replaced { Ok(Some(encode(after, &records)?.0)) } else { Ok(None) }
    }

    /// Splits bytes that begin with this frame behind it.
    pub fn split<'b>(&self, bytes: &'b [u8]) -> (&'b [u8], &'b [u8]) {
        bytes.split_at_checked(self.header.size).unwrap_or((bytes, &[]))
    }

    /// The tip after this frame. `None` in format 1.
    pub fn tip(&self) -> Option<Tip> {
        self.link.map(|link| Tip { revision: self.header.next().previous(), chain: link.chain })
    }

    /// What the next frame must match.
    pub fn expects(&self, form: Form) -> Expected {
        Expected { first: self.header.next(), chain: self.link.map(|link| link.chain), form }
    }
}

/// Verifies the frame at the start of these bytes, but not its records against their digests: the checksum, that it
/// follows what is expected, and that its chain is that of the digests. Returns the digests, and what the next frame
/// must match.
pub(in crate::store) fn digests(bytes: &[u8], expected: Expected) -> Result<(Vec<Hash>, Expected), &'static str> {
    let (header, body) = envelope(bytes)?;
    if header.first != expected.first {
        return Err("the frame does not follow the one before it");
    }
    let (before, rest) = body.split_first_chunk::<HASH_BYTES>().ok_or(WRONG_LENGTH)?;
    let (chain, mut rest) = rest.split_first_chunk::<HASH_BYTES>().ok_or(WRONG_LENGTH)?;
    if expected.chain.is_some_and(|expected| expected != *before) {
        return Err("the chain does not follow the frame before it");
    }
    let mut tip = Tip { revision: header.first.previous(), chain: *before };
    let mut digests = Vec::new();
    for _ in 0..header.count {
        let (length, tail) = rest.split_first_chunk().ok_or(WRONG_LENGTH)?;
        let (digest, tail) = tail.split_first_chunk::<HASH_BYTES>().ok_or(WRONG_LENGTH)?;
        rest = tail.get(u32::from_le_bytes(*length) as usize..).ok_or(WRONG_LENGTH)?;
        tip = tip.follow(digest);
        digests.push(*digest);
    }
    if tip.chain != *chain {
        return Err("the chain is wrong");
    }
    Ok((digests, Expected { first: header.next(), chain: Some(*chain), form: Form::Current }))
}

const WRONG_LENGTH: &str = "a record's length is wrong";

/// Splits off the header and verifies the checksum. This is the same in every form.
fn envelope(bytes: &[u8]) -> Result<(Header, &[u8]), &'static str> {
    let header = Header::read(bytes).ok_or("the frame's header is truncated")?;
    let frame = bytes.get(..header.size).ok_or("the frame is truncated")?;
    let body = frame.get(HEADER_BYTES..).ok_or("the frame is shorter than its header")?;
    let (len, rest) = (frame.get(..4).unwrap_or_default(), frame.get(UNCOUNTED_BYTES..).unwrap_or_default());
    if checksum(len, rest) == header.crc { Ok((header, body)) } else { Err("the checksum is wrong") }
}

/// True if these bytes, which should begin with a frame of revision `expected` and do not, are a torn write.
///
/// Each frame is durable before the next one is written. So if the bytes contain an intact frame anywhere, they are not
/// a torn write.
pub(in crate::store) fn is_torn(bytes: &[u8], expected: Revision) -> bool {
    !(0..bytes.len()).any(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        Header::read(rest).is_some_and(|header| {
            let distance = header.first.0.wrapping_sub(expected.0);
            (at == 0 || (1..=u64::from(u32::MAX)).contains(&distance)) && envelope(rest).is_ok()
        })
    })
}

/// True if these bytes, which should begin with a frame, are preallocated space: they are all zero.
pub(in crate::store) fn is_preallocated(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// The intact frame that these bytes end with and whose last record precedes `next`, if there is one.
pub(in crate::store) fn last_before(bytes: &[u8], next: Revision, form: Form) -> Option<Frame<'_>> {
    (0..bytes.len()).find_map(|at| {
        let rest = bytes.get(at..).unwrap_or_default();
        let header = Header::read(rest).filter(|header| header.size == rest.len() && header.next() == next)?;
        Frame::check(rest, Expected { chain: None, ..Expected::at(header.first, form) }).ok()
    })
}

fn checksum(len: &[u8], rest: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(len), rest)
}
