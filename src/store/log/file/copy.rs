//! A copy of a log that is elsewhere. Its frames can be read again from there, so none is synced when it is appended,
//! and a damaged copy is not a loss: it ends before its first bad frame.
//!
//! Closed segments are synced. Damage inside one, before its last frame, is found by readers as in every log.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::open::{Ending, closed_segment, read, segments_in};
use super::segment::{Segment, Shared};
use crate::domain::id::Revision;
use crate::store::disk::Disk;
use crate::store::log::OpenLogError;
use crate::store::log::frame::{Expected, Form};

/// Removes what follows the intact frames, durably.
pub(super) fn cut(disk: Arc<dyn Disk>, directory: &Path) -> Result<(), OpenLogError> {
    let shared = &Shared::new(disk, directory.to_owned());
    let firsts = segments_in(shared)?;
    let mut expected = Expected::at(Revision(1), Form::Current);
    let mut rest = firsts.as_slice();
    while let Some((first, later)) = rest.split_first() {
        if *first != expected.first {
            return Ok(remove(shared, rest)?);
        }
        match later.first().map(|next| (next, closed_segment(shared, *first, *next, Form::Current))) {
            Some((next, Ok((_, chain)))) => expected = Expected { first: *next, chain, form: Form::Current },
            Some((_, Err(OpenLogError::Disk(refused)))) => return Err(refused.into()),
            _ => {
                remove(shared, later)?;
                return Ok(truncate(shared, *first, expected)?);
            }
        }
        rest = later;
    }
    Ok(())
}

/// Removes segments, the last one first, so that those that are left have no gap.
fn remove(shared: &Shared, segments: &[Revision]) -> io::Result<()> {
    for first in segments.iter().rev() {
        let segment = Segment::new(*first);
        let name = segment.name();
        tracing::warn!(event = "log_copy_cut", segment = name, "the copy of the shared log ends before this segment");
        shared.disk.remove(&shared.path(&segment))?;
        shared.disk.sync_dir(&shared.directory)?;
    }
    Ok(())
}

/// Truncates a segment to its intact frames.
fn truncate(shared: &Shared, first: Revision, expected: Expected) -> io::Result<()> {
    let segment = Segment::new(first);
    let file = shared.disk.open(&shared.path(&segment))?;
    let ending = Ending::find(&segment, &read(&*file, 0, file.size()?)?, expected);
    let Some(reason) = ending.bad_end else { return Ok(()) };
    let (name, offset) = (segment.name(), ending.offset);
    tracing::warn!(event = "log_copy_cut", segment = name, offset, reason, "the copy of the shared log ends here");
    file.truncate(offset)?;
    file.sync_data()
}
