//! Prepares a database for the log of a registry that is in a data directory. The registry goes on meanwhile.

use std::path::{Path, PathBuf};

use tokio::runtime::Builder;

use super::shared_log::{REQUEST_KEY, SIGNING_KEYS, install, read_config};
use super::{CONFIG, SetupError, SharedLogSetup, absolute, files};
use crate::server::config::Flags;
use crate::server::config::log::request_key;
use crate::store::signing_keys::{self, RotationError};
use crate::store::{registry_id, request_key_in};

/// The configuration that is used once the log has moved.
const REPLICA: &str = "replica.toml";

/// Installs the schema in the database, which stays closed until the log has moved there, and writes the configuration
/// to be used from then on. Returns its path. What was interrupted goes on where it was.
pub fn prepare_move(directory: &Path, setup: &SharedLogSetup) -> Result<PathBuf, SetupError> {
    let directory = absolute(directory)?;
    let (path, replica) = (directory.join(CONFIG), directory.join(REPLICA));
    if replica.exists() {
        return Err(SetupError::BadConfig(format!(
            "{} exists already: move it away if its database is not used any more",
            replica.display()
        )));
    }
    let config = read_config(&Flags { config: Some(path.display().to_string()), ..Flags::default() })?;
    let content = files::read(&path)?;
    if content.lines().any(|line| line.trim() == "[log]") {
        return Err(SetupError::BadConfig(format!(
            "{} has a table [log]: only a log in the data directory can be moved to a database, and the table is then \
             written to {REPLICA}",
            path.display()
        )));
    }
    let registry = registry_id(&config.data_dir)?;
    let key_file = directory.join(REQUEST_KEY);
    // All replicas recognize repeated requests by the key that they were recorded with.
    let key = request_key_in(&config.data_dir).map_err(|error| SetupError::BadConfig(error.to_string()))?;
    if !key_file.exists() {
        files::write_new(&key_file, key, files::Readers::Owner)?;
    } else if request_key(&key_file).map_err(SetupError::BadConfig)? != key {
        return Err(SetupError::BadConfig(format!(
            "{} is not the request key of the registry in {}: move it away, and run this again",
            key_file.display(),
            config.data_dir.display()
        )));
    }
    let own = config.data_dir.join("keys");
    signing_keys::copy(&own, &directory.join(SIGNING_KEYS)).map_err(RotationError::from)?;
    let setup = setup.absolute()?;
    let (settings, owner) = setup.both_settings()?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    runtime.block_on(install(&settings, owner.as_ref(), &key_file, Some(registry)))?;
    let pin = if config.registry.is_none() { format!("registry = \"{registry}\"\n") } else { String::new() };
    files::write_new(&replica, format!("{pin}{content}{}", setup.table(&directory)), files::Readers::Anyone)?;
    Ok(replica)
}
