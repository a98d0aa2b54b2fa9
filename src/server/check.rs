//! Checking a registry that nobody serves: what the store holds, then the agenda, which follows from timelines as well.

use std::path::Path;

pub use crate::registry::check::CheckedAgenda;
use crate::registry::check::{CheckAgendaError, check_agenda};
use crate::store::StoreOptions;
use crate::store::check::{self, CheckError, Checked, IndexState};
use crate::store::progress::OnStep;

/// The registry could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckRegistryError {
    /// The log or the index could not be.
    #[error(transparent)]
    Store(#[from] CheckError),
    /// The agenda could not be.
    #[error(transparent)]
    Agenda(#[from] CheckAgendaError),
}

impl CheckRegistryError {
    /// Whether the directory that was named holds no registry, or none with its log.
    pub fn is_wrong_place(&self) -> bool {
        matches!(self, CheckRegistryError::Store(refused) if refused.is_wrong_place())
    }
}

/// Checks the log, the index, and where both are right the agenda; none where the next start makes another.
pub fn check(
    data_dir: &Path,
    on_step: &mut OnStep<'_>,
) -> Result<(Checked, Option<CheckedAgenda>), CheckRegistryError> {
    let options = StoreOptions::default();
    let checked = check::check(data_dir, &options, on_step)?;
    let agenda = match checked.index {
        IndexState::Equal { .. } => check_agenda(data_dir, options, on_step)?,
        _ => None,
    };
    Ok((checked, agenda))
}
