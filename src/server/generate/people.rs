//! People: the reports about each of them, as they fall due.

use super::plan::{Plan, Step};
use super::providers::{Employers, id};
use super::rng::Rng;
use super::{GenerateError, Recorder, invented};
use crate::domain::command::{Command, IssueCredential, TransferCredential, WhichJob, Who};
use crate::domain::day::{Day, Period};
use crate::domain::fact::{CredentialPeriodKind, Designation, EmploymentEndReason};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, SpecialistId};
use crate::domain::rule_sets::RuleSet;
use crate::registry::{Receipt, Resource};
use crate::server::sample::application;

use EmploymentEndReason::{Dismissed, Other, PositionEnded, Resigned};

/// The maximum delay in days with which an employer's report is certain to be accepted.
const IN_TIME: i32 = 14;

/// A person whose career has begun.
pub(super) struct Person {
    rng: Rng,
    hired: Day,
    steps: std::vec::IntoIter<(Day, Step)>,
    specialist: Option<SpecialistId>,
    birth_date: Option<Day>,
    credential: Option<CredentialNumber>,
    /// The reported jobs, by their number in the plan, with their employers.
    jobs: Vec<(u8, u32, EmploymentId)>,
    /// The fact that most recently opened a period.
    period: Option<FactId>,
    /// The fact that a mistaken report would be about.
    withdrawable: Option<FactId>,
}

impl Person {
    /// Creates a person whose first job begins on a day, and is reported then or with the imported records.
    pub(super) fn new(
        mut rng: Rng,
        employers: &Employers,
        rules: &RuleSet,
        hired: Day,
        imported_on: Option<Day>,
        through: Day,
    ) -> Person {
        let steps = Plan::draw(&mut rng, employers, rules, hired, imported_on, through).into_iter();
        Person {
            rng,
            hired,
            steps,
            specialist: None,
            birth_date: None,
            credential: None,
            jobs: Vec::new(),
            period: None,
            withdrawable: None,
        }
    }

    /// The day of the next report.
    pub(super) fn due(&self) -> Option<Day> {
        self.steps.as_slice().first().map(|(day, _)| *day)
    }

    /// Submits the next report. A rejected report is skipped.
    pub(super) fn report_next(&mut self, recorder: &mut Recorder<'_, '_, '_>) -> Result<(), GenerateError> {
        let Some((_, step)) = self.steps.next() else { return Ok(()) };
        let receipt = match step {
            Step::Hire { job, provider, from } => self.hire(recorder, job, provider, from)?,
            Step::Leave { job, last_day } => self.leave(recorder, job, last_day)?,
            _ => match self.command(step) {
                Some(command) => recorder.as_registrar(command)?,
                None => None,
            },
        };
        if let Some(receipt) = receipt {
            self.remember(step, receipt, recorder);
        }
        Ok(())
    }

    fn remember(&mut self, step: Step, receipt: Receipt, recorder: &mut Recorder<'_, '_, '_>) {
        let fact = receipt.fact_ids.first().copied();
        match receipt.resource {
            Resource::Specialist(known) => (self.specialist, self.birth_date) = (Some(known.id), known.birth_date),
            Resource::Credential(timeline) if self.credential.is_none() => {
                self.credential = Some(timeline.number);
                recorder.issued(timeline.number);
            }
            Resource::Employments(jobs) => {
                if let Step::Hire { job, provider, .. } = step {
                    self.jobs.extend(jobs.iter().map(|reported| (job, provider, reported.job.employment)));
                }
            }
            _ => {}
        }
        match step {
            Step::Suspend(..) | Step::Limit(_) | Step::Inactive(_) => (self.period, self.withdrawable) = (fact, fact),
            Step::Leave { .. } => self.withdrawable = fact,
            _ => {}
        }
    }

    fn hire(
        &mut self,
        recorder: &mut Recorder<'_, '_, '_>,
        _job: u8,
        provider: u32,
        from: Day,
    ) -> Result<Option<Receipt>, GenerateError> {
        let Some(specialist) = self.specialist else { return Ok(None) };
        let provider_id = id(provider)?;
        let command = Command::StartEmployment {
            who: Who::Specialist(specialist),
            birth_date: self.birth_date,
            provider: provider_id,
            position: self.rng.one_of(&POSITIONS, "Peer support specialist").to_owned(),
            supervised: true,
            days: Period::from_inclusive(from, None),
        };
        if from.plus(IN_TIME) >= recorder.today() {
            recorder.as_provider(provider, command)
        } else {
            recorder.as_registrar(command)
        }
    }

    fn leave(
        &mut self,
        recorder: &mut Recorder<'_, '_, '_>,
        job: u8,
        last_day: Day,
    ) -> Result<Option<Receipt>, GenerateError> {
        let Some((_, provider, employment)) = self.jobs.iter().find(|(number, ..)| *number == job).copied() else {
            return Ok(None);
        };
        let reason = self.rng.one_of(&[Resigned, Resigned, Resigned, Dismissed, PositionEnded], Other);
        let command = Command::EndEmployment { job: WhichJob::Employment(employment), last_day, reason };
        recorder.as_provider(provider, command)
    }

    /// The registrar's command. None if it depends on an earlier step that was rejected.
    fn command(&mut self, step: Step) -> Option<Command> {
        if step == Step::Register {
            let name = invented::name(&mut self.rng);
            let birth_date = invented::birth_date(&mut self.rng, self.hired);
            return Some(Command::RegisterSpecialist { name, birth_date });
        }
        let specialist = self.specialist?;
        Some(match step {
            Step::Certify { from } => self.certify(specialist, from),
            Step::Transfer { term } => Command::TransferCredential(TransferCredential {
                specialist,
                term,
                designations: self.designations(),
                rule_set: None,
                prior_numbers: format!("MS{}", specialist.number()).parse().into_iter().collect(),
            }),
            Step::Rename => {
                let name = invented::name(&mut self.rng);
                Command::ChangeSpecialistName { specialist, name }
            }
            Step::Die(death_date) => Command::RecordDeath { specialist, death_date },
            Step::Withdraw => {
                Command::RetractFact { fact: self.withdrawable?, reason: "reported by mistake".to_owned() }
            }
            Step::End(last_day) => {
                Command::EndPeriod { fact: self.period?, last_day, reason: "the cause is gone".to_owned() }
            }
            Step::Correct { job, days } => {
                let (_, _, employment) = *self.jobs.iter().find(|(number, ..)| *number == job)?;
                Command::CorrectEmployment { employment, days }
            }
            _ => self.on_credential(step, self.credential?)?,
        })
    }

    fn on_credential(&self, step: Step, credential: CredentialNumber) -> Option<Command> {
        let open = |kind, from| {
            Some(Command::OpenCredentialPeriod { credential, kind, days: Period::from_inclusive(from, None) })
        };
        match step {
            Step::Renew => Some(Command::RenewCredential {
                credential,
                effective_from: None,
                term_last_day: None,
                continuing_education_hours: 24.0,
            }),
            Step::Designate(code, from) => open(CredentialPeriodKind::Designation(code), from),
            Step::Suspend(basis, from) => open(CredentialPeriodKind::Suspended(basis), from),
            Step::Limit(from) => open(CredentialPeriodKind::Limited("Works with groups only.".to_owned()), from),
            Step::Inactive(from) => open(CredentialPeriodKind::Inactive, from),
            Step::Act(act, effective_from) => Some(Command::Act { credential, act, effective_from }),
            _ => None,
        }
    }

    fn certify(&mut self, specialist: SpecialistId, from: Day) -> Command {
        let designations = self.designations();
        Command::IssueCredential(IssueCredential {
            specialist,
            application: application(from, &designations),
            effective_from: from,
            designations,
            decision_note: String::new(),
            waives_criteria: false,
        })
    }

    fn designations(&mut self) -> Vec<Designation> {
        let mut designations = vec![Designation::AdultAndRecovery];
        let more = [Designation::ParentCaregiver, Designation::YoungAdult, Designation::ForensicPeerRecovery];
        designations.extend(more.into_iter().filter(|_| self.rng.percent(20)));
        designations
    }
}

const POSITIONS: [&str; 5] = [
    "Peer support specialist",
    "Peer support specialist",
    "Lead peer support specialist",
    "Peer bridger",
    "Certified peer support specialist, crisis team",
];
