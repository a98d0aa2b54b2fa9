//! The signing keys that a process uses. They are read again on request, such as after a rotation.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use jiff::Timestamp;

use super::data_dir::{DataDir, DataDirError};
use super::signing_keys;
use crate::proof::key_ring::SigningKeys;

/// The signing keys that a process uses.
pub struct KeysInUse {
    /// Where they are.
    directory: PathBuf,
    /// Where they come from, if several replicas have the same.
    common: Option<PathBuf>,
    keys: ArcSwapOption<SigningKeys>,
}

impl KeysInUse {
    /// Reads the keys of a data directory. If the log is shared, they are first made those of a directory that all
    /// replicas have; without one there are none. If it is not shared, missing keys are made.
    pub(super) fn open(
        directory: &DataDir,
        (is_shared, common): (bool, Option<&Path>),
        now: Timestamp,
    ) -> Result<KeysInUse, DataDirError> {
        let common = common.filter(|_| is_shared).map(Path::to_owned);
        let in_use = KeysInUse { directory: directory.keys(), common, keys: ArcSwapOption::empty() };
        if !is_shared {
            for purpose in signing_keys::make_missing(&in_use.directory, now)? {
                tracing::info!(event = "signing_key_made", purpose = purpose.name(), "made a signing key");
            }
        }
        if !is_shared || in_use.common.is_some() {
            in_use.reload()?;
        }
        Ok(in_use)
    }

    /// Reads the keys again. On an error those that were read before stay in use.
    pub fn reload(&self) -> Result<(), DataDirError> {
        if let Some(common) = &self.common {
            signing_keys::copy(common, &self.directory)?;
        }
        self.keys.store(signing_keys::read(&self.directory)?.map(Arc::new));
        Ok(())
    }

    /// The keys. `None`: this process signs nothing.
    pub fn current(&self) -> Option<Arc<SigningKeys>> {
        self.keys.load_full()
    }
}
