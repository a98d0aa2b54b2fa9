//! What a new release needs of the database of a shared log.

use std::path::Path;

use tokio::runtime::Builder;

use super::SetupError;
use super::shared_log::access;
use crate::registry::SEMANTICS_VERSION;
use crate::server::config::Flags;
use crate::server::replica;

/// What became of the adoption of the semantics of this release.
pub struct Adoption {
    /// The version of the semantics.
    pub version: u32,
    /// The replicas of an earlier release that run. If there are any, nothing was adopted.
    pub earlier: Vec<String>,
}

/// Adopts the semantics of this release in the database of a configuration, unless replicas of an earlier release run.
pub fn adopt_semantics(config: &Path) -> Result<Adoption, SetupError> {
    let access = access(config, Flags::default())?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    let earlier = runtime.block_on(replica::adopt_semantics(&access))?;
    Ok(Adoption { version: SEMANTICS_VERSION, earlier })
}

/// Brings the schema of the database of a configuration to the format of this release. Returns the format. There has
/// been one only, so a schema in another one is refused.
pub fn upgrade(config: &Path) -> Result<i32, SetupError> {
    let access = access(config, Flags::default())?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    Ok(runtime.block_on(replica::registry_row(&access))?.format)
}
