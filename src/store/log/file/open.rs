//! Opens a log: finds its segments, checks that they connect, and determines which part of the last one is valid.
//!
//! After a crash, the operating system may show data that never reached the disk. So the last segment is copied, synced
//! and renamed before its last frame is accepted. The copy leaves out a torn end and preallocated space. If the
//! published head is beyond the last intact frame, the log does not open. If the disk has no space for the copy, the
//! last segment is truncated and synced in place, and accepted if the storage device returns the same bytes.
//!
//! Of each earlier segment only the last frame is read here: it shows that nothing is missing before the next segment.
//! Readers detect other damage.

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

/// How many bytes of the end of a closed segment are searched for its last frame, before the whole segment is read.
const END_BYTES: [u64; 2] = [64 * 1024, 1024 * 1024];

/// An open log. Every record in it is durable.
pub(super) struct Opened {
    pub shared: Arc<Shared>,
    /// The segment to append to.
    pub active: Arc<Segment>,
    /// The file of the active segment.
    pub file: Box<dyn DiskFile>,
    /// The last record. Its chain is correct if every frame is in the current form.
    pub tip: Tip,
}

/// Opens the log in an existing directory. Creates a log if there is none. A copy may end before the
/// published head.
pub(super) fn open(disk: Arc<dyn Disk>, directory: &Path, form: Form, is_copy: bool) -> Result<Opened, OpenLogError> {
    let shared = Arc::new(Shared::new(disk, directory.to_owned()));
    let published = if is_copy { None } else { published_head(&*shared.disk, directory)? }.unwrap_or_default();
    let firsts = segments_in(&shared)?;
    let Some((last, closed)) = firsts.split_last() else {
        Ending::of_empty_log().refuse_a_loss(published)?;
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
    let (active, file, next) = recover_last_segment(&shared, Segment::new(*last), expected, published)?;
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

/// The first revisions of all segments, in order. Removes incomplete copies.
pub(super) fn segments_in(shared: &Shared) -> io::Result<Vec<Revision>> {
    let names = shared.disk.list(&shared.directory)?;
    for name in names.iter().filter(|name| name.ends_with(".tmp")) {
        shared.disk.remove(&shared.directory.join(name))?;
    }
    Ok(firsts_of(&names))
}

/// The first revisions of the segments with these names, in order.
pub(super) fn firsts_of(names: &[String]) -> Vec<Revision> {
    let firsts = names.iter().filter_map(|name| name.strip_suffix(".log")?.parse().ok());
    let mut firsts: Vec<_> = firsts.map(Revision).collect();
    firsts.sort_unstable();
    firsts
}

/// True if the log in a directory contains no record: there is no segment, or only the first one with preallocated
/// space or a torn write. Changes nothing.
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
    if Frame::check(&read(&*file, 0, frame)?, Expected::at(first.first, Form::CurrentOrFormat1)).is_ok() {
        return Ok(false);
    }
    let bytes = read(&*file, 0, size)?;
    Ok(frame::is_preallocated(&bytes) || frame::is_torn(&bytes, first.first))
}

/// The reasons why a segment was not begun.
pub(super) enum BeginError {
    /// The segment was not created.
    NotBegun(io::Error),
    /// The segment may have been created.
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

/// Opens a segment that another one follows. It is accepted if its last frame is intact and ends before the next
/// segment. Returns it with the chain up to its end.
pub(super) fn closed_segment(
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
    // The last frame is larger than that, or something is wrong. Read the whole segment to find out what, and where.
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
pub(super) struct Ending {
    segment: String,
    /// The offset in bytes where the intact frames end.
    pub(super) offset: u64,
    /// What the next frame must match.
    next: Expected,
    /// What is wrong after the intact frames, if more than preallocated space follows.
    pub(super) bad_end: Option<&'static str>,
}

impl Ending {
    /// The end of a log without segments.
    fn of_empty_log() -> Ending {
        let next = Expected::at(Revision(1), Form::Current);
        Ending { segment: segment_name(Revision(1)), offset: 0, next, bad_end: None }
    }

    /// Reads every frame of a segment up to the first bad one, and records their extent in the segment.
    pub(super) fn find(segment: &Segment, bytes: &[u8], expected: Expected) -> Ending {
        let mut next = Expected { first: segment.first, ..expected };
        let mut rest = bytes;
        let bad_end = loop {
            match Frame::check(rest, next) {
                Ok(frame) => {
                    segment.grow(next.first, frame.header.size as u64);
                    next = frame.expects(next.form);
                    rest = rest.get(frame.header.size..).unwrap_or_default();
                }
                Err(_) if frame::is_preallocated(rest) => break None,
                Err(reason) => break Some(reason),
            }
        };
        Ending { segment: segment.name(), offset: segment.end(), next, bad_end }
    }

    /// Fails if the published head is beyond the end: this proves that records were lost.
    fn refuse_a_loss(self, published: Revision) -> Result<(), OpenLogError> {
        let head = self.next.first.previous();
        if published <= head {
            return Ok(());
        }
        let Ending { segment, offset, bad_end, .. } = self;
        let found = bad_end.unwrap_or("nothing follows");
        Err(OpenLogError::LostRecords { published, head, segment, offset, found })
    }
}

/// Recovers the last segment: keeps its intact frames, durably, and discards a torn end.
fn recover_last_segment(
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
                "the disk has no room to copy the last log segment: it was truncated in place"
            );
            return Ok((segment, truncate_in_place(file, &bytes, full)?, next));
        }
        written => written?,
    };
    shared.disk.rename(&copy, &path)?;
    shared.disk.sync_dir(&shared.directory)?;
    Ok((segment, file, next))
}

/// Writes a durable copy of a segment. Removes the copy if it is incomplete.
pub(super) fn write_copy(shared: &Shared, copy: &Path, bytes: &[u8]) -> io::Result<Box<dyn DiskFile>> {
    let file = shared.disk.create_new(copy)?;
    let written = file.write_all_at(bytes, 0).and_then(|()| file.sync_data());
    written.inspect_err(|_| shared.disk.remove(copy).unwrap_or_default())?;
    Ok(file)
}

/// Truncates a segment to its intact frames, durably, and verifies them on the storage device. If they differ, it
/// returns the error that prevented the copy.
fn truncate_in_place(file: Box<dyn DiskFile>, bytes: &[u8], full: io::Error) -> io::Result<Box<dyn DiskFile>> {
    file.truncate(bytes.len() as u64)?;
    file.sync_data()?;
    let mut on_medium = vec![0; bytes.len()];
    file.read_medium_exact_at(&mut on_medium, 0)?;
    if on_medium == bytes { Ok(file) } else { Err(full) }
}

/// True if the disk is full.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
