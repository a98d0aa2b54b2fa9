//! Reading the segments of a log while it grows.
//!
//! Opening the log believes of a closed segment no more than its end; so every frame is checked here, each time, with
//! the revision that has to come next, and the chain where the one before it was read too.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use super::segment::{Marks, Segment, Shared};
use super::window::Window;
use crate::domain::id::Revision;
use crate::store::log::frame::{Expected, Form, Frame, HEADER_BYTES, Header};
use crate::store::log::{Damage, ReadError, ReadLog, Records};
use crate::store::record::Hash;

/// How much is read at once, unless a frame is larger.
const READ_BYTES: usize = 64 * 1024;

/// The same for somebody who goes through a whole segment.
const SURVEY_BYTES: usize = 1024 * 1024;

/// A reading end of a log in files.
pub(super) struct FileReader(pub Arc<Shared>);

impl ReadLog for FileReader {
    fn head(&self) -> Revision {
        self.0.head()
    }

    fn read(&self, from: Revision, to: Revision) -> Records {
        Box::new(self.records(from.max(Revision(1)), to.min(self.head())))
    }

    fn reread(&self) -> Records {
        let closed = self.records(Revision(1), self.0.active_first().previous());
        Box::new(FileRecords { from_medium: true, ..closed })
    }

    fn chain_of(&self, revision: Revision) -> Result<Hash, ReadError> {
        let mut records = self.records(revision, revision);
        let (mut place, header) = records.find()?;
        let expected = Expected::at(header.first, Form::Current);
        let frame = Frame::check(place.bytes(header.size)?, expected);
        let chain = frame.and_then(|frame| frame.chain_at(revision));
        chain.map_err(|reason| place.damaged(reason))
    }
}

impl FileReader {
    fn records(&self, next: Revision, to: Revision) -> FileRecords {
        let (place, passed, ready) = (None, None, VecDeque::new());
        FileRecords { shared: Arc::clone(&self.0), next, to, place, passed, ready, from_medium: false }
    }
}

/// Records on their way out.
struct FileRecords {
    shared: Arc<Shared>,
    next: Revision,
    to: Revision,
    place: Option<Place>,
    /// What has to follow the frame that was read last, if one was.
    passed: Option<Expected>,
    ready: VecDeque<Vec<u8>>,
    /// Whether what the operating system remembers of the files does not count.
    from_medium: bool,
}

/// A place between two frames of a segment.
struct Place {
    segment: Arc<Segment>,
    window: Window,
    offset: u64,
    /// The revision that the frame here has to begin with.
    next: Revision,
}

impl Place {
    /// The beginning of a segment.
    fn first_of(shared: &Shared, segment: Arc<Segment>) -> Result<Place, ReadError> {
        match shared.disk.open_to_read(&shared.path(&segment)) {
            Ok(file) => {
                let next = segment.first;
                Ok(Place { segment, window: Window::new(file, READ_BYTES), offset: 0, next })
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

    /// The next bytes from here.
    fn bytes(&mut self, size: usize) -> Result<&[u8], ReadError> {
        let (offset, end) = (self.offset, self.segment.end());
        if end.saturating_sub(offset) < size as u64 {
            return Err(self.damaged("the frame is cut off"));
        }
        self.window.read(offset, size, end).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => {
                let reason = "the file was cut off while it was open";
                Damage { segment: self.segment.name(), offset, reason }.into()
            }
            _ => ReadError::Disk { segment: self.segment.name(), source },
        })
    }

    /// What the frame here says of itself.
    fn header(&mut self) -> Result<Header, ReadError> {
        if self.offset == self.segment.end() {
            return Err(self.damaged("the segment ends before the next one begins"));
        }
        let bytes = self.bytes(HEADER_BYTES)?;
        let header = Header::read(bytes).ok_or_else(|| self.damaged("the frame's header is cut off"))?;
        if header.first != self.next {
            return Err(self.damaged("the frame does not follow the one before it"));
        }
        Ok(header)
    }

    fn skip(&mut self, header: &Header) {
        self.offset += header.size as u64;
        self.next = header.next();
    }

    /// Goes through the whole segment, as far as its frames follow one another. Then everybody finds their way in it.
    fn survey(&mut self) -> Result<(), ReadError> {
        let mut marks = Marks::default();
        self.window.piece_bytes = SURVEY_BYTES;
        while self.offset < self.segment.end() {
            match self.header() {
                Ok(header) => {
                    marks.note(header.first, self.offset);
                    self.skip(&header);
                }
                // Whoever needs what is behind it comes across it again.
                Err(ReadError::Damaged(_)) => break,
                Err(error) => return Err(error),
            }
        }
        self.segment.survey(marks);
        Ok(())
    }
}

impl FileRecords {
    /// The place where the next record is, or somewhat before it.
    fn place(&mut self) -> Result<Place, ReadError> {
        if let Some(place) = self.place.take_if(|place| place.offset < place.segment.end()) {
            return Ok(place);
        }
        let nowhere = || Damage { segment: String::new(), offset: 0, reason: "no segment holds the revision" };
        let segment = self.shared.segment_of(self.next).ok_or_else(nowhere)?;
        if segment.near(self.next).is_none() {
            Place::first_of(&self.shared, Arc::clone(&segment))?.survey()?;
        }
        let near = segment.near(self.next);
        let mut place = Place::first_of(&self.shared, segment)?;
        place.window.from_medium = self.from_medium;
        if let Some((next, offset)) = near {
            (place.next, place.offset) = (next, offset);
        }
        Ok(place)
    }

    /// The frame that holds the next record: where it is, and its header.
    fn find(&mut self) -> Result<(Place, Header), ReadError> {
        let mut place = self.place()?;
        let mut header = place.header()?;
        while header.next() <= self.next {
            place.skip(&header);
            header = place.header()?;
        }
        Ok((place, header))
    }

    /// Reads the frame that holds the next record.
    fn fill(&mut self) -> Result<(), ReadError> {
        let (mut place, header) = self.find()?;
        let follows = self.passed.filter(|passed| passed.first == header.first);
        let expected = follows.unwrap_or_else(|| Expected::at(header.first, Form::Current));
        let checked = Frame::check(place.bytes(header.size)?, expected).map(|frame| {
            let wanted = frame.records.iter().filter(|(revision, _)| (self.next..=self.to).contains(revision));
            self.ready.extend(wanted.map(|(_, bytes)| bytes.to_vec()));
            frame.expects(Form::Current)
        });
        self.passed = Some(checked.map_err(|reason| place.damaged(reason))?);
        place.skip(&header);
        self.place = Some(place);
        Ok(())
    }
}

impl Iterator for FileRecords {
    type Item = Result<(Revision, Vec<u8>), ReadError>;

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
        let bytes = self.ready.pop_front()?;
        let revision = self.next;
        self.next = revision.next();
        Some(Ok((revision, bytes)))
    }
}
