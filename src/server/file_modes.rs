//! Who else on the machine may use the files that decide who may call.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Whether others than the owner and the group may write a file.
pub(super) fn others_may_write(path: &Path) -> io::Result<bool> {
    Ok(others(path)? & 0o2 != 0)
}

/// Whether others than the owner and the group may do anything with a file.
pub(super) fn others_may_use(path: &Path) -> io::Result<bool> {
    Ok(others(path)? != 0)
}

fn others(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.mode() & 0o7)
}
