//! Commands that amend facts: end a period, retract a fact.

use std::collections::{BTreeSet, HashSet};

use super::amend::{may_amend, may_amend_providers, refuse_to_give_back, refuse_to_retract};
use super::employment::refuse_late;
use super::prior_number::refuse_restored;
use super::provider::refuse_taken;
use super::{DecisionContext, File, Refusal, Rejection, issue, next, with_fact};
use crate::domain::day::{Day, Period};
use crate::domain::fact::{Fact, PeriodEnd, ProviderFact, Recorded, Retraction, SpecialistFact};
use crate::domain::id::{EmploymentId, FactId, Revision};
use crate::domain::provider::{Provider, ProviderFile};
use crate::domain::retraction::{Filed, chain_of, in_force, last_days, retracted_by};
use crate::domain::specialist_file::SpecialistFile;

pub(super) fn end_period(
    target: FactId,
    last_day: Day,
    reason: &str,
    file: &File,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let end = PeriodEnd { target, last_day, reason: reason.to_owned() };
    let not_a_period = || {
        let description = "this fact opens no period (report the end of a job with ReportEmploymentEnd)";
        Rejection::refused(Refusal::NotAPeriod, target, description)
    };
    let refuse_before = |first_day: Day| {
        let description = format!("before the period's first day, {first_day}");
        if last_day < first_day { Err(Rejection::invalid("last_day", description)) } else { Ok(()) }
    };
    match file {
        File::Provider(file, _) => {
            let opened = of_provider(target, file, context)?;
            refuse_retracted(target, &file.facts)?;
            let ProviderFact::PeriodOpened { days, .. } = opened.fact else { return Err(not_a_period()) };
            refuse_before(days.start)?;
            let of_period = chain_of(&file.facts, |recorded| recorded.id == target);
            let days_at = |facts: &[&Recorded<_>], revision| period_at(target, facts, days, revision);
            refuse_to_give_back(&of_period, days_at, Some(days.ending(Some(last_day))), context)?;
            Ok(vec![Fact::Provider(file.id.clone(), ProviderFact::PeriodEnded(end))])
        }
        File::Specialist(file) => {
            let opened = of_person(target, file, context)?;
            refuse_retracted(target, file.facts())?;
            let SpecialistFact::PeriodOpened { days, .. } = opened.fact else { return Err(not_a_period()) };
            refuse_before(days.start)?;
            Ok(vec![Fact::Specialist(file.id, SpecialistFact::PeriodEnded(end))])
        }
        File::Registry => Err(not_a_period()),
        File::None | File::Staff(_) => Err(Rejection::not_found("fact", target)),
    }
}

pub(super) fn retract(
    target: FactId,
    reason: &str,
    file: &File,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let retraction = Retraction { target, reason: reason.to_owned() };
    match file {
        File::Provider(file, is_named) => {
            let withdrawn = of_provider(target, file, context)?;
            refuse_to_retract(withdrawn, &file.facts, context)?;
            let is_registration = matches!(withdrawn.fact, ProviderFact::Registered(_));
            if is_registration && (*is_named || provider_has_dependents(file)) {
                return Err(has_dependents(target));
            }
            refuse_retracted(target, &file.facts)?;
            let fact = ProviderFact::Retracted(retraction);
            refuse_restored_provider(file, &fact, context)?;
            Ok(vec![Fact::Provider(file.id.clone(), fact)])
        }
        File::Specialist(file) => {
            let withdrawn = of_person(target, file, context)?;
            refuse_to_retract(withdrawn, file.facts(), context)?;
            let is_registration = matches!(withdrawn.fact, SpecialistFact::Registered { .. });
            if is_registration && specialist_has_dependents(file) {
                return Err(has_dependents(target));
            }
            refuse_retracted(target, file.facts())?;
            let fact = SpecialistFact::Retracted(retraction);
            refuse_restored_credential(file, &fact, context)?;
            Ok(vec![Fact::Specialist(file.id, fact)])
        }
        File::Registry => {
            let description = "a fact of the registry itself is never retracted";
            Err(Rejection::refused(Refusal::NotRetractable, target, description))
        }
        File::None | File::Staff(_) => Err(Rejection::not_found("fact", target)),
    }
}

/// A fact of a provider that is on file and that the caller may amend.
fn of_provider<'a>(
    target: FactId,
    file: &'a ProviderFile,
    context: &dyn DecisionContext,
) -> Result<&'a Recorded<ProviderFact>, Rejection> {
    let is_callers = may_amend_providers(&context.reporter().role);
    let found = file.facts.iter().find(|recorded| is_callers && recorded.id == target);
    found.ok_or_else(|| Rejection::not_found("fact", target))
}

/// A fact of a person that is on file and that the caller may amend.
fn of_person<'a>(
    target: FactId,
    file: &'a SpecialistFile,
    context: &dyn DecisionContext,
) -> Result<&'a Recorded<SpecialistFact>, Rejection> {
    let is_callers = may_amend(&context.reporter().role, file, target);
    let found = file.fact(target).filter(|_| is_callers);
    found.ok_or_else(|| Rejection::not_found("fact", target))
}

fn refuse_retracted<F: Filed>(target: FactId, facts: &[Recorded<F>]) -> Result<(), Rejection> {
    if retracted_by(facts, Revision::LATEST).contains_key(&target) {
        return Err(Rejection::refused(Refusal::AlreadyRetracted, target, "this fact was retracted"));
    }
    Ok(())
}

/// The days of a period as known at a revision. `None` if the fact that opened it is not known or is retracted.
fn period_at<F: Filed>(target: FactId, facts: &[&Recorded<F>], opened: Period, revision: Revision) -> Option<Period> {
    let is_known = in_force(facts.iter().copied(), revision).any(|recorded| recorded.id == target);
    let ending = || {
        last_days(facts.iter().copied(), revision)
            .get(&target)
            .map_or(opened, |last_day| opened.ending(Some(*last_day)))
    };
    is_known.then(ending)
}

fn has_dependents(target: FactId) -> Rejection {
    let description = "facts that are not retracted refer to this registration: retract them first";
    Rejection::refused(Refusal::HasDependents, target, description)
}

fn provider_has_dependents(file: &ProviderFile) -> bool {
    in_force(&file.facts, Revision::LATEST).any(|recorded| match recorded.fact {
        ProviderFact::Updated(_) | ProviderFact::PeriodOpened { .. } => true,
        ProviderFact::Registered(_) | ProviderFact::PeriodEnded(_) | ProviderFact::Retracted(_) => false,
    })
}

fn specialist_has_dependents(file: &SpecialistFile) -> bool {
    in_force(file.facts(), Revision::LATEST).any(|recorded| match recorded.fact {
        SpecialistFact::NameChanged { .. }
        | SpecialistFact::Died { .. }
        | SpecialistFact::CredentialIssued(_)
        | SpecialistFact::EmploymentStarted { .. } => true,
        // Facts about a credential or a job depend on its first fact, which is checked instead.
        SpecialistFact::Registered { .. }
        | SpecialistFact::CredentialRenewed { .. }
        | SpecialistFact::PeriodOpened { .. }
        | SpecialistFact::Acted { .. }
        | SpecialistFact::PriorNumberSet { .. }
        | SpecialistFact::EmploymentEnded { .. }
        | SpecialistFact::EmploymentCorrected { .. }
        | SpecialistFact::PeriodEnded(_)
        | SpecialistFact::Retracted(_) => false,
    })
}

/// Refuses to restore an id or identifier that another provider has by now.
fn refuse_restored_provider(
    file: &ProviderFile,
    fact: &ProviderFact,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    let mut facts = file.facts.clone();
    facts.push(next(fact.clone(), context));
    let registrations = in_force(&facts, Revision::LATEST)
        .filter(|recorded| matches!(recorded.fact, ProviderFact::Registered(_)))
        .count();
    if registrations > 1 {
        let description = "a provider is on file under this id by a later registration";
        return Err(Rejection::refused(Refusal::ProviderExists, &file.id, description));
    }
    let after = Provider::known_at(&facts, Revision::LATEST);
    after.row.map_or(Ok(()), |row| refuse_taken(&row.identifiers, &file.id, context))
}

/// Refuses to restore a credential beside another one, days of a job that the registrar must record, or a prior number
/// that another credential has by now.
fn refuse_restored_credential(
    file: &SpecialistFile,
    fact: &SpecialistFact,
    context: &mut dyn DecisionContext,
) -> Result<(), Rejection> {
    let before = file.known_now();
    let after = with_fact(file, fact, context);
    if after.credentials.iter().filter(|credential| !credential.void).count() > 1 {
        issue::refuse_credentialed(&after)?;
    }
    let had: HashSet<(EmploymentId, Period)> = before.jobs.iter().map(|job| (job.employment, job.days)).collect();
    let restored = after.jobs.iter().filter(|job| !had.contains(&(job.employment, job.days)));
    for provider in restored.map(|job| &job.provider).collect::<BTreeSet<_>>() {
        let days = after.jobs_with(provider).map(|job| job.days);
        refuse_late(before, days, &after.credentials, provider, context)?;
    }
    refuse_restored(before, &after, context)
}
