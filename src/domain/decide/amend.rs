//! Who may amend a fact: the callers responsible for its subject, regardless of who recorded it. An amendment by the
//! registrar can be undone only by the registrar, unless it was imported.

use super::{DecisionContext, Refusal, Rejection};
use crate::domain::day::Period;
use crate::domain::day_runs::{difference, union};
use crate::domain::fact::{Recorded, Role};
use crate::domain::id::{FactId, Revision};
use crate::domain::retraction::{Filed, in_force, retracted_by};
use crate::domain::specialist::SpecialistFile;

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

/// Refuses to let anyone but the registrar restore a day that an amendment of the registrar removed. `days_at` returns
/// the days of a period or job as known at a revision; `after` are the days it would have.
pub(super) fn refuse_to_give_back<F: Filed>(
    facts: &[Recorded<F>],
    days_at: impl Fn(Revision) -> Option<Period>,
    after: Option<Period>,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    let known = |revision| union(days_at(revision));
    let given_back = difference(&union(after), &known(Revision::LATEST));
    if given_back.is_empty() || context.reporter().role.is_registrar() {
        return Ok(());
    }
    for amendment in in_force(facts, Revision::LATEST).filter(|recorded| is_registrars(recorded)) {
        let revision = amendment.id.revision;
        let mut taken = difference(&known(revision.previous()), &known(revision));
        for later in facts.iter().filter(|recorded| recorded.id.revision > revision) {
            // If a later fact restored a day, this amendment is not why it is missing.
            taken = difference(&taken, &known(later.id.revision));
        }
        let taken_back = given_back.iter().flat_map(|given| taken.iter().map(|taken| taken.intersect(*given)));
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
