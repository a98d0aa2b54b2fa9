//! The file `DAMAGED` in the data directory: what the scrub found.
//!
//! The scrub reads the log slowly. Without this file, a restarted registry would accept writes until the scrub reached
//! the damage again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::data_dir::{remove, sync_directory, write_durably};

/// The name of the file in the data directory.
const NAME: &str = "DAMAGED";

/// The damage note of a data directory.
#[derive(Clone, Debug)]
pub struct DamageNote(PathBuf);

impl DamageNote {
    /// The note of this data directory.
    pub(super) fn of(data_dir: &Path) -> DamageNote {
        DamageNote(data_dir.join(NAME))
    }

    /// What the scrub found. `None` if the last completed scrub found nothing. A note that cannot be read counts as
    /// damage.
    pub fn found(&self) -> Option<String> {
        match fs::read_to_string(&self.0) {
            Ok(found) => Some(found.trim_end().to_owned()),
            Err(absent) if absent.kind() == io::ErrorKind::NotFound => None,
            Err(error) => Some(format!("{} could not be read: {error}", self.0.display())),
        }
    }

    /// Writes the note durably.
    pub fn keep(&self, found: &str) -> io::Result<()> {
        if self.found().as_deref() == Some(found) {
            return Ok(());
        }
        write_durably(&self.0, format!("{found}\n").as_bytes(), 0o644)
    }

    /// Removes the note durably, if there is one.
    pub fn remove(&self) -> io::Result<()> {
        if self.found().is_none() {
            return Ok(());
        }
        remove(&self.0)?;
        self.0.parent().map_or(Ok(()), sync_directory)
    }
}
