//! Checks the due dates of an offline registry against its timelines.

use std::path::Path;

use super::clock::Clock;
use super::errors::OpenError;
use super::open::resident;
use super::preface::SEMANTICS_VERSION;
use super::shared::Shared;
use crate::rules;
use crate::store::check::Finding;
use crate::store::index::View as _;
use crate::store::progress::{OnStep, Step, Unit};
use crate::store::{CloseError, Store, StoreOptions};

/// The result of the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedDueDates {
    /// The number of due dates.
    pub dates: u64,
    /// The first wrong ones.
    pub findings: Vec<Finding>,
}

/// The due dates could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckDueDatesError {
    /// The registry could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The index could not be closed.
    #[error(transparent)]
    Close(#[from] CloseError),
}

/// The number of dates between progress reports.
const REPORT_EVERY: u64 = 4096;

/// The maximum number of wrong dates that are listed.
const LISTED: usize = 20;

/// Compares the due dates with the dates computed from the timelines. Returns `None` if the due dates are behind the
/// records or were computed by another semantics version; the next start then corrects them.
pub fn check_due_dates(
    data_dir: &Path,
    options: StoreOptions,
    on_step: &mut OnStep<'_>,
) -> Result<Option<CheckedDueDates>, CheckDueDatesError> {
    let store = Store::open(data_dir, options, &mut |_| {}).map_err(OpenError::from)?;
    let clock = Clock::new(None).map_err(OpenError::from)?;
    let shared = resident(&store, clock, &rules::load(None).map_err(OpenError::from)?)?;
    let checked = shared.check_due_dates(on_step)?;
    drop(shared);
    store.close()?;
    Ok(checked)
}

impl Shared {
    fn check_due_dates(&self, on_step: &mut OnStep<'_>) -> Result<Option<CheckedDueDates>, OpenError> {
        let is_by_this_walk = self.head.load().history.semantics_version() == SEMANTICS_VERSION;
        if !is_by_this_walk || self.index.due_dates_as_of()? != self.index.applied()? {
            return Ok(None);
        }
        let dates = self.index.count_due()?;
        let mut findings = Vec::new();
        let mut wrong = |reason: String| {
            if findings.len() < LISTED {
                findings.push(Finding { place: "due dates".to_owned(), reason });
            }
        };
        let mut right = 0;
        self.all_due_dates(&mut |entry, due| {
            let is_there = due.map_or(Ok(true), |day| self.index.is_due(day, &entry))?;
            if !is_there || self.index.due_on(&entry)? != due {
                wrong(format!("{entry} is not on the day that follows from its facts"));
            }
            right += u64::from(due.is_some());
            if right.is_multiple_of(REPORT_EVERY) {
                on_step(Step {
                    doing: "comparing the due dates",
                    unit: Unit::Entries,
                    done: right.min(dates),
                    total: dates,
                });
            }
            Ok(())
        })?;
        if dates != right {
            wrong(format!("the index has {dates}, and {right} follow from the facts"));
        }
        Ok(Some(CheckedDueDates { dates, findings }))
    }
}
