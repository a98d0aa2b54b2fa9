//! The files of a tree: one for each tile level, with the hashes of its tiles one after the other.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use crate::proof::tree::{Hash, Nodes, hashes_at, perfect_root};
use crate::store::data_dir::make_directory;

const HASH_BYTES: u64 = size_of::<Hash>() as u64;

/// The height of a tile: it has the hashes of 2 to the power of this.
const TILE_HEIGHT: u32 = 8;

/// The level files in a directory.
pub(super) struct TileFiles {
    directory: PathBuf,
    levels: RwLock<BTreeMap<u32, Arc<File>>>,
}

impl TileFiles {
    /// The files in a directory, which is created if it does not exist.
    pub fn open(directory: &Path) -> io::Result<TileFiles> {
        make_directory(directory)?;
        Ok(TileFiles { directory: directory.to_owned(), levels: RwLock::default() })
    }

    /// Reads the hashes of a level from the first number up to, but not including, the second.
    pub fn read(&self, level: u32, from: u64, to: u64) -> io::Result<Vec<Hash>> {
        let mut bytes = vec![0; usize::try_from((to - from) * HASH_BYTES).map_err(io::Error::other)?];
        if !bytes.is_empty() {
            self.level(level)?.read_exact_at(&mut bytes, from * HASH_BYTES)?;
        }
        Ok(bytes.as_chunks().0.to_vec())
    }

    /// Writes the bytes of hashes of a level, from this one on.
    pub fn write(&self, level: u32, from: u64, hashes: &[u8]) -> io::Result<()> {
        self.level(level)?.write_all_at(hashes, from * HASH_BYTES)
    }

    /// Removes all hashes that are not in the tree of a size.
    pub fn truncate(&self, size: u64) -> io::Result<()> {
        for level in 0.. {
            let bytes = hashes_at(level, size) * HASH_BYTES;
            if bytes == 0 && !self.path(level).exists() {
                return Ok(());
            }
            self.level(level)?.set_len(bytes)?;
        }
        Ok(())
    }

    /// Makes all hashes durable.
    pub fn sync(&self) -> io::Result<()> {
        let levels = self.levels.read().unwrap_or_else(PoisonError::into_inner);
        levels.values().try_for_each(|file| file.sync_data())
    }

    fn path(&self, level: u32) -> PathBuf {
        self.directory.join(format!("{level}.hashes"))
    }

    fn level(&self, level: u32) -> io::Result<Arc<File>> {
        if let Some(file) = self.levels.read().unwrap_or_else(PoisonError::into_inner).get(&level) {
            return Ok(Arc::clone(file));
        }
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).read(true).write(true).mode(0o600).open(self.path(level))?;
        let mut levels = self.levels.write().unwrap_or_else(PoisonError::into_inner);
        Ok(Arc::clone(levels.entry(level).or_insert(Arc::new(file))))
    }
}

impl Nodes for TileFiles {
    type Error = io::Error;

    fn node(&self, level: u32, index: u64) -> io::Result<Hash> {
        let height = level % TILE_HEIGHT;
        let from = index << height;
        Ok(perfect_root(&self.read(level / TILE_HEIGHT, from, from + (1 << height))?))
    }
}
