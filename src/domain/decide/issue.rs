//! Issuing a credential after judging an application, and importing one.

use super::prior_number::refuse_taken;
use super::{DecisionContext, Grounds, Refusal, Rejection, employers, provider_on_file};
use crate::domain::command::{IssueCredential, TransferCredential};
use crate::domain::day::{Day, Period};
use crate::domain::evaluation::{Applicant, Evaluation, evaluate};
use crate::domain::fact::{CredentialPeriodKind, Designation, Fact, Issuance, IssuanceBasis, SpecialistFact};
use crate::domain::prior_number::PriorNumber;
use crate::domain::provider::ProviderTimeline;
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::{Job, Specialist};
use crate::domain::specialist_file::SpecialistFile;

/// Judges an application exactly as an issuance does.
pub fn evaluate_application(
    asked: &IssueCredential,
    known: &Specialist,
    grounds: &dyn Grounds,
) -> Result<Evaluation, Rejection> {
    let application = &asked.application;
    if application.applied_on > asked.effective_from {
        let description = "after effective_from: an application precedes the credential";
        return Err(Rejection::invalid("application.applied_on", description));
    }
    let Some(birth_date) = known.birth_date else {
        return Err(Rejection::not_found("specialist", asked.specialist));
    };
    if let Some(sponsor) = &application.sponsoring_provider {
        provider_on_file(sponsor, grounds)?;
    }
    let providers = employers(known, grounds);
    let qualifying = |job: &&Job, day: Day| {
        let qualifies = |timeline: &ProviderTimeline| timeline.days.at(day).qualifies;
        job.days.includes(day) && providers.get(&job.provider).is_some_and(|timeline| qualifies(timeline))
    };
    let on_first_day = || known.jobs.iter().filter(|job| qualifying(job, asked.effective_from));
    let applicant = Applicant {
        birth_date,
        effective_from: asked.effective_from,
        designations: &asked.designations,
        employed: on_first_day().next().is_some(),
        supervised: on_first_day().any(|job| job.supervised),
        employed_when_applying: known.jobs.iter().any(|job| qualifying(&job, application.applied_on)),
    };
    Ok(evaluate(grounds.rule_sets().in_force_on(application.applied_on), application, &applicant))
}

pub(super) fn issue(
    asked: &IssueCredential,
    file: &SpecialistFile,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let known = file.known_now();
    let evaluation = evaluate_application(asked, known, context)?;
    refuse_after_death(known, asked.effective_from)?;
    if !evaluation.is_eligible() && !asked.waives_criteria {
        return Err(Rejection::CriteriaUnmet(evaluation.criteria));
    }
    if evaluation.is_undetermined() && asked.decision_note.trim().is_empty() {
        let description = "required: a criterion is UNDETERMINED, and issuing needs a note of the decision";
        return Err(Rejection::invalid("decision_note", description));
    }
    refuse_credentialed(known)?;
    let last_day = first_term_last_day(context.rule_sets(), asked.effective_from);
    let issuance = Issuance {
        number: context.mint_credential(),
        term: Period::from_inclusive(asked.effective_from, Some(last_day)),
        designations: asked.designations.clone(),
        rule_set: evaluation.rule_set,
        basis: IssuanceBasis::Evaluated,
        findings: evaluation.criteria.iter().map(|found| (found.criterion, found.outcome)).collect(),
        decision_note: asked.decision_note.clone(),
    };
    Ok(with_grants(file, issuance))
}

pub(super) fn transfer(
    asked: &TransferCredential,
    file: &SpecialistFile,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let known = file.known_now();
    let rule_set = asked.rule_set.as_ref().unwrap_or(&context.rule_sets().in_force_on(asked.term.start).id).clone();
    if !context.rule_sets().adopted().iter().any(|set| set.id == rule_set) {
        return Err(Rejection::invalid("rule_set_id", "no rule set of this id has been adopted"));
    }
    refuse_after_death(known, asked.term.start)?;
    refuse_credentialed(known)?;
    let number = context.mint_credential();
    for prior in &asked.prior_numbers {
        refuse_taken(prior, number, context)?;
    }
    let issuance = Issuance {
        number,
        term: asked.term,
        designations: asked.designations.clone(),
        rule_set,
        basis: IssuanceBasis::Transferred,
        findings: Vec::new(),
        decision_note: String::new(),
    };
    let mut facts = with_grants(file, issuance);
    let set = |prior: &PriorNumber| SpecialistFact::PriorNumberSet { number, prior: prior.clone() };
    facts.extend(asked.prior_numbers.iter().map(|prior| Fact::Specialist(file.id, set(prior))));
    Ok(facts)
}

/// The issuance, followed by a grant for each designation.
fn with_grants(file: &SpecialistFile, issuance: Issuance) -> Vec<Fact> {
    let (number, from) = (issuance.number, issuance.term.start);
    let designations: Vec<Designation> = issuance.designations.clone();
    let grants = designations.into_iter().map(|code| SpecialistFact::PeriodOpened {
        number,
        kind: CredentialPeriodKind::Designation(code),
        days: Period::from_inclusive(from, None),
    });
    let facts = std::iter::once(SpecialistFact::CredentialIssued(issuance)).chain(grants);
    facts.map(|fact| Fact::Specialist(file.id, fact)).collect()
}

fn first_term_last_day(rule_sets: &RuleSets, effective_from: Day) -> Day {
    rule_sets.in_force_on(effective_from).cohort_date_on_or_after(effective_from)
}

fn refuse_after_death(known: &Specialist, effective_from: Day) -> Result<(), Rejection> {
    if known.death_date.is_some_and(|death| effective_from > death) {
        return Err(Rejection::refused(Refusal::AfterDeath, known.id, "effective_from is after the person's death"));
    }
    Ok(())
}

/// Refuses if the person has a credential that is not void.
pub(super) fn refuse_credentialed(known: &Specialist) -> Result<(), Rejection> {
    if known.credentials.iter().any(|credential| !credential.void) {
        let description = "the person has a credential that is not void: renew or reinstate it";
        return Err(Rejection::refused(Refusal::AlreadyCredentialed, known.id, description));
    }
    Ok(())
}
