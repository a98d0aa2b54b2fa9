//! Checking a registry that nobody serves: what the store holds, then the due dates, which follow from timelines as
//! well.

use std::path::Path;

pub use crate::registry::check::CheckedDueDates;
use crate::registry::check::{CheckDueDatesError, check_due_dates};
use crate::store::StoreOptions;
use crate::store::check::{self, CheckError, Checked, IndexState};
use crate::store::progress::OnStep;

/// The registry could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckRegistryError {
    /// The log or the index could not be.
    #[error(transparent)]
    Store(#[from] CheckError),
    /// The due dates could not be.
    #[error(transparent)]
    DueDates(#[from] CheckDueDatesError),
}

impl CheckRegistryError {
    /// Whether the directory that was named holds no registry, or none with its log.
    pub fn is_wrong_place(&self) -> bool {
        matches!(self, CheckRegistryError::Store(refused) if refused.is_wrong_place())
    }
}

/// Checks the log, the index, and where both are right the due dates; none where the next start makes others.
pub fn check(
    data_dir: &Path,
    on_step: &mut OnStep<'_>,
) -> Result<(Checked, Option<CheckedDueDates>), CheckRegistryError> {
    let options = StoreOptions::default();
    let checked = check::check(data_dir, &options, on_step)?;
    let due = match checked.index {
        IndexState::Equal { .. } => check_due_dates(data_dir, options, on_step)?,
        _ => None,
    };
    Ok((checked, due))
}
