//! Replaces records by others with the same digests, so that neither revisions nor the chain change.

use std::path::Path;
use std::sync::Arc;

use super::segment::Shared;
use super::{copy, open, rewrite};
use crate::store::disk::Disk;
use crate::store::log::frame::{self, Expected, Form, Frame, Header};
use crate::store::log::{Redact, UpgradeError};
use crate::store::record::Tip;

/// Replaces the records of every segment in a directory.
pub(super) fn redact(
    disk: Arc<dyn Disk>,
    directory: &Path,
    is_copy: bool,
    redact: &mut Redact<'_>,
) -> Result<(), UpgradeError> {
    if is_copy {
        copy::cut(Arc::clone(&disk), directory)?;
    }
    let shared = open::open(disk, directory, Form::Current, is_copy)?.shared;
    rewrite::rewrite(&shared, Form::Current, &mut |frame, tip| frame.with_replaced(tip, redact))
}

/// Replaces the records in a segment that is no part of a log any more. Returns false, and changes nothing, if a part
/// of it cannot be read: then it may hold anything.
pub(in crate::store) fn redact_apart(
    disk: Arc<dyn Disk>,
    path: &Path,
    redact: &mut Redact<'_>,
) -> Result<bool, UpgradeError> {
    let shared = Shared::new(disk, path.parent().unwrap_or(path).to_owned());
    let file = shared.disk.open_to_read(path)?;
    let bytes = open::read(&*file, 0, file.size()?)?;
    let (mut rest, mut rewritten, mut is_redacted) = (bytes.as_slice(), Vec::with_capacity(bytes.len()), false);
    while !frame::is_preallocated(rest) {
        let Some(first) = Header::read(rest).map(|header| header.first) else { return Ok(false) };
        let Ok(frame) = Frame::check(rest, Expected { chain: None, ..Expected::at(first, Form::Current) }) else {
            return Ok(false);
        };
        let (whole, behind) = frame.split(rest);
        let before = frame.link.map_or(Tip::ORIGIN.chain, |link| link.before);
        let new = frame.with_replaced(&Tip { revision: first.previous(), chain: before }, redact)?;
        is_redacted |= new.is_some();
        rewritten.extend(new.unwrap_or_else(|| whole.to_vec()));
        rest = behind;
    }
    if is_redacted {
        rewrite::replace(&shared, path, &rewritten)?;
    }
    Ok(true)
}
