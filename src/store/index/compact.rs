//! Moves the contents of sled into a base.
//!
//! The contents of sled are lost when the process ends and must be folded again; a base is kept. If the process ends
//! during the move, nothing is wrong: a base is not read until it has its name, and then it contains everything that
//! was folded.

use super::layers::Layers;
use super::read::{CONTINUE, View as _};
use super::sorted_table::BaseWriter;
use super::{Index, IndexError, OpenIndexError, bulk_build};

impl Index {
    /// The number of records that are in no base.
    pub(super) fn records_in_sled(&self) -> Result<u64, IndexError> {
        Ok(self.applied()?.0.saturating_sub(self.layers.load().applied().0))
    }

    /// Moves the contents of sled into a base. The time it takes is proportional to the number of entries it writes.
    /// The caller must not fold records afterwards.
    pub(super) fn compact(&self) -> Result<(), OpenIndexError> {
        self.recent.flush()?;
        if self.db.is_empty() {
            return Ok(());
        }
        let applied = self.applied()?;
        let layers = self.layers.load_full();
        if layers.fits_on_top(self.records_in_sled()?) {
            let mut writer = BaseWriter::begin(&layers.next_path(&self.directory))?;
            for entry in self.db.iter() {
                let (key, value) = entry.map_err(IndexError::Sled)?;
                writer.add(&key, &value)?;
            }
            writer.finish(bulk_build::new_id(), layers.top(), applied)?;
        } else {
            // Rewrite everything as the lowest base. The former bases above it name another base below them, so they
            // are ignored and later deleted.
            let mut writer = BaseWriter::begin(&Layers::default().next_path(&self.directory))?;
            let mut copied = Ok(());
            let ended = self.range(&[], &[u8::MAX], &mut |key, value| {
                if copied.is_ok() {
                    copied = writer.add(key, value);
                }
                CONTINUE
            });
            ended.map(drop)?;
            copied?;
            writer.finish(bulk_build::new_id(), Layers::default().top(), applied)?;
        }
        Ok(())
    }
}
