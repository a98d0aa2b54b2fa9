//! From all facts of a file to those that count: known at a revision, and not retracted.

use std::collections::HashMap;

use super::day::Day;
use super::fact::Recorded;
use super::id::{FactId, Revision};

/// How a fact changes or takes back what another fact of its file said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// It retracts this fact.
    Retraction(FactId),
    /// It sets the last day of the period that this fact opened.
    PeriodEnd(FactId, Day),
    /// It ends or corrects a job.
    OfJob,
}

/// What the files of all subjects have in common.
pub trait Filed {
    /// How it amends another fact, if it does.
    fn amendment(&self) -> Option<Amendment>;

    /// The fact that this one retracts, if it is a retraction.
    fn retracts(&self) -> Option<FactId> {
        if let Some(Amendment::Retraction(target)) = self.amendment() { Some(target) } else { None }
    }

    /// The period whose last day this one sets, if it does.
    fn ends_period(&self) -> Option<(FactId, Day)> {
        if let Some(Amendment::PeriodEnd(target, last_day)) = self.amendment() {
            Some((target, last_day))
        } else {
            None
        }
    }
}

/// The facts that are retracted, as known at a revision, each with the retraction in force. A retraction can itself be
/// retracted, by a later one only; so the last word is found by reading backwards.
pub fn retracted_by<F: Filed>(facts: &[Recorded<F>], known_at: Revision) -> HashMap<FactId, FactId> {
    let mut retracted = HashMap::new();
    for recorded in facts.iter().rev().filter(|recorded| recorded.id.revision <= known_at) {
        if let Some(target) = recorded.fact.retracts()
            && !retracted.contains_key(&recorded.id)
        {
            retracted.insert(target, recorded.id);
        }
    }
    retracted
}

/// The facts that count, in the order in which they were recorded.
pub fn in_force<F: Filed>(facts: &[Recorded<F>], known_at: Revision) -> impl Iterator<Item = &Recorded<F>> {
    let retracted = retracted_by(facts, known_at);
    facts.iter().filter(move |recorded| recorded.id.revision <= known_at && !retracted.contains_key(&recorded.id))
}

/// The last day that the last end on record gives to each period that has one.
pub fn last_days<F: Filed>(facts: &[Recorded<F>], known_at: Revision) -> HashMap<FactId, Day> {
    in_force(facts, known_at).filter_map(|recorded| recorded.fact.ends_period()).collect()
}
