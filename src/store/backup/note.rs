//! Notes in the data directory, whose age a server reports: `BACKED_UP`, the last backup of it that was completed, and
//! `SHIPPED`, when a copy that follows the log last had everything.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::domain::id::Revision;
use crate::store::data_dir::write_durably;

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
        write_durably(&data_dir.join(BACKED_UP), self.text().as_bytes(), 0o600)
    }

    /// Writes the note of the copy that follows the log. It is not synced: it is written every second, and what a crash
    /// leaves of it is only late.
    pub fn keep_shipped(self, data_dir: &Path) -> io::Result<()> {
        let (path, beside) = (data_dir.join(SHIPPED), data_dir.join("SHIPPED.tmp"));
        fs::write(&beside, self.text())?;
        fs::rename(beside, path)
    }

    fn text(self) -> String {
        format!("{} {}\n", self.taken_at, self.head.0)
    }
}

#[cfg(test)]
mod tests {
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
}
