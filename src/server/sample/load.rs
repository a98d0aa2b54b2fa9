//! Records the history of the sample people, as their employers and the registrar would report it.

use jiff::civil::date;

use super::people::{Event, PEOPLE, Person};
use super::{Recorder, SampleError, SamplePerson};
use crate::domain::command::{Command, IssueCredential, WhichJob, Who};
use crate::domain::day::{Day, Period};
use crate::domain::evaluation::{Application, Education, ExamAttempt, LivedExperience, Training};
use crate::domain::fact::{Act, CredentialPeriodKind, Designation, EmploymentEndReason};
use crate::domain::id::{CredentialNumber, EmploymentId, ProviderId, SpecialistId};
use crate::domain::name::PersonName;
use crate::registry::Resource;

use Designation::{AdultAndRecovery, RecoveryOnly};
use Event::{Acted, Certified, Died, Hired, Inactive, Left, Limited, Numbered, Renamed, Renewed, Suspended};

/// Registers every person, and records the person's history.
pub(super) async fn record(recorder: &mut Recorder<'_>) -> Result<Vec<SamplePerson>, SampleError> {
    let mut people = Vec::with_capacity(PEOPLE.len());
    for person in &PEOPLE {
        people.push(Registered::register(recorder, person).await?.record_events(person).await?);
    }
    Ok(people)
}

/// A registered person, with the results of earlier steps that later ones need.
struct Registered<'t, 'a> {
    recorder: &'t mut Recorder<'a>,
    specialist: SpecialistId,
    birth_date: Day,
    credential: Option<CredentialNumber>,
    term_last_day: Option<Day>,
    jobs: Vec<(&'static str, EmploymentId)>,
}

impl<'t, 'a> Registered<'t, 'a> {
    async fn register(recorder: &'t mut Recorder<'a>, person: &Person) -> Result<Self, SampleError> {
        let name = name(person, person.family);
        let birth_date = Day::from_civil(person.born);
        let registered = recorder.as_registrar(Command::RegisterSpecialist { name, birth_date }).await?;
        let Resource::Specialist(known) = registered else { return Err(recorder.no_id()) };
        Ok(Registered {
            recorder,
            specialist: known.id,
            birth_date,
            credential: None,
            term_last_day: None,
            jobs: Vec::new(),
        })
    }

    async fn record_events(mut self, person: &Person) -> Result<SamplePerson, SampleError> {
        for event in person.events {
            match event {
                Hired(provider, days_ago) => self.hire(provider, *days_ago).await?,
                Left(provider, days_ago) => self.leave(provider, *days_ago).await?,
                Certified(days_ago, designations) => self.certify(*days_ago, designations).await?,
                Renewed => self.renew().await?,
                Suspended(basis, days_ago) => self.open(CredentialPeriodKind::Suspended(*basis), *days_ago).await?,
                Limited(text, days_ago) => {
                    self.open(CredentialPeriodKind::Limited((*text).to_owned()), *days_ago).await?;
                }
                Inactive(days_ago) => self.open(CredentialPeriodKind::Inactive, *days_ago).await?,
                Acted(act, days_ago) => self.act(*act, *days_ago).await?,
                Died(days_ago) => {
                    let death_date = self.recorder.days_ago(*days_ago);
                    self.report(Command::RecordDeath { specialist: self.specialist, death_date }).await?;
                }
                Renamed(family) => {
                    let name = name(person, family);
                    self.report(Command::ChangeSpecialistName { specialist: self.specialist, name }).await?;
                }
                Numbered(prior) => {
                    let (credential, prior) = (self.number()?, prior.parse()?);
                    self.report(Command::SetPriorNumber { credential, prior }).await?;
                }
            }
        }
        Ok(SamplePerson { shows: person.shows, specialist: self.specialist, credential: self.credential })
    }

    /// Submits a report by the registrar, and remembers its result.
    async fn report(&mut self, command: Command) -> Result<(), SampleError> {
        if let Resource::Credential(timeline) = self.recorder.as_registrar(command).await? {
            self.credential = Some(timeline.number);
            self.term_last_day = timeline.term_last_day;
        }
        Ok(())
    }

    /// Employers report their own staff. Once there is a credential, a report this late must come from the registrar.
    async fn hire(&mut self, provider: &'static str, days_ago: i32) -> Result<(), SampleError> {
        let id: ProviderId = provider.parse()?;
        let command = Command::StartEmployment {
            who: Who::Specialist(self.specialist),
            birth_date: Some(self.birth_date),
            provider: id.clone(),
            position: "Peer support specialist".to_owned(),
            supervised: true,
            days: Period::from_inclusive(self.recorder.days_ago(days_ago), None),
        };
        let started = match self.credential {
            None => self.recorder.as_provider(id, command).await?,
            Some(_) => self.recorder.as_registrar(command).await?,
        };
        let Resource::Employments(jobs) = started else { return Err(self.recorder.no_id()) };
        self.jobs.extend(jobs.into_iter().map(|reported| (provider, reported.job.employment)));
        Ok(())
    }

    async fn leave(&mut self, provider: &'static str, days_ago: i32) -> Result<(), SampleError> {
        let job = self.jobs.iter().find(|(employer, _)| *employer == provider);
        let (_, employment) = job.ok_or_else(|| self.recorder.no_id())?;
        let command = Command::EndEmployment {
            job: WhichJob::Employment(*employment),
            last_day: self.recorder.days_ago(days_ago),
            reason: EmploymentEndReason::Resigned,
        };
        self.recorder.as_provider(provider.parse()?, command).await?;
        Ok(())
    }

    async fn certify(&mut self, days_ago: i32, designations: &[Designation]) -> Result<(), SampleError> {
        let effective_from = self.recorder.days_ago(days_ago);
        self.report(Command::IssueCredential(IssueCredential {
            specialist: self.specialist,
            application: application(effective_from, designations),
            effective_from,
            designations: designations.to_vec(),
            decision_note: String::new(),
            waives_criteria: false,
        }))
        .await
    }

    /// Renews all terms that have ended or soon will, so that no term of the sample ends within the notice period.
    async fn renew(&mut self) -> Result<(), SampleError> {
        let soon = self.recorder.today.plus(180);
        while self.term_last_day.is_some_and(|last_day| last_day < soon) {
            self.report(Command::RenewCredential {
                credential: self.number()?,
                effective_from: None,
                term_last_day: None,
                continuing_education_hours: 20.0,
            })
            .await?;
        }
        Ok(())
    }

    async fn open(&mut self, kind: CredentialPeriodKind, days_ago: i32) -> Result<(), SampleError> {
        let days = Period::from_inclusive(self.recorder.days_ago(days_ago), None);
        self.report(Command::OpenCredentialPeriod { credential: self.number()?, kind, days }).await
    }

    async fn act(&mut self, act: Act, days_ago: i32) -> Result<(), SampleError> {
        let effective_from = self.recorder.days_ago(days_ago);
        self.report(Command::Act { credential: self.number()?, act, effective_from }).await
    }

    fn number(&self) -> Result<CredentialNumber, SampleError> {
        self.credential.ok_or_else(|| self.recorder.no_id())
    }
}

fn name(person: &Person, family: &str) -> PersonName {
    PersonName { given: person.given.to_owned(), family: family.to_owned(), suffix: person.suffix.to_owned() }
}

/// An application that satisfies every built-in rule set. The day of the application decides which one applies.
pub(in crate::server) fn application(effective_from: Day, designations: &[Designation]) -> Application {
    let trained_on = effective_from.plus(-45);
    let training = |code: &Designation| {
        // Recovery only is for people who were trained before May 2021.
        let (designation, completed_on) = match code {
            RecoveryOnly => (AdultAndRecovery, trained_on.min(Day::from_civil(date(2020, 11, 13)))),
            other => (*other, trained_on),
        };
        Training { completed_on, designation: Some(designation), hours: 40.0, pre_training_completed: true }
    };
    Application {
        applied_on: effective_from.plus(-60),
        mississippi_resident: true,
        lived_experience: Some(LivedExperience::Self_),
        recovery_attested: true,
        education: Some(Education::HighSchoolDiploma),
        literate: true,
        experience_hours: 320.0,
        experience_within_three_years: true,
        college_year_within_three_years: false,
        references: 2,
        trainings: designations.iter().map(training).collect(),
        exam_attempts: vec![ExamAttempt { taken_on: effective_from.plus(-30), score: 88.0 }],
        sponsoring_provider: None,
        requests_scholarship: false,
    }
}
