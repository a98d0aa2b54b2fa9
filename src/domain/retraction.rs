//! Selecting the facts of a file that are in force: known at a revision and not retracted.

use std::collections::{HashMap, HashSet};

use foldhash::fast::RandomState;

use super::day::Day;
use super::fact::Recorded;
use super::id::{FactId, Revision};

/// Facts that are retracted, each with the retraction in force.
pub type Retracted = HashMap<FactId, FactId, RandomState>;

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

/// Facts of a file, in the order in which they were recorded.
pub trait Facts<'a, F: 'a>:
    IntoIterator<Item = &'a Recorded<F>, IntoIter: DoubleEndedIterator + Clone> + Clone
{
}

impl<'a, F: 'a, I> Facts<'a, F> for I where
    I: IntoIterator<Item = &'a Recorded<F>, IntoIter: DoubleEndedIterator + Clone> + Clone
{
}

/// The facts retracted as of a revision, each with the retraction in force. A retraction can only be retracted by a
/// later one, so reading backwards finds the one in force.
pub fn retracted_by<'a, F: Filed + 'a>(facts: impl Facts<'a, F>, known_at: Revision) -> Retracted {
    let mut retracted = Retracted::default();
    for recorded in facts.into_iter().rev().filter(|recorded| recorded.id.revision <= known_at) {
        if let Some(target) = recorded.fact.retracts()
            && !retracted.contains_key(&recorded.id)
        {
            retracted.insert(target, recorded.id);
        }
    }
    retracted
}

/// The facts in force, in the order in which they were recorded.
pub fn in_force<'a, F: Filed + 'a>(
    facts: impl Facts<'a, F>,
    known_at: Revision,
) -> impl Iterator<Item = &'a Recorded<F>> {
    let retracted = retracted_by(facts.clone(), known_at);
    let known = facts.into_iter().filter(move |recorded| recorded.id.revision <= known_at);
    known.filter(move |recorded| !retracted.contains_key(&recorded.id))
}

/// The last day of each period that has a recorded end, according to the last one in force.
pub fn last_days<'a, F: Filed + 'a>(facts: impl Facts<'a, F>, known_at: Revision) -> HashMap<FactId, Day, RandomState> {
    in_force(facts, known_at).filter_map(|recorded| recorded.fact.ends_period()).collect()
}

/// The facts that `is_first` selects, and all facts that amend them or their amendments.
pub fn chain_of<F: Filed>(facts: &[Recorded<F>], is_first: impl Fn(&Recorded<F>) -> bool) -> Vec<&Recorded<F>> {
    let mut chain: Vec<&Recorded<F>> = Vec::new();
    let mut ids: HashSet<FactId, RandomState> = HashSet::default();
    for recorded in facts {
        let target = match recorded.fact.amendment() {
            Some(Amendment::Retraction(target) | Amendment::PeriodEnd(target, _)) => Some(target),
            Some(Amendment::OfJob) | None => None,
        };
        if is_first(recorded) || target.is_some_and(|target| ids.contains(&target)) {
            ids.insert(recorded.id);
            chain.push(recorded);
        }
    }
    chain
}
