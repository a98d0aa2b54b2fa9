//! Commands about jobs: start, end, correct, transfer to another provider.

use super::amend::refuse_to_give_back;
use super::{DecisionContext, Faults, File, Refusal, Rejection, Violation, provider_on_file};
use crate::domain::command::{WhichJob, Who};
use crate::domain::day::{Day, Period};
use crate::domain::day_runs::{difference, union};
use crate::domain::fact::{EmploymentEndReason, Fact, Recorded, Role, SpecialistFact};
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, Revision};
use crate::domain::retraction::{chain_of, retracted_by};
use crate::domain::specialist::{About, Credential, Job, Specialist};
use crate::domain::specialist_file::SpecialistFile;

/// The content of a start command.
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
    let (file, known) = matching_person(who, birth_date, file, context)?;
    provider_on_file(job.provider, context)?;
    if let Who::Holder(number, _) = who {
        // Nothing else about the credential is checked: people are hired before they are certified.
        super::Holder::of(file, *number)?;
    }
    refuse_same_start(known, job)?;
    let days = known.jobs_with(job.provider).map(|job| job.days).chain([job.days]);
    refuse_late(known, days, &known.credentials, job.provider, context)?;
    let employment = context.mint_employment();
    let fact = SpecialistFact::EmploymentStarted {
        employment,
        provider: job.provider.clone(),
        position: job.position.to_owned(),
        supervised: job.supervised,
        days: job.days,
    };
    Ok(vec![Fact::Specialist(file.id, fact)])
}

/// The file of the person in the command, if everything said about the person matches it. Nothing is checked before
/// this, so that a provider learns nothing about a person whose birth date it does not know.
fn matching_person<'a>(
    who: &Who,
    birth_date: Option<Day>,
    file: &'a File,
    context: &dyn DecisionContext,
) -> Result<(&'a SpecialistFile, &'a Specialist), Rejection> {
    let found = match file {
        File::Specialist(file) => Some((&**file, &**file.known_now())),
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

/// A provider reports the start of a job of a person who is not its own staff, on file or not, without a birth date.
pub fn birth_date_required() -> Violation {
    Violation::new("birth_date", "required for a person who is not your own staff")
}

/// Refuses a start that is already on record, under whatever request id. The first day is the same if it equals the day
/// first reported or the day now on record.
fn refuse_same_start(known: &Specialist, new: &NewJob<'_>) -> Result<(), Rejection> {
    let is_same = |job: &&Job| {
        (job.days.start == new.days.start || job.first_reported == new.days.start)
            && job.provider == *new.provider
            && folded(&job.position) == folded(new.position)
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

/// The form in which positions are compared: without case, surrounding spaces or repeated spaces. The upper case of ß
/// is SS but that of ẞ is not, so the text is converted to lower case first.
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
    accept((file, known, &job), fact, job.days.ending(Some(last_day)), context)
}

pub(super) fn correct(
    employment: EmploymentId,
    days: Period,
    file: &File,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let (file, known, job) = job_of(employment, file, context)?;
    let fact = SpecialistFact::EmploymentCorrected { employment, days };
    accept((file, known, &job), fact, days, context)
}

/// Ends all open jobs with one provider and starts them with the other on the next day.
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
        return Err(Rejection::invalid("to_provider_id", "the same provider as from_provider_id"));
    }
    let File::Staff(staff) = file else { return Err(Rejection::not_found("provider", from)) };
    let is_open = |job: &Job| job.days.end == Day::FOREVER && job.days.start <= last_day;
    let jobs = staff.iter().flat_map(|person| person.jobs.iter().map(|job| (person.id, job)));
    let open: Vec<_> = jobs.filter(|(_, job)| is_open(job)).collect();
    let mut facts = Vec::with_capacity(2 * open.len());
    for ((person, job), employment) in open.iter().zip(context.mint_employments(open.len())) {
        let reason = EmploymentEndReason::Transferred;
        let ended = SpecialistFact::EmploymentEnded { employment: job.employment, last_day, reason };
        let started = SpecialistFact::EmploymentStarted {
            employment,
            provider: to.clone(),
            position: job.position.to_string(),
            supervised: job.supervised,
            days: Period::from_inclusive(last_day.next(), None),
        };
        facts.extend([Fact::Specialist(*person, ended), Fact::Specialist(*person, started)]);
    }
    if facts.is_empty() {
        let description = format!("no job is open at the provider on {last_day}: there is nothing to transfer");
        return Err(Rejection::no_open_job(from, description));
    }
    Ok(facts)
}

type Found<'a> = (&'a SpecialistFile, &'a Specialist, Job);

/// The job with the given id, if the caller may see it.
fn job_of<'a>(employment: EmploymentId, file: &'a File, context: &dyn DecisionContext) -> Result<Found<'a>, Rejection> {
    let not_found = || Rejection::not_found("employment", employment);
    let File::Specialist(file) = file else { return Err(not_found()) };
    let known = file.known_now();
    let Some(job) = known.job(employment).cloned() else {
        let started = |fact: &SpecialistFact| fact.starts_job().is_some_and(|(job, _)| job == employment);
        let withdrawn = retracted_by(file.facts(), Revision::LATEST);
        return Err(match file.facts().iter().find(|recorded| started(&recorded.fact)) {
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

/// The holder's only open job with the caller.
fn open_job<'a>(
    number: CredentialNumber,
    file: &'a File,
    context: &dyn DecisionContext,
) -> Result<Found<'a>, Rejection> {
    let description = "no job with this credential number is open, or none that is yours to see";
    let not_found = || Rejection::no_open_job(number, description);
    // The answer is the same if the number is not on file and if its holder has no open job with the caller.
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

/// Accepts a report after which a job has other days, unless the registrar must record it: because it is late, or
/// because it restores days that the registrar removed.
fn accept(
    (file, known, job): (&SpecialistFile, &Specialist, &Job),
    fact: SpecialistFact,
    after: Period,
    context: &dyn DecisionContext,
) -> Result<Vec<Fact>, Rejection> {
    let others = known.jobs_with(&job.provider).filter(|other| other.employment != job.employment);
    let days = others.map(|other| other.days).chain([after]);
    refuse_late(known, days, &known.credentials, &job.provider, context)?;
    let of_job = chain_of(file.facts(), |recorded| recorded.fact.about() == About::Job(job.employment));
    let days_at = |facts: &[&Recorded<_>], revision| {
        Specialist::known_at(file.id, facts.iter().copied(), revision).job(job.employment).map(|job| job.days)
    };
    refuse_to_give_back(&of_job, days_at, Some(after), context)?;
    Ok(vec![Fact::Specialist(file.id, fact)])
}

/// Refuses a provider's report that adds a day of employment whose reporting window has passed. `after` are the days of
/// the jobs with the provider, and `credentials` those of the person, as the report would leave them.
pub(super) fn refuse_late(
    before: &Specialist,
    after: impl Iterator<Item = Period>,
    credentials: &[Credential],
    provider: &ProviderId,
    context: &dyn DecisionContext,
) -> Result<(), Rejection> {
    if !matches!(context.reporter().role, Role::Provider(_)) {
        return Ok(());
    }
    let added = difference(&union(after), &union(before.jobs_with(provider).map(|job| job.days)));
    let credentials = || credentials.iter().filter(|credential| !credential.void);
    for days in added {
        for credential in credentials() {
            let dependent = days.intersect(Period { start: credential.effective_from, end: Day::FOREVER });
            if let Some(day) = settled_day(dependent, context) {
                let description =
                    format!("the window for reports about {day} has passed: the registrar must record it");
                // Only a provider that already has the person on its staff may see the number.
                let is_staff = before.is_staff_of(provider);
                let subject = if is_staff { credential.number.to_string() } else { before.id.to_string() };
                return Err(Rejection::refused(Refusal::RegistrarMustRecord, subject, description));
            }
        }
    }
    Ok(())
}

/// The first day of a period, by each rule set of its days, whose reporting window has passed.
fn settled_day(days: Period, context: &dyn DecisionContext) -> Option<Day> {
    let starts = context.rule_sets().boundaries().filter(|day| days.includes(*day)).chain([days.start]);
    starts
        .filter(|day| days.includes(*day))
        .find(|day| context.rule_sets().settles_on(*day).is_some_and(|settles| settles < context.today()))
}
