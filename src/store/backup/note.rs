//! Notes in the data directory, whose age a server reports: `BACKED_UP`, the last backup of it that was completed, and
//! `SHIPPED`, when a copy that follows the log last had everything.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::Path;

use jiff::Timestamp;
use rustix::process::geteuid;

use crate::domain::id::Revision;
use crate::store::data_dir::sync_directory;

/// The names of the files in the data directory.
const BACKED_UP: &str = "BACKED_UP";
const SHIPPED: &str = "SHIPPED";

/// The last backup of a data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackupNote {
    /// When it was completed.
    pub taken_at: Timestamp,
    /// The last revision in it.
    pub head: Revision,
}

impl BackupNote {
    /// Reads the note of a data directory. `None` if it has none, or one that cannot be read.
    pub fn read(data_dir: &Path) -> Option<BackupNote> {
        BackupNote::read_file(&data_dir.join(BACKED_UP))
    }

    /// Reads the note of the copy that follows the log.
    pub fn read_shipped(data_dir: &Path) -> Option<BackupNote> {
        BackupNote::read_file(&data_dir.join(SHIPPED))
    }

    fn read_file(path: &Path) -> Option<BackupNote> {
        let text = fs::read_to_string(path).ok()?;
        let (taken_at, head) = text.trim_end().split_once(' ')?;
        Some(BackupNote { taken_at: taken_at.parse().ok()?, head: Revision(head.parse().ok()?) })
    }

    /// Writes the note durably.
    pub fn keep(self, data_dir: &Path) -> io::Result<()> {
        self.write(data_dir, BACKED_UP, File::sync_all)?;
        sync_directory(data_dir)
    }

    /// Writes the note of the copy that follows the log. It is not synced: it is written every second, and what a crash
    /// leaves of it is only late.
    pub fn keep_shipped(self, data_dir: &Path) -> io::Result<()> {
        self.write(data_dir, SHIPPED, |_| Ok(()))
    }

    /// Writes a file that the owner of the data directory can read, so that the server can.
    fn write(self, data_dir: &Path, name: &str, sync: fn(&File) -> io::Result<()>) -> io::Result<()> {
        let draft = data_dir.join(format!("{name}.tmp"));
        drop(fs::remove_file(&draft));
        // It must be a new file: through a link of the directory's owner, root would write or give away another file.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let mut write = || {
            give_to_owner(&file, data_dir)?;
            file.write_all(self.text().as_bytes())?;
            sync(&file)?;
            fs::rename(&draft, data_dir.join(name))
        };
        write().inspect_err(|_| drop(fs::remove_file(&draft)))
    }

    fn text(self) -> String {
        format!("{} {}\n", self.taken_at, self.head.0)
    }
}

/// Gives a file to the owner of the data directory, if the process may. Root may.
fn give_to_owner(file: &File, data_dir: &Path) -> io::Result<()> {
    let owner = fs::metadata(data_dir)?;
    if owner.uid() == geteuid().as_raw() {
        return Ok(());
    }
    match fchown(file, Some(owner.uid()), Some(owner.gid())) {
        Err(refused) if refused.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        given => given,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written_and_a_torn_one_is_none() {
        let data_dir = tempfile::tempdir().unwrap();
        assert_eq!(BackupNote::read(data_dir.path()), None);
        let note = BackupNote { taken_at: "2026-03-02T04:05:06Z".parse().unwrap(), head: Revision(57) };
        note.keep(data_dir.path()).unwrap();
        assert_eq!(BackupNote::read(data_dir.path()), Some(note));
        fs::write(data_dir.path().join(BACKED_UP), "2026-03-02T04:0").unwrap();
        assert_eq!(BackupNote::read(data_dir.path()), None);
    }

    #[test]
    fn a_note_that_root_writes_belongs_to_the_owner_of_the_data_directory() {
        if !geteuid().is_root() {
            eprintln!("skipped: only root may give files to another user");
            return;
        }
        let (data_dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::NamedTempFile::new().unwrap());
        chown(data_dir.path(), Some(65_532), Some(65_533)).unwrap();
        let note = BackupNote { taken_at: "2026-03-02T04:05:06Z".parse().unwrap(), head: Revision(57) };
        for name in [BACKED_UP, SHIPPED] {
            symlink(elsewhere.path(), data_dir.path().join(format!("{name}.tmp"))).unwrap();
        }
        note.keep(data_dir.path()).unwrap();
        note.keep_shipped(data_dir.path()).unwrap();
        for name in [BACKED_UP, SHIPPED] {
            let found = fs::symlink_metadata(data_dir.path().join(name)).unwrap();
            assert_eq!((found.uid(), found.gid(), found.mode() & 0o7777), (65_532, 65_533, 0o600), "{name}");
        }
        let untouched = fs::metadata(elsewhere.path()).unwrap();
        assert_eq!((untouched.uid(), untouched.len()), (0, 0), "a link is not followed");
        assert_eq!(BackupNote::read_shipped(data_dir.path()), Some(note));
    }
}
