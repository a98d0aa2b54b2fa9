//! What a new release needs of the database of a shared log.

use std::path::Path;

use tokio::runtime::Builder;

use super::SetupError;
use super::shared_log::access;
use crate::server::replica;

/// Adopts the semantics of this release in the database of a configuration. Returns the replicas of an earlier release
/// that run; then nothing is adopted.
pub fn adopt_semantics(config: &Path) -> Result<Vec<String>, SetupError> {
    let access = access(config, None)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    Ok(runtime.block_on(replica::adopt_semantics(&access))?)
}

/// Brings the schema of the database of a configuration to the format of this release. Returns the format. There has
/// been one only, so a schema in another one is refused.
pub fn upgrade(config: &Path) -> Result<i32, SetupError> {
    let access = access(config, None)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    Ok(runtime.block_on(replica::registry_row(&access))?.format)
}
