//! The signing keys that a process uses. They are read again on request, such as after a rotation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::data_dir::{DataDir, DataDirError};
use super::signing_keys;
use crate::proof::key_ring::RegistryKeys;

/// The signing keys that a process uses.
pub struct KeysInUse {
    /// Where they are.
    directory: PathBuf,
    /// Where those come from that sign.
    source: Source,
    keys: ArcSwap<RegistryKeys>,
}

/// Where the keys come from that sign.
enum Source {
    /// From the data directory, which alone has them.
    Own,
    /// From a directory that all replicas of a shared log have.
    Common(PathBuf),
    /// From nowhere: the replica signs nothing.
    Nowhere,
}

impl KeysInUse {
    /// Reads the keys of a data directory. If the log is shared, they are first made those of a directory that all
    /// replicas have; without one, none signs. If it is not shared, missing keys are made.
    pub(super) fn open(
        directory: &DataDir,
        (is_shared, common): (bool, Option<&Path>),
        now: Timestamp,
    ) -> Result<KeysInUse, DataDirError> {
        let source = match common {
            _ if !is_shared => Source::Own,
            Some(common) => Source::Common(common.to_owned()),
            None => Source::Nowhere,
        };
        let in_use = KeysInUse { directory: directory.keys(), source, keys: ArcSwap::default() };
        if !is_shared {
            for purpose in signing_keys::make_missing(&in_use.directory, now)? {
                tracing::info!(event = "signing_key_made", purpose = purpose.name(), "made a signing key");
            }
        }
        in_use.reload()?;
        Ok(in_use)
    }

    /// Reads the keys again. On an error, also if none can sign any more, those that were read before stay in use.
    pub fn reload(&self) -> Result<(), DataDirError> {
        let keys = match &self.source {
            Source::Own => signing_keys::read_complete(&self.directory)?,
            Source::Common(common) => {
                // An empty directory would take the private halves of this one away.
                signing_keys::read_complete(common)?;
                signing_keys::copy(common, &self.directory)?;
                signing_keys::read_complete(&self.directory)?
            }
            Source::Nowhere => RegistryKeys { signing: None, ..signing_keys::read(&self.directory)? },
        };
        self.keys.store(Arc::new(keys));
        Ok(())
    }

    /// The keys.
    pub fn current(&self) -> Arc<RegistryKeys> {
        self.keys.load_full()
    }
}
