//! Checks and restricts the access to the data directory. It contains names and birth dates, so it is for the process's
//! own user only.

use std::fs::{self, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use super::{DataDirError, FORMAT, disk};

/// The permission bits of the group, of others, and of others for writing.
const GROUP: u32 = 0o070;
const OTHERS: u32 = 0o007;
const OTHERS_WRITE: u32 = 0o002;

/// Fails if users other than the owner and group can write to the directory, because they could replace its contents.
/// Warns if a group has access that is not the process's own.
pub(super) fn check(root: &Path) -> Result<(), DataDirError> {
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
            "a group other than the service's own has access to the data directory: chmod g-rwx removes it"
        );
    }
    Ok(())
}

/// Removes the access of group and others that an earlier release granted. This happens once per registry: the mode of
/// `FORMAT` shows whether it was done, and is changed last. So access that an operator grants to a group later is kept.
pub(super) fn restrict_once(root: &Path) -> Result<(), DataDirError> {
    let format = root.join(FORMAT);
    if fs::metadata(&format).map_err(disk("read", &format))?.mode() & OTHERS == 0 {
        return Ok(());
    }
    let restricted = restrict_below(root)? + restrict(root, &fs::metadata(root).map_err(disk("read", root))?)?;
    fs::set_permissions(&format, Permissions::from_mode(0o600)).map_err(disk("restricted", &format))?;
    tracing::info!(
        event = "data_dir_narrowed",
        data_dir = %root.display(),
        files = restricted + 1,
        "removed the access of group and others that an earlier release granted"
    );
    Ok(())
}

/// Restricts everything below a directory except its `FORMAT`. Returns how many files and directories were changed.
fn restrict_below(directory: &Path) -> Result<u32, DataDirError> {
    let mut restricted = 0;
    for entry in fs::read_dir(directory).map_err(disk("read", directory))? {
        let path = entry.map_err(disk("read", directory))?.path();
        let found = fs::symlink_metadata(&path).map_err(disk("read", &path))?;
        if found.is_dir() {
            restricted += restrict_below(&path)?;
        }
        if !found.is_symlink() && !path.ends_with(FORMAT) {
            restricted += restrict(&path, &found)?;
        }
    }
    Ok(restricted)
}

/// Restricts one file or directory, unless another user owns it, such as the root of a volume. Returns 1 if it was
/// changed.
fn restrict(path: &Path, found: &Metadata) -> Result<u32, DataDirError> {
    let mode = found.mode() & 0o7777;
    if mode & (GROUP | OTHERS) == 0 || found.uid() != rustix::process::geteuid().as_raw() {
        return Ok(0);
    }
    let own = Permissions::from_mode(mode & !(GROUP | OTHERS));
    fs::set_permissions(path, own).map_err(disk("restricted", path))?;
    Ok(1)
}
