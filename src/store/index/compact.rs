//! Moving what sled holds into a base.
//!
//! What is in sled is folded again at the next start; what is in a base is there. A process that ends in between leaves
//! nothing wrong behind: before the base has its name, nobody looks at it, and after, it holds what was folded.

use super::layers::Layers;
use super::read::{MORE, View as _};
use super::sorted_table::BaseWriter;
use super::{Index, IndexError, OpenIndexError, bulk_build};

impl Index {
    /// How many records are in no base.
    pub(super) fn records_in_sled(&self) -> Result<u64, IndexError> {
        Ok(self.applied()?.0.saturating_sub(self.layers.load().applied().0))
    }

    /// Puts what sled holds into a base. Takes as long as it has entries to write. Nobody may fold any more.
    pub(super) fn compact(&self) -> Result<(), OpenIndexError> {
        self.recent.empty()?;
        if self.db.is_empty() {
            return Ok(());
        }
        let applied = self.applied()?;
        let layers = self.layers.load_full();
        if layers.take_on_top(self.records_in_sled()?) {
            let mut writer = BaseWriter::begin(&layers.next_path(&self.directory))?;
            for entry in self.db.iter() {
                let (key, value) = entry.map_err(IndexError::Sled)?;
                writer.add(&key, &value)?;
            }
            writer.finish(bulk_build::new_id(), layers.top(), applied)?;
        } else {
            // Under the name of the lowest one. Those on top of that lie on nothing then, and are left behind.
            let mut writer = BaseWriter::begin(&Layers::default().next_path(&self.directory))?;
            let mut copied = Ok(());
            let ended = self.range(&[], &[u8::MAX], &mut |key, value| {
                if copied.is_ok() {
                    copied = writer.add(key, value);
                }
                MORE
            });
            ended.map(drop)?;
            copied?;
            writer.finish(bulk_build::new_id(), Layers::default().top(), applied)?;
        }
        Ok(())
    }
}
