//! Durable operations on files and directories.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Makes the names in a directory durable.
pub(in crate::store) fn sync_directory(directory: &Path) -> io::Result<()> {
    let here = Path::new(".");
    File::open(if directory.as_os_str().is_empty() { here } else { directory })?.sync_all()
}

/// Writes a file atomically and durably. On an error no temporary file is left.
pub(in crate::store) fn write_durably(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let draft = path.with_extension("tmp");
    let write = || {
        let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(mode).open(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&draft)))?;
    path.parent().map_or(Ok(()), sync_directory)
}

/// Creates a directory that only its owner can enter, and its missing parents. Returns the directories that were
/// created, from the top down.
pub(in crate::store) fn make_directory(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut made: Vec<_> = path
        .ancestors()
        .take_while(|above| !above.as_os_str().is_empty() && !above.exists())
        .map(Path::to_owned)
        .collect();
    made.reverse();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for directory in &made {
        directory.parent().map_or(Ok(()), sync_directory)?;
    }
    Ok(made)
}

/// Moves a file or directory, if it exists.
pub(in crate::store) fn move_away(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(absent) if absent.kind() == io::ErrorKind::NotFound => Ok(()),
        moved => moved,
    }
}

/// The paths in a directory.
pub(in crate::store) fn paths_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect()
}

/// Removes a file, or a directory with its contents, if it exists.
pub(in crate::store) fn remove(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}
