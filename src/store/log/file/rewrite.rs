//! Rewrites segments in place: each one is written beside its place, synced and renamed. So at every moment each
//! segment is complete, as it was or as it will be, and after an interruption the next run begins with the first one.

use std::path::Path;

use super::open;
use super::segment::{Segment, Shared};
use crate::store::log::frame::{Expected, Form, Frame};
use crate::store::log::{Damage, OpenLogError, UpgradeError};
use crate::store::record::Tip;

/// Returns the frame that takes the place of a frame that follows a tip. `None` if it stays.
pub(super) type Rewrite<'a> = dyn FnMut(&Frame<'_>, &Tip) -> Result<Option<Vec<u8>>, UpgradeError> + 'a;

/// Rewrites every segment of an open log, in order.
pub(super) fn rewrite(shared: &Shared, form: Form, rewrite: &mut Rewrite<'_>) -> Result<(), UpgradeError> {
    let mut tip = Tip::ORIGIN;
    for segment in shared.segments() {
        tip = rewrite_segment(shared, &segment, tip, form, rewrite)?;
    }
    Ok(())
}

/// Rewrites a segment that follows a tip. Returns the tip after the segment.
fn rewrite_segment(
    shared: &Shared,
    segment: &Segment,
    before: Tip,
    form: Form,
    rewrite: &mut Rewrite<'_>,
) -> Result<Tip, UpgradeError> {
    let path = shared.path(segment);
    let bytes = open::read(&*shared.disk.open(&path)?, 0, segment.end())?;
    let (mut tip, mut rest, mut rewritten) = (before, bytes.as_slice(), Vec::with_capacity(bytes.len()));
    let mut is_rewritten = false;
    while !rest.is_empty() {
        let expected = Expected { first: tip.revision.next(), chain: Some(tip.chain), form };
        let damage = |reason| {
            let offset = (bytes.len() - rest.len()) as u64;
            OpenLogError::Damaged(Damage { segment: segment.name(), offset, reason })
        };
        let frame = Frame::check(rest, expected).map_err(damage)?;
        let (whole, behind) = frame.split(rest);
        tip = if let Some(new) = rewrite(&frame, &tip)? {
            let after = Frame::check(&new, expected).ok().and_then(|new| new.tip());
            // The digests of the records must not change. A frame of format 1 has none yet.
            if frame.link.is_some() && after != frame.tip() {
                return Err(damage("another frame would not have the same chain").into());
            }
            rewritten.extend(new);
            is_rewritten = true;
            after
        } else {
            rewritten.extend_from_slice(whole);
            frame.tip()
        }
        .ok_or_else(|| damage("a frame has no chain"))?;
        rest = behind;
    }
    if is_rewritten {
        replace(shared, &path, &rewritten)?;
    }
    Ok(tip)
}

/// Replaces a file durably.
pub(super) fn replace(shared: &Shared, path: &Path, bytes: &[u8]) -> Result<(), UpgradeError> {
    let copy = path.with_extension("tmp");
    open::write_copy(shared, &copy, bytes)?;
    shared.disk.rename(&copy, path)?;
    Ok(shared.disk.sync_dir(&shared.directory)?)
}
