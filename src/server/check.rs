//! Checks a registry that is not being served: first the log and the index, then the due dates, which are derived from
//! timelines.

use std::path::Path;

pub use crate::registry::check::CheckedDueDates;
use crate::registry::check::{CheckDueDatesError, check_due_dates};
use crate::store::StoreOptions;
use crate::store::check::{self, CheckError, Checked, IndexState};
use crate::store::progress::OnStep;

/// The registry cannot be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckRegistryError {
    /// The log or the index cannot be checked.
    #[error(transparent)]
    Store(#[from] CheckError),
    /// The due dates cannot be checked.
    #[error(transparent)]
    DueDates(#[from] CheckDueDatesError),
}

impl CheckRegistryError {
    /// True if the named directory holds no registry, or a registry without its log.
    pub fn is_wrong_place(&self) -> bool {
        matches!(self, CheckRegistryError::Store(refused) if refused.is_wrong_place())
    }
}

/// Checks the log and the index, and then the due dates if both are valid. Returns no due dates if the next start
/// recomputes them.
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
