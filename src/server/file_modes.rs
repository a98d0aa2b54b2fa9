//! Permissions of the files that decide which clients may call.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// True if users other than the owner and the group may write the file.
pub(super) fn others_may_write(path: &Path) -> io::Result<bool> {
    Ok(others(path)? & 0o2 != 0)
}

/// True if users other than the owner and the group may access the file in any way.
pub fn others_may_use(path: &Path) -> io::Result<bool> {
    Ok(others(path)? != 0)
}

fn others(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.mode() & 0o7)
}
