//! Checking the agenda of a registry that nobody serves against the timelines that it follows from.

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

/// What was found of an agenda.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedAgenda {
    /// How many dates it has.
    pub dates: u64,
    /// The first few of those that are wrong.
    pub findings: Vec<Finding>,
}

/// The agenda could not be checked.
#[derive(Debug, thiserror::Error)]
pub enum CheckAgendaError {
    /// The registry does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The index could not be closed.
    #[error(transparent)]
    Close(#[from] CloseError),
}

/// How many dates lie between two tellings of progress.
const TELL_EVERY: u64 = 4096;

/// How many wrong dates are told one by one.
const TOLD: usize = 20;

/// Compares the agenda with what follows from the timelines. None: it is behind the records, or by another version of
/// the walk, and the next start makes it right.
pub fn check_agenda(
    data_dir: &Path,
    options: StoreOptions,
    on_step: &mut OnStep<'_>,
) -> Result<Option<CheckedAgenda>, CheckAgendaError> {
    let store = Store::open(data_dir, options, &mut |_| {}).map_err(OpenError::from)?;
    let clock = Clock::new(None).map_err(OpenError::from)?;
    let shared = resident(&store, clock, &rules::load(None).map_err(OpenError::from)?)?;
    let checked = shared.check_agenda(on_step)?;
    drop(shared);
    store.close()?;
    Ok(checked)
}

impl Shared {
    fn check_agenda(&self, on_step: &mut OnStep<'_>) -> Result<Option<CheckedAgenda>, OpenError> {
        let is_by_this_walk = self.head.load().history.semantics_version() == SEMANTICS_VERSION;
        if !is_by_this_walk || self.index.agenda_follows()? != self.index.applied()? {
            return Ok(None);
        }
        let dates = self.index.count_due()?;
        let mut findings = Vec::new();
        let mut wrong = |reason: String| {
            if findings.len() < TOLD {
                findings.push(Finding { place: "agenda".to_owned(), reason });
            }
        };
        let mut right = 0;
        self.dates_of_everybody(&mut |entry, due| {
            let is_there = due.map_or(Ok(true), |day| self.index.is_due(day, &entry))?;
            if !is_there || self.index.due_on(&entry)? != due {
                wrong(format!("{entry} is not on the day that follows from its facts"));
            }
            right += u64::from(due.is_some());
            if right.is_multiple_of(TELL_EVERY) {
                on_step(Step {
                    doing: "comparing the agenda",
                    unit: Unit::Entries,
                    done: right.min(dates),
                    total: dates,
                });
            }
            Ok(())
        })?;
        if dates != right {
            wrong(format!("it has {dates} dates, and {right} follow from the facts"));
        }
        Ok(Some(CheckedAgenda { dates, findings }))
    }
}
