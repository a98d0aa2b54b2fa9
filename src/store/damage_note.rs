//! What the scrub found, kept where the next start finds it: `DAMAGED` in the data directory.
//!
//! The scrub reads the log slowly. Without the note a registry that was started again would take writes until the scrub
//! came to the damage once more.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::data_dir::{remove, sync_directory, write_durably};

/// Its name in the data directory.
const NAME: &str = "DAMAGED";

/// The note of a data directory.
#[derive(Clone, Debug)]
pub struct DamageNote(PathBuf);

impl DamageNote {
    /// That of this data directory.
    pub(super) fn of(data_dir: &Path) -> DamageNote {
        DamageNote(data_dir.join(NAME))
    }

    /// What was found; none if the last scrub that ended found nothing. A note that cannot be read counts as damage.
    pub fn found(&self) -> Option<String> {
        match fs::read_to_string(&self.0) {
            Ok(found) => Some(found.trim_end().to_owned()),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(format!("{} could not be read: {error}", self.0.display())),
        }
    }

    /// Notes durably what was found.
    pub fn keep(&self, found: &str) -> io::Result<()> {
        if self.found().as_deref() == Some(found) {
            return Ok(());
        }
        write_durably(&self.0, format!("{found}\n").as_bytes(), 0o644)
    }

    /// Takes the note away durably, if it is there.
    pub fn remove(&self) -> io::Result<()> {
        if self.found().is_none() {
            return Ok(());
        }
        remove(&self.0)?;
        self.0.parent().map_or(Ok(()), sync_directory)
    }
}
