//! The file `BACKED_UP` in the data directory: the last backup of it that was completed. A server reports its age.

use std::fs;
use std::io;
use std::path::Path;

use jiff::Timestamp;

use crate::domain::id::Revision;
use crate::store::data_dir::write_durably;

/// The name of the file in the data directory.
const NAME: &str = "BACKED_UP";

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
        let text = fs::read_to_string(data_dir.join(NAME)).ok()?;
        let (taken_at, head) = text.trim_end().split_once(' ')?;
        Some(BackupNote { taken_at: taken_at.parse().ok()?, head: Revision(head.parse().ok()?) })
    }

    /// Writes the note durably.
    pub fn keep(self, data_dir: &Path) -> io::Result<()> {
        write_durably(&data_dir.join(NAME), format!("{} {}\n", self.taken_at, self.head.0).as_bytes(), 0o600)
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
        fs::write(data_dir.path().join(NAME), "2026-03-02T04:0").unwrap();
        assert_eq!(BackupNote::read(data_dir.path()), None);
    }
}
