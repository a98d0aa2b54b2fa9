//! Reads the segments of a log while it grows.
//!
//! Opening the log verifies only the end of a closed segment. So each frame is verified here every time it is read: its
//! bytes and its revision, and its chain if the frame before it was read too.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::segment::{FrameOffsets, Segment, Shared};
use super::window::Window;
use crate::domain::id::Revision;
use crate::store::log::frame::{self, Expected, Form, Frame, HEADER_BYTES, Header};
use crate::store::log::{Damage, Digests, ReadError, ReadLog, Records};
use crate::store::record::Hash;

/// The number of bytes that are read at once, unless a frame is larger.
const READ_BYTES: usize = 64 * 1024;

/// The number of bytes that are read at once when a whole segment is scanned.
const SCAN_BYTES: usize = 1024 * 1024;

/// A reader of a log in files.
pub(super) struct FileReader(pub Arc<Shared>);

impl ReadLog for FileReader {
    fn head(&self) -> Revision {
        self.0.head()
    }

    fn read(&self, from: Revision, to: Revision) -> Records {
        Box::new(self.records(from.max(Revision(1)), to.min(self.head())))
    }

    fn digests(&self, from: Revision, to: Revision) -> Digests {
        let items = self.items(from.max(Revision(1)), to.min(self.head()), digests_in);
        Box::new(items.map(|item| item.map(|(_, digest)| digest)))
    }

    fn reread(&self) -> Records {
        let closed = self.records(Revision(1), self.0.active_first().previous());
        Box::new(FileItems { from_medium: true, ..closed })
    }

    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError> {
        let mut records = self.records(revision, revision);
        let (mut cursor, header) = records.find()?;
        let expected = Expected::at(header.first, Form::Current);
        let frame = Frame::check(cursor.bytes(header.size)?, expected);
        let chain = frame.and_then(|frame| frame.chain_at(revision));
        chain.map_err(|reason| cursor.damaged(reason))
    }
}

impl FileReader {
    fn records(&self, next: Revision, to: Revision) -> FileItems<Vec<u8>> {
        self.items(next, to, records_in)
    }

    fn items<T>(&self, next: Revision, to: Revision, items_in: ItemsIn<T>) -> FileItems<T> {
        let (cursor, expected, ready) = (None, None, VecDeque::new());
        FileItems { shared: Arc::clone(&self.0), next, to, cursor, expected, items_in, ready, from_medium: false }
    }
}

/// Verifies the frame at the start of some bytes. Returns an item for each of its records, and what the next frame must
/// match.
type ItemsIn<T> = fn(&[u8], Expected) -> Result<(Vec<T>, Expected), &'static str>;

fn records_in(bytes: &[u8], expected: Expected) -> Result<(Vec<Vec<u8>>, Expected), &'static str> {
    let frame = Frame::check(bytes, expected)?;
    Ok((frame.records.iter().map(|(_, bytes)| bytes.to_vec()).collect(), frame.expects(Form::Current)))
}

fn digests_in(bytes: &[u8], expected: Expected) -> Result<(Vec<Hash>, Expected), &'static str> {
    frame::digests(bytes, expected)
}

/// An iterator over something of each record.
struct FileItems<T> {
    shared: Arc<Shared>,
    next: Revision,
    to: Revision,
    cursor: Option<Cursor>,
    /// What the next frame must match, if a frame was read before.
    expected: Option<Expected>,
    items_in: ItemsIn<T>,
    ready: VecDeque<T>,
    /// True to bypass the page cache of the operating system.
    from_medium: bool,
}

/// A position between two frames of a segment.
struct Cursor {
    segment: Arc<Segment>,
    window: Window,
    offset: u64,
    /// The first revision that the frame here must have.
    next: Revision,
}

impl Cursor {
    /// The beginning of a segment.
    fn first_of(shared: &Shared, segment: Arc<Segment>) -> Result<Cursor, ReadError> {
        match shared.disk.open_to_read(&shared.path(&segment)) {
            Ok(file) => {
                let next = segment.first;
                Ok(Cursor { segment, window: Window::new(file, READ_BYTES), offset: 0, next })
            }
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => {
                Err(Damage { segment: segment.name(), offset: 0, reason: "the file is gone" }.into())
            }
            Err(source) => Err(ReadError::Disk { segment: segment.name(), source }),
        }
    }

    fn damaged(&self, reason: &'static str) -> ReadError {
        Damage { segment: self.segment.name(), offset: self.offset, reason }.into()
    }

    /// Reads bytes at this position without moving it.
    fn bytes(&mut self, size: usize) -> Result<&[u8], ReadError> {
        let (offset, end) = (self.offset, self.segment.end());
        if end.saturating_sub(offset) < size as u64 {
            return Err(self.damaged("the frame is truncated"));
        }
        self.window.read(offset, size, end).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                let reason = "the file was truncated while it was open";
                Damage { segment: self.segment.name(), offset, reason }.into()
            }
            _ => ReadError::Disk { segment: self.segment.name(), source },
        })
    }

    /// The header of the frame at this position.
    fn header(&mut self) -> Result<Header, ReadError> {
        if self.offset == self.segment.end() {
            return Err(self.damaged("the segment ends before the next one begins"));
        }
        let bytes = self.bytes(HEADER_BYTES)?;
        let header = Header::read(bytes).ok_or_else(|| self.damaged("the frame's header is truncated"))?;
        if header.first != self.next {
            return Err(self.damaged("the frame does not follow the one before it"));
        }
        Ok(header)
    }

    fn skip(&mut self, header: &Header) {
        self.offset += header.size as u64;
        self.next = header.next();
    }

    /// Scans the whole segment, up to its first bad header, and stores the frame offsets for all readers.
    fn scan(&mut self) -> Result<(), ReadError> {
        let mut offsets = FrameOffsets::default();
        self.window.piece_bytes = SCAN_BYTES;
        while self.offset < self.segment.end() {
            match self.header() {
                Ok(header) => {
                    offsets.note(header.first, self.offset);
                    self.skip(&header);
                }
                // A reader that needs the records after this position will find the damage again and report it.
                Err(ReadError::Damaged(_)) => break,
                Err(error) => return Err(error),
            }
        }
        self.segment.set_offsets(offsets);
        Ok(())
    }
}

impl<T> FileItems<T> {
    /// A position at the next record, or somewhat before it.
    fn cursor(&mut self) -> Result<Cursor, ReadError> {
        if let Some(cursor) = self.cursor.take_if(|cursor| cursor.offset < cursor.segment.end()) {
            return Ok(cursor);
        }
        let nowhere = || Damage { segment: String::new(), offset: 0, reason: "no segment holds the revision" };
        let segment = self.shared.segment_of(self.next).ok_or_else(nowhere)?;
        if segment.nearest_frame(self.next).is_none() {
            Cursor::first_of(&self.shared, Arc::clone(&segment))?.scan()?;
        }
        let nearest = segment.nearest_frame(self.next);
        let mut cursor = Cursor::first_of(&self.shared, segment)?;
        cursor.window.from_medium = self.from_medium;
        if let Some((next, offset)) = nearest {
            (cursor.next, cursor.offset) = (next, offset);
        }
        Ok(cursor)
    }

    /// Finds the frame that holds the next record. Returns its position and header.
    fn find(&mut self) -> Result<(Cursor, Header), ReadError> {
        let mut cursor = self.cursor()?;
        let mut header = cursor.header()?;
        while header.next() <= self.next {
            cursor.skip(&header);
            header = cursor.header()?;
        }
        Ok((cursor, header))
    }

    /// Reads the frame that holds the next record.
    fn fill(&mut self) -> Result<(), ReadError> {
        let (mut cursor, header) = self.find()?;
        let follows = self.expected.filter(|expected| expected.first == header.first);
        let expected = follows.unwrap_or_else(|| Expected::at(header.first, Form::Current));
        let checked = (self.items_in)(cursor.bytes(header.size)?, expected);
        let (items, follows) = checked.map_err(|reason| cursor.damaged(reason))?;
        let wanted = |(revision, item)| (self.next..=self.to).contains(&Revision(revision)).then_some(item);
        self.ready.extend((header.first.0..).zip(items).filter_map(wanted));
        self.expected = Some(follows);
        cursor.skip(&header);
        self.cursor = Some(cursor);
        Ok(())
    }
}

impl<T> Iterator for FileItems<T> {
    type Item = Result<(Revision, T), ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next > self.to {
            return None;
        }
        if self.ready.is_empty()
            && let Err(error) = self.fill()
        {
            self.to = Revision::ZERO;
            return Some(Err(error));
        }
        let item = self.ready.pop_front()?;
        let revision = self.next;
        self.next = revision.next();
        Some(Ok((revision, item)))
    }
}
