//! Rewrites a log of format 1: the same records at the same revisions, with digests and the chain.
//!
//! It starts with the first segment. For each segment a copy in the current form is written, synced and renamed. So at
//! every moment each segment is complete in one form or the other, and after a kill the next start continues.

use std::path::Path;
use std::sync::Arc;

use super::open;
use super::segment::{Segment, Shared};
use crate::store::disk::Disk;
use crate::store::log::frame::{self, Expected, Form, Frame};
use crate::store::log::{Convert, Damage, OpenLogError, UpgradeError};
use crate::store::record::Tip;

/// Rewrites every segment in a directory that is not in the current form.
pub(super) fn upgrade(disk: Arc<dyn Disk>, directory: &Path, convert: &mut Convert<'_>) -> Result<(), UpgradeError> {
    let shared = open::open(disk, directory, Form::CurrentOrFormat1, false)?.shared;
    let mut tip = Tip::ORIGIN;
    for segment in shared.segments() {
        tip = upgrade_segment(&shared, &segment, tip, convert)?;
    }
    Ok(())
}

/// Rewrites a segment that follows a tip. Returns the tip after the segment.
fn upgrade_segment(
    shared: &Shared,
    segment: &Segment,
    before: Tip,
    convert: &mut Convert<'_>,
) -> Result<Tip, UpgradeError> {
    let path = shared.path(segment);
    let bytes = open::read(&*shared.disk.open(&path)?, 0, segment.end())?;
    let (mut tip, mut rest, mut rewritten) = (before, bytes.as_slice(), Vec::with_capacity(bytes.len()));
    while !rest.is_empty() {
        let expected = Expected { first: tip.revision.next(), chain: Some(tip.chain), form: Form::CurrentOrFormat1 };
        let damage = |reason| Damage { segment: segment.name(), offset: (bytes.len() - rest.len()) as u64, reason };
        let frame = Frame::check(rest, expected).map_err(damage).map_err(OpenLogError::Damaged)?;
        let (whole, behind) = rest.split_at_checked(frame.header.size).unwrap_or((rest, &[]));
        if let Some(link) = frame.link {
            rewritten.extend_from_slice(whole);
            tip = Tip { revision: frame.header.next().previous(), chain: link.chain };
        } else {
            let records = frame.records.iter().map(|(revision, bytes)| convert(*revision, bytes));
            let (frame, tips) = frame::encode(&tip, &records.collect::<Result<Vec<_>, _>>()?)?;
            rewritten.extend(frame);
            tip = tips.last().copied().unwrap_or(tip);
        }
        rest = behind;
    }
    if rewritten != bytes {
        let copy = path.with_extension("tmp");
        open::write_copy(shared, &copy, &rewritten)?;
        shared.disk.rename(&copy, &path)?;
        shared.disk.sync_dir(&shared.directory)?;
    }
    Ok(tip)
}
