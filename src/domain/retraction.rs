//! Selecting the facts of a file that are in force: known at a revision and not retracted.

use std::collections::HashMap;

use super::day::Day;
use super::fact::Recorded;
use super::id::{FactId, Revision};

/// How a fact amends an earlier fact of the same file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amendment {
    /// Retracts the fact.
    Retraction(FactId),
    /// Sets the last day of the period that the fact opened.
    PeriodEnd(FactId, Day),
    /// Ends or corrects a job.
    OfJob,
}

/// A fact in the file of any subject.
pub trait Filed {
    /// How the fact amends another one, if it does.
    fn amendment(&self) -> Option<Amendment>;

    /// The fact that this fact retracts, if it is a retraction.
    fn retracts(&self) -> Option<FactId> {
        if let Some(Amendment::Retraction(target)) = self.amendment() { Some(target) } else { None }
    }

    /// The period whose last day this fact sets, and that day.
    fn ends_period(&self) -> Option<(FactId, Day)> {
        if let Some(Amendment::PeriodEnd(target, last_day)) = self.amendment() {
            Some((target, last_day))
        } else {
            None
        }
    }
}

/// The facts retracted as of a revision, each with the retraction in force. A retraction can only be retracted by a
/// later one, so reading backwards finds the one in force.
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

/// The facts in force, in the order in which they were recorded.
pub fn in_force<F: Filed>(facts: &[Recorded<F>], known_at: Revision) -> impl Iterator<Item = &Recorded<F>> {
    let retracted = retracted_by(facts, known_at);
    facts.iter().filter(move |recorded| recorded.id.revision <= known_at && !retracted.contains_key(&recorded.id))
}

/// The last day of each period that has a recorded end, according to the last one in force.
pub fn last_days<F: Filed>(facts: &[Recorded<F>], known_at: Revision) -> HashMap<FactId, Day> {
    in_force(facts, known_at).filter_map(|recorded| recorded.fact.ends_period()).collect()
}
