//! Who may amend a fact: the callers responsible for its subject, regardless of who recorded it. An amendment by the
//! registrar can be undone only by the registrar, unless it was imported.

use std::collections::HashMap;

use super::{DecisionContext, Refusal, Rejection};
use crate::domain::day::Period;
use crate::domain::day_runs::{difference, union};
use crate::domain::fact::{Recorded, Role};
use crate::domain::id::{FactId, Revision};
use crate::domain::retraction::{Filed, in_force, retracted_by};
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
/// about a period or a job. `days_at` returns its days as known at a revision; `after` are the days it would have.
pub(super) fn refuse_to_give_back<F: Filed>(
    facts: &[&Recorded<F>],
    days_at: impl Fn(Revision) -> Option<Period>,
    after: Option<Period>,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    let given_back = difference(&union(after), &union(days_at(Revision::LATEST)));
    if given_back.is_empty() || context.reporter().role.is_registrar() {
        return Ok(());
    }
    let in_force = in_force(facts.iter().copied(), Revision::LATEST);
    let amendments: Vec<_> = in_force.filter(|recorded| is_registrars(recorded)).collect();
    if amendments.is_empty() {
        return Ok(());
    }
    let mut revisions: Vec<Revision> = facts.iter().map(|recorded| recorded.id.revision).collect();
    revisions.dedup();
    // From the last revision to the first: the days that were taken away there, and not restored by a later fact.
    let mut taken: HashMap<Revision, Vec<Period>> = HashMap::new();
    let mut restored = union([]);
    let mut known = revisions.last().map(|last| union(days_at(*last))).unwrap_or_default();
    for revision in revisions.iter().rev() {
        let before = union(days_at(revision.previous()));
        taken.insert(*revision, difference(&difference(&before, &known), &restored));
        restored = union(restored.into_iter().chain(known));
        known = before;
    }
    for amendment in amendments {
        let taken = taken.get(&amendment.id.revision).into_iter().flatten();
        let taken_back = taken.flat_map(|taken| given_back.iter().map(|given| given.intersect(*taken)));
        if let Some(first) = taken_back.filter(|days| !days.is_empty()).map(|days| days.start).min() {
            let description = format!(
                "the registrar took away days that this would give back, the first of them {first}: the registrar must \
                 record it"
            );
            return Err(Rejection::refused(Refusal::RegistrarMustRecord, amendment.id, description));
        }
    }
    Ok(())
}
