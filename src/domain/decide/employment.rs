//! Jobs: begun, ended, corrected, moved to another provider.

use super::amend::refuse_to_give_back;
use super::{DecisionContext, Faults, File, Refusal, Rejection, Violation, provider_on_file, with_facts};
use crate::domain::command::{WhichJob, Who};
use crate::domain::day::{Day, Period};
use crate::domain::day_runs::{difference, union};
use crate::domain::fact::{EmploymentEndReason, Fact, Role, SpecialistFact};
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, Revision};
use crate::domain::retraction::retracted_by;
use crate::domain::specialist::{Job, Specialist, SpecialistFile};

/// A job that begins.
pub(super) struct NewJob<'a> {
    pub(super) provider: &'a ProviderId,
    pub(super) position: &'a str,
    pub(super) supervised: bool,
    pub(super) days: Period,
}

pub(super) fn start(
    who: &Who,
    birth_date: Option<Day>,
    job: &NewJob<'_>,
    file: &File,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let (file, known) = agreed(who, birth_date, file, context)?;
    provider_on_file(job.provider, context)?;
    if let Who::Holder(number, _) = who {
        // Nothing else of the credential is looked at: people are hired before they are certified.
        super::Holder::of(file, *number)?;
    }
    refuse_same_start(file, &known, job)?;
    let employment = context.mint_employment();
    let fact = SpecialistFact::EmploymentStarted {
        employment,
        provider: job.provider.clone(),
        position: job.position.to_owned(),
        supervised: job.supervised,
        days: job.days,
    };
    accept(file, &known, fact, (employment, job.provider), context)
}

/// The file of the person who is named, if everything that is said of the person agrees with it. Nothing else is judged
/// before: a provider learns nothing more of a person whose birth date it does not know.
fn agreed<'a>(
    who: &Who,
    birth_date: Option<Day>,
    file: &'a File,
    context: &dyn DecisionContext,
) -> Result<(&'a SpecialistFile, Specialist), Rejection> {
    let found = match file {
        File::Specialist(file) => Some((&**file, file.known_now())),
        _ => None,
    };
    if let Role::Provider(own) = &context.reporter().role
        && birth_date.is_none()
        && !found.as_ref().is_some_and(|(_, known)| known.is_staff_of(own))
    {
        return Err(Rejection::Invalid(Faults::from_iter([birth_date_required()])));
    }
    let agrees = |known: &Specialist| {
        birth_date.is_none_or(|day| known.birth_date == Some(day))
            && match who {
                Who::Specialist(_) => known.is_on_file(),
                Who::Holder(number, family) => {
                    known.credential(*number).is_some()
                        && known.names.iter().any(|name| name.folded().family == *family)
                }
            }
    };
    found.filter(|(_, known)| agrees(known)).ok_or_else(|| match who {
        Who::Specialist(id) => Rejection::not_found("specialist", id),
        Who::Holder(number, _) => Rejection::not_found("credential", number),
    })
}

/// A provider starts the job of somebody who is not its own staff, on file or not, and gives no birth date.
pub fn birth_date_required() -> Violation {
    Violation::new("birth_date", "required for a person who is not your own staff")
}

/// The same start is recorded once, under however many request ids it is reported. Its first day is the same if it is
/// the day first reported or the day on record now.
fn refuse_same_start(file: &SpecialistFile, known: &Specialist, new: &NewJob<'_>) -> Result<(), Rejection> {
    let first_reported = |job: &Job| {
        file.facts.iter().find(|recorded| recorded.id == job.fact).and_then(|recorded| match &recorded.fact {
            SpecialistFact::EmploymentStarted { days, .. } => Some(days.start),
            _ => None,
        })
    };
    let is_same = |job: &&Job| {
        job.provider == *new.provider
            && folded(&job.position) == folded(new.position)
            && (job.days.start == new.days.start || first_reported(job) == Some(new.days.start))
    };
    match known.jobs.iter().find(is_same) {
        None => Ok(()),
        Some(job) => {
            let employment = job.employment;
            let description =
                format!("this start is on record as {employment}: correct that job, or retract its start");
            Err(Rejection::refused(Refusal::EmploymentExists, employment, description))
        }
    }
}

/// A position as positions are compared: without case, and without outer or doubled blanks. In upper
/// case ß is SS; its own capital is not, so lower case comes first.
fn folded(position: &str) -> String {
    position.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase().to_uppercase()
}

pub(super) fn end(
    job: WhichJob,
    last_day: Day,
    reason: EmploymentEndReason,
    file: &File,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let (by_number, (file, known, job)) = match job {
        WhichJob::Employment(employment) => (None, job_of(employment, file, context)?),
        WhichJob::OpenJobOf(number) => (Some(number), open_job(number, file, context)?),
    };
    if last_day < job.days.start {
        return Err(Rejection::invalid("last_day", format!("before the job's first day, {}", job.days.start)));
    }
    if let Some(number) = by_number {
        super::Holder::of(file, number)?;
    }
    let fact = SpecialistFact::EmploymentEnded { employment: job.employment, last_day, reason };
    accept(file, &known, fact, (job.employment, &job.provider), context)
}

pub(super) fn correct(
    employment: EmploymentId,
    days: Period,
    file: &File,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let (file, known, job) = job_of(employment, file, context)?;
    let fact = SpecialistFact::EmploymentCorrected { employment, days };
    accept(file, &known, fact, (employment, &job.provider), context)
}

/// All open jobs end at one provider, and begin at the other the next day.
pub(super) fn transfer(
    from: &ProviderId,
    to: &ProviderId,
    last_day: Day,
    file: &File,
    context: &mut dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    provider_on_file(from, context)?;
    provider_on_file(to, context)?;
    if from == to {
        return Err(Rejection::invalid("to_provider_id", "the provider that the jobs are moved from"));
    }
    let File::Staff(files) = file else { return Err(Rejection::not_found("provider", from)) };
    let mut facts = Vec::new();
    for file in files {
        let known = file.known_now();
        let open = known.jobs.iter().filter(|job| job.provider == *from && job.days.end == Day::FOREVER);
        for job in open.filter(|job| job.days.start <= last_day) {
            let reason = EmploymentEndReason::Transferred;
            let ended = SpecialistFact::EmploymentEnded { employment: job.employment, last_day, reason };
            let started = SpecialistFact::EmploymentStarted {
                employment: context.mint_employment(),
                provider: to.clone(),
                position: job.position.clone(),
                supervised: job.supervised,
                days: Period::from_inclusive(last_day.next(), None),
            };
            facts.extend([Fact::Specialist(file.id, ended), Fact::Specialist(file.id, started)]);
        }
    }
    if facts.is_empty() {
        let description = format!("no job is open at the provider on {last_day}: there is nothing to transfer");
        return Err(Rejection::no_open_job(from, description));
    }
    Ok(facts)
}

type Found<'a> = (&'a SpecialistFile, Specialist, Job);

/// The job of an id, if it is the caller's to see.
fn job_of<'a>(employment: EmploymentId, file: &'a File, context: &dyn DecisionContext) -> Result<Found<'a>, Rejection> {
    let not_found = || Rejection::not_found("employment", employment);
    let File::Specialist(file) = file else { return Err(not_found()) };
    let known = file.known_now();
    let Some(job) = known.job(employment).cloned() else {
        let started = |fact: &SpecialistFact| fact.starts_job().is_some_and(|(job, _)| job == employment);
        let withdrawn = retracted_by(&file.facts, Revision::LATEST);
        return Err(match file.facts.iter().find(|recorded| started(&recorded.fact)) {
            Some(recorded) if withdrawn.contains_key(&recorded.id) && sees_provider_of(&recorded.fact, context) => {
                Rejection::refused(Refusal::AlreadyRetracted, employment, "the start of this job was retracted")
            }
            _ => not_found(),
        });
    };
    if !is_callers(&job.provider, context) {
        return Err(not_found());
    }
    Ok((file, known, job))
}

/// The holder's one open job with the caller.
fn open_job<'a>(
    number: CredentialNumber,
    file: &'a File,
    context: &dyn DecisionContext,
) -> Result<Found<'a>, Rejection> {
    let description = "no job with this credential number is open, or none that is yours to see";
    let not_found = || Rejection::no_open_job(number, description);
    // The same whether the number is not on file, or its holder has no open job with the caller.
    let File::Specialist(file) = file else { return Err(not_found()) };
    let known = file.known_now();
    let open = |job: &&Job| job.days.end == Day::FOREVER && is_callers(&job.provider, context);
    let mut jobs = known.jobs.iter().filter(open).cloned();
    let first = jobs.next().ok_or_else(not_found)?;
    let second = jobs.next();
    drop(jobs);
    match second {
        Some(_) => {
            super::Holder::of(file, number)?;
            let description = "several jobs are open: name one by its employment_id";
            Err(Rejection::refused(Refusal::EmploymentAmbiguous, number, description))
        }
        None => Ok((file, known, first)),
    }
}

fn is_callers(provider: &ProviderId, context: &dyn DecisionContext) -> bool {
    match &context.reporter().role {
        Role::Provider(own) => own == provider,
        role => role.is_registrar(),
    }
}

fn sees_provider_of(fact: &SpecialistFact, context: &dyn DecisionContext) -> bool {
    fact.starts_job().is_some_and(|(_, employer)| is_callers(employer, context))
}

/// The report, unless it is the registrar's to record: so late, or giving back what the registrar took away.
fn accept(
    file: &SpecialistFile,
    known: &Specialist,
    fact: SpecialistFact,
    (employment, provider): (EmploymentId, &ProviderId),
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let after = with_facts(file, std::slice::from_ref(&fact), context);
    refuse_late(known, &after, provider, context)?;
    let days_of = |known: &Specialist| known.job(employment).map(|job| job.days);
    refuse_to_give_back(&file.facts, |revision| days_of(&file.known_at(revision)), days_of(&after), context)?;
    Ok(vec![Fact::Specialist(file.id, fact)])
}

/// A provider's report may not add a day of employment whose window for reports has passed.
pub(super) fn refuse_late(
    before: &Specialist,
    after: &Specialist,
    provider: &ProviderId,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    if !matches!(context.reporter().role, Role::Provider(_)) {
        return Ok(());
    }
    let jobs =
        |known: &Specialist| union(known.jobs.iter().filter(|job| job.provider == *provider).map(|job| job.days));
    let added = difference(&jobs(after), &jobs(before));
    let credentials = || after.credentials.iter().filter(|credential| !credential.void);
    for days in added {
        for credential in credentials() {
            let dependent = days.intersect(Period { start: credential.effective_from, end: Day::FOREVER });
            if let Some(day) = settled_day(dependent, context) {
                let description =
                    format!("the window for reports about {day} has passed: the registrar must record it");
                // Only a provider that has the person on its staff already sees the number.
                let is_staff = before.is_staff_of(provider);
                let subject = if is_staff { credential.number.to_string() } else { after.id.to_string() };
                return Err(Rejection::refused(Refusal::RegistrarMustRecord, subject, description));
            }
        }
    }
    Ok(())
}

/// The first day of a period, by each rule set of its days, whose window for reports has passed.
fn settled_day(days: Period, context: &dyn DecisionContext) -> Option<Day> {
    let starts = context.rule_sets().boundaries().filter(|day| days.includes(*day)).chain([days.start]);
    starts
        .filter(|day| days.includes(*day))
        .find(|day| context.rule_sets().settles_on(*day).is_some_and(|settles| settles < context.today()))
}
