//! Rewrites a log of format 1: the same records at the same revisions, with digests and the chain.

use std::path::Path;
use std::sync::Arc;

use super::{open, rewrite};
use crate::store::disk::Disk;
use crate::store::log::frame::{self, Form};
use crate::store::log::{Convert, UpgradeError};

/// Rewrites every segment in a directory that is not in the current form.
pub(super) fn upgrade(disk: Arc<dyn Disk>, directory: &Path, convert: &mut Convert<'_>) -> Result<(), UpgradeError> {
    let shared = open::open(disk, directory, Form::CurrentOrFormat1, false)?.shared;
    rewrite::rewrite(&shared, Form::CurrentOrFormat1, &mut |frame, tip| {
        if frame.link.is_some() {
            return Ok(None);
        }
        let records = frame.records.iter().map(|(revision, bytes)| convert(*revision, bytes));
        Ok(Some(frame::encode(tip, &records.collect::<Result<Vec<_>, _>>()?)?.0))
    })
}
