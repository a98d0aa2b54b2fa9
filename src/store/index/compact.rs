//! Moving what sled holds into a base.
//!
//! sled takes the longer to open the more it holds, and the more memory. Its entries follow from durable records and are
//! in the memory of a kernel that still runs, so they can be believed now; in a base they can be for ever.
//!
//! A process that ends in between leaves nothing wrong behind. Before the base has its name, nobody looks at it. After,
//! sled still says that it lies on the base that was the highest before: it is set aside, and what it held is there.

use super::base::BaseWriter;
use super::layers::Layers;
use super::view::{MORE, View as _};
use super::{Index, IndexError, OpenIndexError, begin_anew, keys, remove, set_aside_from, whole};

/// How many bases may lie on one another: whoever asks for what is not there asks all of them.
const MOST_BASES: usize = 4;

/// Where the last base is no more than so many times as far as what sled holds, one base is made of everything.
const MUCH: u64 = 4;

impl Index {
    /// How many records are in sled alone.
    pub(super) fn records_in_sled(&self) -> Result<u64, IndexError> {
        Ok(self.applied()?.0.saturating_sub(self.layers.load().applied().0))
    }

    /// The same index with nothing in sled: another base holds it. Takes as long as it has entries to write.
    pub(super) fn compact(self) -> Result<Index, OpenIndexError> {
        self.recent.require()?;
        let applied = self.applied()?;
        let layers = self.layers.load_full();
        let is_whole = layers.len() >= MOST_BASES || self.records_in_sled()?.saturating_mul(MUCH) > layers.applied().0;
        if is_whole {
            // Under the name of the lowest one. Those on top of that lie on nothing then, and are left behind. What is on
            // its way to sled need not go there any more.
            let mut writer = BaseWriter::begin(&Layers::default().next_path(&self.directory))?;
            let mut copied = Ok(());
            let ended = self.range(&[], &[u8::MAX], &mut |key, value| {
                if key != keys::FORMAT && copied.is_ok() {
                    copied = writer.add(key, value);
                }
                MORE
            });
            ended.map(drop)?;
            copied?;
            writer.finish(whole::new_id(), Layers::default().top(), applied)?;
        } else {
            self.recent.empty()?;
            let mut writer = BaseWriter::begin(&layers.next_path(&self.directory))?;
            for entry in self.db.iter() {
                let (key, value) = entry.map_err(IndexError::Sled)?;
                if key.as_ref() != keys::FORMAT {
                    writer.add(&key, &value)?;
                }
            }
            writer.finish(whole::new_id(), layers.top(), applied)?;
        }
        let Index { recent, db, directory, options, .. } = self;
        drop(recent);
        // It writes out what it has before it goes, to where it is.
        drop(db);
        let layers = Layers::open(&directory)?;
        if layers.applied() != applied {
            return Err(IndexError::Damaged("a base that was just written is not there").into());
        }
        let set_aside = set_aside_from(&directory);
        let index = begin_anew(&directory, &set_aside, options, layers)?;
        remove(&set_aside)?;
        Ok(index)
    }
}
