//! Who may amend a fact: the callers responsible for its subject, regardless of who recorded it. An amendment by the
//! registrar can be undone only by the registrar, unless it was imported.

use std::collections::HashMap;

use super::{DecisionContext, Refusal, Rejection};
use crate::domain::day::Period;
use crate::domain::day_runs::{difference, union};
use crate::domain::fact::{Recorded, Role};
use crate::domain::id::{FactId, Revision};
use crate::domain::retraction::{Filed, retracted_by};
use crate::domain::specialist_file::SpecialistFile;

/// Whether a role may amend the facts of providers.
pub fn may_amend_providers(role: &Role) -> bool {
    role.is_registrar() || *role == Role::Certifier
}

/// Whether a role may amend a fact of a person.
pub fn may_amend(role: &Role, file: &SpecialistFile, fact: FactId) -> bool {
    match role {
        Role::Provider(own) => file.employer_of(fact) == Some(own),
        role => role.is_registrar(),
    }
}

/// Whether the fact is an amendment that only the registrar may undo.
fn is_registrars<F: Filed>(recorded: &Recorded<F>) -> bool {
    recorded.fact.amendment().is_some() && recorded.reporter.role.is_registrar() && !recorded.imported
}

/// Refuses to let anyone but the registrar retract an amendment of the registrar that is in force.
pub(super) fn refuse_to_retract<F: Filed>(
    target: &Recorded<F>,
    facts: &[Recorded<F>],
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    let is_callers = context.reporter().role.is_registrar() || !is_registrars(target);
    if is_callers || retracted_by(facts, Revision::LATEST).contains_key(&target.id) {
        return Ok(());
    }
    let description = "the registrar reported this amendment: the registrar must retract it";
    Err(Rejection::refused(Refusal::RegistrarMustRecord, target.id, description))
}

/// Refuses to let anyone but the registrar restore a day that an amendment of the registrar removed. `facts` are those
/// about a period or a job. `days_at` returns the days that some of them give it, as known at a revision; `after` are
/// the days it would have.
///
/// A day is taken away by the last fact since which it is absent. If that fact is retracted, it is left out, as if
/// never reported, and the fact that would have taken the day away without it counts.
pub(super) fn refuse_to_give_back<'a, F: Filed>(
    facts: &[&'a Recorded<F>],
    days_at: impl Fn(&[&'a Recorded<F>], Revision) -> Option<Period>,
    after: Option<Period>,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    let mut given_back = difference(&union(after), &union(days_at(facts, Revision::LATEST)));
    if given_back.is_empty() || context.reporter().role.is_registrar() {
        return Ok(());
    }
    let retracted = retracted_by(facts.iter().copied(), Revision::LATEST);
    let protects = |recorded: &Recorded<F>| is_registrars(recorded) && !retracted.contains_key(&recorded.id);
    if !facts.iter().any(|recorded| protects(recorded)) {
        return Ok(());
    }
    let mut facts = facts.to_vec();
    while !given_back.is_empty() {
        let taken = taken_away(&facts, &days_at);
        let (mut left, mut taken_by_retracted) = (Vec::new(), Vec::new());
        for recorded in facts {
            let taken = taken.get(&recorded.id.revision).into_iter().flatten();
            let days = taken.flat_map(|taken| given_back.iter().map(|given| given.intersect(*taken)));
            let days: Vec<Period> = days.filter(|days| !days.is_empty()).collect();
            if !days.is_empty() && retracted.contains_key(&recorded.id) {
                taken_by_retracted.extend(days);
                continue;
            }
            left.push(recorded);
            if is_registrars(recorded)
                && let Some(first) = days.iter().map(|days| days.start).min()
            {
                let description = format!(
                    "the registrar took away days that this would give back, the first of them {first}: the registrar \
                     must record it"
                );
                return Err(Rejection::refused(Refusal::RegistrarMustRecord, recorded.id, description));
            }
        }
        (facts, given_back) = (left, union(taken_by_retracted).to_vec());
    }
    Ok(())
}

/// The days that were taken away at each revision, and not restored by a later fact.
fn taken_away<'a, F: Filed>(
    facts: &[&'a Recorded<F>],
    days_at: impl Fn(&[&'a Recorded<F>], Revision) -> Option<Period>,
) -> HashMap<Revision, Vec<Period>> {
    let mut revisions: Vec<Revision> = facts.iter().map(|recorded| recorded.id.revision).collect();
    revisions.dedup();
    // From the last revision to the first.
    let mut taken: HashMap<Revision, Vec<Period>> = HashMap::new();
    let mut restored = union([]);
    let mut known = revisions.last().map(|last| union(days_at(facts, *last))).unwrap_or_default();
    for revision in revisions.iter().rev() {
        let before = union(days_at(facts, revision.previous()));
        taken.insert(*revision, difference(&difference(&before, &known), &restored));
        restored = union(restored.into_iter().chain(known));
        known = before;
    }
    taken
}
