//! Parsing a line about a credential: `job 2015-01-01.. region-1; transferred 2015-10-01..2019-09-30; renew hours 20`.
//!
//! Every step except a job is a command, judged and recorded like in the registry.

use cpss_registry::domain::command::{Command, TransferCredential, WhichJob};
use cpss_registry::domain::decide::Rejection;
use cpss_registry::domain::fact::{
    Act, CredentialPeriodKind, Designation, EmploymentEndReason, Fact, RevocationBasis, SpecialistFact, SuspensionBasis,
};

use super::evaluation_fixture::{EvaluationFixture, day, period};

/// The state so far.
#[derive(Clone)]
pub struct Scenario {
    pub fixture: EvaluationFixture,
}

impl Scenario {
    /// Plays the steps of a line. Every step must be accepted.
    pub fn of(fixture: EvaluationFixture, line: &str) -> Scenario {
        let mut story = Scenario { fixture };
        for step in line.split(';').map(str::trim).filter(|step| !step.is_empty()) {
            let answer = story.step(step);
            assert!(answer.is_ok(), "{line}: {step}: {answer:?}");
        }
        story
    }

    /// Plays one more step and returns the result.
    pub fn step(&mut self, step: &str) -> Result<Vec<Fact>, Rejection> {
        let words: Vec<&str> = step.split(' ').collect();
        match words[..] {
            ["job", days, provider] => {
                self.fixture.hire(provider, period(days), true);
                Ok(Vec::new())
            }
            ["records", first_day] => {
                self.fixture.begin_records(day(first_day));
                Ok(Vec::new())
            }
            _ => self.fixture.submit(&self.command(&words)),
        }
    }

    fn command(&self, words: &[&str]) -> Command {
        if let ["transferred", days] = words {
            return Command::TransferCredential(TransferCredential {
                specialist: self.fixture.person.id,
                term: period(days),
                designations: vec![Designation::AdultAndRecovery],
                rule_set: None,
                prior_numbers: Vec::new(),
            });
        }
        let known = self.fixture.known();
        match *words {
            ["died", date] => Command::RecordDeath { specialist: known.id, death_date: day(date) },
            ["quit", date] => Command::EndEmployment {
                job: WhichJob::Employment(known.jobs.last().unwrap().employment),
                last_day: day(date),
                reason: EmploymentEndReason::Resigned,
            },
            ["void"] => {
                Command::RetractFact { fact: known.the_credential().unwrap().fact, reason: "issued in error".into() }
            }
            ["renew", ..] => self.renewal(&words[1..]),
            ["suspend", days] => self.open(CredentialPeriodKind::Suspended(SuspensionBasis::Disciplinary), days),
            ["limit", days] => self.open(CredentialPeriodKind::Limited("with a second person only".into()), days),
            ["inactive", days] => self.open(CredentialPeriodKind::Inactive, days),
            ["grant", days] => self.open(CredentialPeriodKind::Designation(Designation::YoungAdult), days),
            ["revoke", date] => self.act(Act::Revoked(RevocationBasis::Disciplinary), date),
            ["lose", date] => self.act(Act::Revoked(RevocationBasis::LossOfEmployment), date),
            ["surrender", date] => self.act(Act::Surrendered, date),
            ["relinquish", date] => self.act(Act::Relinquished, date),
            ["retire", date] => self.act(Act::Retired, date),
            ["reinstate", date] => self.act(Act::Reinstated, date),
            _ => panic!("{words:?} is not a step"),
        }
    }

    /// `renew from 2023-10-01 to 2027-09-30 hours 20`; everything after `renew` is optional.
    fn renewal(&self, words: &[&str]) -> Command {
        let after =
            |word: &str| words.chunks(2).find(|pair| pair[0] == word).map(|pair| *pair.get(1).expect("a value"));
        Command::RenewCredential {
            credential: self.fixture.number(),
            effective_from: after("from").map(day),
            term_last_day: after("to").map(day),
            continuing_education_hours: after("hours").map_or(0.0, |hours| hours.parse().unwrap()),
        }
    }

    fn open(&self, kind: CredentialPeriodKind, days: &str) -> Command {
        Command::OpenCredentialPeriod { credential: self.fixture.number(), kind, days: period(days) }
    }

    fn act(&self, act: Act, date: &str) -> Command {
        Command::Act { credential: self.fixture.number(), act, effective_from: day(date) }
    }
}

/// The result in one word: the days of a new term, `ACCEPTED`, or the refusal.
pub fn answered(answer: &Result<Vec<Fact>, Rejection>) -> String {
    match answer {
        Ok(facts) => match facts.first() {
            Some(Fact::Specialist(_, SpecialistFact::CredentialRenewed { term, .. })) => {
                format!("{}..{}", term.start, term.last_day().expect("a term ends"))
            }
            _ => "ACCEPTED".into(),
        },
        Err(Rejection::Invalid(violations)) => format!("INVALID {}", violations.listed()[0].field),
        Err(Rejection::NotFound { kind, .. }) => format!("NOT_FOUND {kind}"),
        Err(Rejection::NoOpenJob { .. }) => "NOT_FOUND employment".into(),
        Err(Rejection::Refused { refusal, .. }) => refusal.code().into(),
        Err(Rejection::CriteriaUnmet(_)) => "CRITERIA_UNMET".into(),
    }
}
