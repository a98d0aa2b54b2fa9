//! Who else may get at the data directory. It holds names and birth dates: it is for the process's own user.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::{DataDirError, FORMAT, disk};

/// The permission bits of the group, of others, and of others to write.
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
const OTHERS_WRITE: u32 = 0o002;

/// Refuses a directory that others than its owner and group may write: they could replace what is in it. Warns where a
/// group that is not the process's own has access.
pub(super) fn judge(root: &Path) -> Result<(), DataDirError> {
    let found = match fs::metadata(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(disk("read", root))?,
    };
    let mode = found.mode() & 0o7777;
    if mode & OTHERS_WRITE != 0 {
        return Err(DataDirError::WritableByOthers { root: root.to_owned(), mode });
    }
    if mode & GROUP != 0 && found.gid() != rustix::process::getegid().as_raw() {
        tracing::warn!(
            event = "data_dir_group_access",
            data_dir = %root.display(),
            group = found.gid(),
            mode = format_args!("{mode:04o}"),
            "a group that is not the service's own has access to the data directory: chmod g-rwx takes it away"
        );
    }
    Ok(())
}

/// Takes from group and others what an earlier release left open to them. A registry is narrowed once: its `FORMAT` shows
/// that it was not, and is narrowed last. What an operator gives a group afterwards stays.
pub(super) fn narrow_once(root: &Path) -> Result<(), DataDirError> {
    let format = root.join(FORMAT);
    if fs::metadata(&format).map_err(disk("read", &format))?.mode() & OTHERS == 0 {
        return Ok(());
    }
    let narrowed = narrow_below(root)? + narrow(root, &fs::metadata(root).map_err(disk("read", root))?)?;
    fs::set_permissions(&format, Permissions::from_mode(0o600)).map_err(disk("narrowed", &format))?;
    tracing::info!(
        event = "data_dir_narrowed",
        data_dir = %root.display(),
        files = narrowed + 1,
        "took the access of group and others from files and directories that an earlier release left open to them"
    );
    Ok(())
}

/// Everything below a directory but its `FORMAT`. How many had to be narrowed.
fn narrow_below(directory: &Path) -> Result<u32, DataDirError> {
    let mut narrowed = 0;
    for entry in fs::read_dir(directory).map_err(disk("read", directory))? {
        let path = entry.map_err(disk("read", directory))?.path();
        let found = fs::symlink_metadata(&path).map_err(disk("read", &path))?;
        if found.is_dir() {
            narrowed += narrow_below(&path)?;
        }
        if !found.is_symlink() && !path.ends_with(FORMAT) {
            narrowed += narrow(&path, &found)?;
        }
    }
    Ok(narrowed)
}

/// Narrows one, unless it is another user's, such as the root of a volume. Whether it had to be.
fn narrow(path: &Path, found: &Metadata) -> Result<u32, DataDirError> {
    let mode = found.mode() & 0o7777;
    if mode & (GROUP | OTHERS) == 0 || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(0);
    }
    let own = Permissions::from_mode(mode & !(GROUP | OTHERS));
    fs::set_permissions(path, own).map_err(disk("narrowed", path))?;
    Ok(1)
}
