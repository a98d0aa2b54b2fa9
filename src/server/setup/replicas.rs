//! The replicas of a shared log: which there are, and having one forgotten.

use std::path::{Path, PathBuf};

use tokio::runtime::Builder;
use tokio::time::timeout;

use super::SetupError;
use super::shared_log::{OWNER_PASSWORD_PLACE, access};
use crate::registry::clock;
use crate::server::config::{Flags, LogAccess};
use crate::server::replica::{ReplicaError, WATCH, is_in_use};
pub use crate::store::log::postgresql::replica_rows::ReplicaRow;
use crate::store::log::postgresql::{redaction, replica_rows};
use crate::store::{Order, Plan, Redacted};

/// How the owner of a shared log reaches it.
#[derive(Clone, Debug)]
pub struct OwnerAccess {
    /// The database, with a role that is a member of the owner.
    pub url: String,
    /// The file with the password of that role.
    pub password_file: Option<PathBuf>,
}

impl OwnerAccess {
    /// The log that a configuration names, as its owner reaches it.
    fn access(&self, path: &Path) -> Result<LogAccess, SetupError> {
        let password_file = self.password_file.as_ref().map(|file| file.display().to_string());
        let flags = Flags { log_url: Some(self.url.clone()), log_password_file: password_file, ..Flags::default() };
        let mut access = access(path, flags)?;
        access.settings.password_place = OWNER_PASSWORD_PLACE;
        Ok(access)
    }
}

/// Redacts a person in the database of the log that a configuration names, as its owner. Reads every frame. With
/// `dry_run` it changes nothing. Returns what it removes, and the record, unless nothing was left to remove.
pub fn redact(
    path: &Path,
    owner: &OwnerAccess,
    order: &Order,
    dry_run: bool,
) -> Result<(Plan, Option<Redacted>), SetupError> {
    let access = owner.access(path)?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    runtime.block_on(async {
        let mut link = access.here().connect_as_owner().await.map_err(ReplicaError::from)?;
        let plan = redaction::plan(&link.client, order).await?;
        let done = match dry_run {
            true => None,
            false => redaction::redact(&mut link.client, &plan, order, clock::now()).await?,
        };
        Ok((plan, done))
    })
}

/// Lists the replicas of the log that a configuration names. Also returns the node that answered, as in the URL.
pub fn replicas(path: &Path) -> Result<(String, Vec<ReplicaRow>), SetupError> {
    let access = access(path, Flags::default())?;
    limited(&access, async {
        let link = access.here().connect().await?;
        let rows = replica_rows::list(&link.client).await?;
        Ok((link.node().to_owned(), rows))
    })
}

/// Removes a replica that does not come back, as the owner of the log. Returns what the database knew of it, or `None`
/// if it has no such replica. Refuses a replica that is running, unless `even_if_it_runs`.
pub fn forget(
    path: &Path,
    owner: &OwnerAccess,
    id: &str,
    even_if_it_runs: bool,
) -> Result<Option<ReplicaRow>, SetupError> {
    let access = owner.access(path)?;
    limited(&access, async {
        let link = access.here().connect_as_owner().await?;
        let rows = replica_rows::list(&link.client).await?;
        let Some(row) = rows.into_iter().find(|row| row.id == id) else { return Ok(None) };
        if !even_if_it_runs && is_in_use(&link.client, id).await? {
            return Err(ReplicaError::Runs(id.to_owned()));
        }
        Ok(replica_rows::forget(&link.client, id).await?.then_some(row))
    })
}

/// Runs what asks the database, for a limited time.
fn limited<T>(access: &LogAccess, asking: impl Future<Output = Result<T, ReplicaError>>) -> Result<T, SetupError> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(SetupError::Runtime)?;
    let patience = access.settings.patience;
    // Connecting may take twice the patience. Finding out whether a replica runs takes `WATCH`.
    let asked = runtime.block_on(async { timeout(patience * 3 + WATCH, asking).await });
    Ok(asked.unwrap_or(Err(ReplicaError::TimedOut(patience)))?)
}
