//! Opening: which segments there are, that they connect, and how far the last one can be believed.
//!
//! What the operating system shows after a crash may never have reached the disk; so the last segment is copied, synced
//! and renamed, and only then is its last frame believed. A torn end is left behind by that copy, and so is room for more
//! frames, unless the published head was beyond them. On a disk without room for the copy the last segment is cut and
//! synced where it is, and believed if the medium gives the same bytes. Of the segments before, the last frame alone is read here: it
//! tells that nothing is missing before the next one. What is wrong further inside a reader finds.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::domain::id::Revision;
use crate::store::disk::{Disk, DiskFile};
use crate::store::record::{Hash, Tip};

use super::high_water_mark::published_head;
use super::segment::{Segment, Shared, segment_name};
use crate::store::log::frame::{self, Expected, Form, Frame, HEADER_BYTES, Header};
use crate::store::log::{Damage, OpenLogError};

/// How much of the end of a closed segment is read to find its last frame, before all of it is.
const END_BYTES: [u64; 2] = [64 * 1024, 1024 * 1024];

/// A log whose every record is durable.
pub(super) struct Opened {
    pub shared: Arc<Shared>,
    /// The segment to append to,
    pub active: Arc<Segment>,
    /// and its file.
    pub file: Box<dyn DiskFile>,
    /// The last record. Its chain is right where every frame is of the current form.
    pub tip: Tip,
}

/// Opens the log in a directory that exists, and begins one if there is none.
pub(super) fn open(disk: Arc<dyn Disk>, directory: &Path, form: Form) -> Result<Opened, OpenLogError> {
    let shared = Arc::new(Shared::new(disk, directory.to_owned()));
    let published = published_head(&*shared.disk, directory)?.unwrap_or_default();
    let firsts = segments_in(&shared)?;
    let Some((last, closed)) = firsts.split_last() else {
        Ending::of_nothing().refuse_a_loss(published)?;
        let (active, file) = begin(&shared, Revision(1))?;
        return Ok(publish(shared, active, file, Tip::ORIGIN));
    };
    if let Some(first) = firsts.first().filter(|first| **first != Revision(1)) {
        return Err(damage(&Segment::new(*first), 0, "the segments before it are missing").into());
    }
    let mut expected = Expected::at(Revision(1), form);
    for (first, next) in closed.iter().zip(firsts.iter().skip(1)) {
        let (segment, chain) = closed_segment(&shared, *first, *next, form)?;
        expected = Expected { first: *next, chain, form };
        shared.add(Arc::new(segment));
    }
    let (active, file, next) = settle(&shared, Segment::new(*last), expected, published)?;
    let tip = Tip { revision: next.first.previous(), chain: next.chain.unwrap_or(Tip::ORIGIN.chain) };
    Ok(publish(shared, active, file, tip))
}

fn publish(shared: Arc<Shared>, active: Segment, file: Box<dyn DiskFile>, tip: Tip) -> Opened {
    let active = Arc::new(active);
    shared.add(Arc::clone(&active));
    shared.publish(tip.revision);
    Opened { shared, active, file, tip }
}

fn damage(segment: &Segment, offset: u64, reason: &'static str) -> Damage {
    Damage { segment: segment.name(), offset, reason }
}

/// The first revisions of the segments there are, in order. Copies that were not finished are removed.
fn segments_in(shared: &Shared) -> io::Result<Vec<Revision>> {
    let names = shared.disk.list(&shared.directory)?;
    for name in names.iter().filter(|name| name.ends_with(".tmp")) {
        shared.disk.remove(&shared.directory.join(name))?;
    }
    Ok(firsts_of(&names))
}

/// The first revisions of the segments among these names, in order.
pub(super) fn firsts_of(names: &[String]) -> Vec<Revision> {
    let firsts = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok());
    let mut firsts: Vec<_> = firsts.map(Revision).collect();
    firsts.sort_unstable();
    firsts
}

/// Whether the log in a directory holds no record: there is no segment, or only the first, with room and what may be a
/// write cut short. Touches nothing.
pub(super) fn holds_no_record(disk: &dyn Disk, directory: &Path) -> io::Result<bool> {
    let names = match disk.list(directory) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => return Ok(true),
        listed => listed?,
    };
    let first = match *firsts_of(&names) {
        [] => return Ok(true),
        [first @ Revision(1)] => Segment::new(first),
        _ => return Ok(false),
    };
    let file = disk.open_to_read(&directory.join(first.name()))?;
    let size = file.size()?;
    let header = Header::read(&read(&*file, 0, size.min(HEADER_BYTES as u64))?);
    let frame = header.map_or(0, |header| size.min(header.size as u64));
    if Frame::check(&read(&*file, 0, frame)?, Expected::at(first.first, Form::OrFirst)).is_ok() {
        return Ok(false);
    }
    let bytes = read(&*file, 0, size)?;
    Ok(frame::is_room(&bytes) || frame::is_torn(&bytes, first.first))
}

/// Why a segment was not begun.
pub(super) enum BeginError {
    /// There is no new segment.
    NotBegun(io::Error),
    /// There may be one.
    OutcomeUnknown(io::Error),
}

impl From<BeginError> for OpenLogError {
    fn from(error: BeginError) -> OpenLogError {
        match error {
            BeginError::NotBegun(source) | BeginError::OutcomeUnknown(source) => source.into(),
        }
    }
}

/// Begins a segment, durably.
pub(super) fn begin(shared: &Shared, first: Revision) -> Result<(Segment, Box<dyn DiskFile>), BeginError> {
    let segment = Segment::new(first);
    let file = shared.disk.create_new(&shared.path(&segment)).map_err(BeginError::NotBegun)?;
    shared.disk.sync_dir(&shared.directory).map_err(BeginError::OutcomeUnknown)?;
    Ok((segment, file))
}

/// A segment with another one behind it, and the chain up to its end: believed if its last frame is whole and leads there.
fn closed_segment(
    shared: &Shared,
    first: Revision,
    next: Revision,
    form: Form,
) -> Result<(Segment, Option<Hash>), OpenLogError> {
    let segment = Segment::new(first);
    let file = shared.disk.open_to_read(&shared.path(&segment))?;
    let size = file.size()?;
    for end in END_BYTES {
        let end = end.min(size);
        if let Some(last) = frame::last_before(&read(&*file, size - end, end)?, next, form) {
            return Ok((Segment::closed(first, size), last.expects(form).chain));
        }
    }
    // Either its last frame is larger than that, or something is wrong: which, and where, the whole of it tells.
    let ending = Ending::find(&segment, &read(&*file, 0, size)?, Expected::at(first, form));
    if let Some(reason) = ending.bad_end {
        return Err(damage(&segment, segment.end(), reason).into());
    }
    if ending.next.first != next {
        return Err(damage(&Segment::new(next), 0, "the segment does not follow the one before it").into());
    }
    Ok((segment, ending.next.chain))
}

pub(super) fn read(file: &dyn DiskFile, offset: u64, size: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

/// How a segment ends.
struct Ending {
    segment: String,
    /// Where its whole frames end.
    offset: u64,
    /// What would follow the last of them.
    next: Expected,
    /// What is wrong behind them, if anything is there.
    bad_end: Option<&'static str>,
}

impl Ending {
    /// Of a log without segments.
    fn of_nothing() -> Ending {
        let next = Expected::at(Revision(1), Form::Current);
        Ending { segment: segment_name(Revision(1)), offset: 0, next, bad_end: None }
    }

    /// Reads every frame of a segment into its extent, up to a bad one, if any.
    fn find(segment: &Segment, bytes: &[u8], expected: Expected) -> Ending {
        let mut next = Expected { first: segment.first, ..expected };
        let mut rest = bytes;
        let bad_end = loop {
            match Frame::check(rest, next) {
                Ok(frame) => {
                    segment.grow(next.first, frame.header.size as u64);
                    next = frame.expects(next.form);
                    rest = rest.get(frame.header.size..).unwrap_or_default();
                }
                Err(_) if frame::is_room(rest) => break None,
                Err(reason) => break Some(reason),
            }
        };
        Ending { segment: segment.name(), offset: segment.end(), next, bad_end }
    }

    /// The published head beyond the end is proof of a loss.
    fn refuse_a_loss(self, published: Revision) -> Result<(), OpenLogError> {
        let head = self.next.first.previous();
        if published <= head {
            return Ok(());
        }
        let Ending { segment, offset, bad_end, .. } = self;
        let found = bad_end.unwrap_or("there is nothing behind it");
        Err(OpenLogError::LostRecords { published, head, segment, offset, found })
    }
}

/// Makes sure of the last segment: keeps its whole frames, durably, and leaves a torn end behind.
fn settle(
    shared: &Shared,
    segment: Segment,
    expected: Expected,
    published: Revision,
) -> Result<(Segment, Box<dyn DiskFile>, Expected), OpenLogError> {
    let path = shared.path(&segment);
    let file = shared.disk.open(&path)?;
    let mut bytes = read(&*file, 0, file.size()?)?;
    let ending = Ending::find(&segment, &bytes, expected);
    let next = ending.next;
    let end = usize::try_from(ending.offset).map_err(io::Error::other)?;
    if let Some(reason) = ending.bad_end
        && !frame::is_torn(bytes.get(end..).unwrap_or_default(), next.first)
    {
        return Err(damage(&segment, ending.offset, reason).into());
    }
    ending.refuse_a_loss(published)?;
    bytes.truncate(end);
    let copy = path.with_extension("tmp");
    let file = match write_copy(shared, &copy, &bytes) {
        Err(full) if is_full(&full) => {
            let error = &full as &dyn std::error::Error;
            tracing::warn!(
                event = "log_segment_cut_in_place",
                error,
                "the disk has no room to copy the last log segment: it is cut in place"
            );
            return Ok((segment, cut_where_it_is(file, &bytes, full)?, next));
        }
        written => written?,
    };
    shared.disk.rename(&copy, &path)?;
    shared.disk.sync_dir(&shared.directory)?;
    Ok((segment, file, next))
}

/// Writes a copy of a segment, durably. Leaves none behind that is not whole.
pub(super) fn write_copy(shared: &Shared, copy: &Path, bytes: &[u8]) -> io::Result<Box<dyn DiskFile>> {
    let file = shared.disk.create_new(copy)?;
    let written = file.write_all_at(bytes, 0).and_then(|()| file.sync_data());
    written.inspect_err(|_| shared.disk.remove(copy).unwrap_or_default())?;
    Ok(file)
}

/// Leaves nothing in a segment but its frames, durably, and makes sure that the medium has them. Otherwise the disk's
/// refusal of a copy is the outcome.
fn cut_where_it_is(file: Box<dyn DiskFile>, bytes: &[u8], full: io::Error) -> io::Result<Box<dyn DiskFile>> {
    file.truncate(bytes.len() as u64)?;
    file.sync_data()?;
    let mut on_medium = vec![0; bytes.len()];
    file.read_medium_exact_at(&mut on_medium, 0)?;
    if on_medium == bytes { Ok(file) } else { Err(full) }
}

/// Whether there is no room.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
