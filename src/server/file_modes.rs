//! Permissions of the files that decide who may call, and of their directories.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{StatVfsMountFlags, statvfs};

/// The permission bits of users other than the owner and the group, and of those the one for writing.
const OTHERS: u32 = 0o7;
const OTHERS_WRITE: u32 = 0o2;

/// In a directory with this bit only the owner of a file may replace it.
const STICKY: u32 = 0o1000;

/// Returns what users other than the owner and the group may write: the file, or else its directory, in which they may
/// replace the file.
pub(super) fn writable_by_others(path: &Path) -> io::Result<Option<&Path>> {
    if mode(path)? & OTHERS_WRITE != 0 {
        return Ok(Some(path));
    }
    let directory = path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."));
    if mode(directory)? & (OTHERS_WRITE | STICKY) != OTHERS_WRITE {
        return Ok(None);
    }
    // Kubernetes mounts a ConfigMap as a directory of mode 0777 that nobody can write.
    let is_read_only = statvfs(directory)?.f_flag.contains(StatVfsMountFlags::RDONLY);
    Ok((!is_read_only).then_some(directory))
}

/// True if users other than the owner and the group may access the file in any way.
pub fn others_may_use(path: &Path) -> io::Result<bool> {
    Ok(mode(path)? & OTHERS != 0)
}

fn mode(path: &Path) -> io::Result<u32> {
    Ok(std::fs::metadata(path)?.mode())
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_as_open_as_its_directory() {
        let directory = tempfile::tempdir().unwrap();
        let (directory, file) = (directory.path(), directory.path().join("config.toml"));
        fs::write(&file, "").unwrap();
        let modes = |of_directory: u32, of_file: u32| {
            fs::set_permissions(&file, Permissions::from_mode(of_file)).unwrap();
            fs::set_permissions(directory, Permissions::from_mode(of_directory)).unwrap();
            writable_by_others(&file).unwrap().map(Path::to_owned)
        };
        assert_eq!(modes(0o755, 0o664), None);
        assert_eq!(modes(0o755, 0o602), Some(file.clone()));
        assert_eq!(modes(0o777, 0o600), Some(directory.to_owned()));
        assert_eq!(modes(0o1777, 0o600), None, "only the owner may replace a file in such a directory");
    }
}
