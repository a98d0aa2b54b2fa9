//! The file of a specialist: all facts about a person, and the person that they describe.

use std::sync::{Arc, OnceLock};

use super::fact::{Recorded, SpecialistFact};
use super::id::{EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use super::name::FoldedName;
use super::retraction::in_force;
use super::specialist::{About, Specialist};

/// All facts about a person.
#[derive(Clone, Debug)]
pub struct SpecialistFile {
    /// The person's id.
    pub id: SpecialistId,
    facts: Vec<Recorded<SpecialistFact>>,
    /// The person as of the latest fact, once somebody asked.
    known: OnceLock<Arc<Specialist>>,
}

impl SpecialistFile {
    /// Returns the file of a person. The facts are in the order in which they were recorded.
    pub fn new(id: SpecialistId, facts: Vec<Recorded<SpecialistFact>>) -> SpecialistFile {
        SpecialistFile { id, facts, known: OnceLock::new() }
    }

    /// The facts, in the order in which they were recorded.
    pub fn facts(&self) -> &[Recorded<SpecialistFact>] {
        &self.facts
    }

    /// The fact with an id.
    pub fn fact(&self, id: FactId) -> Option<&Recorded<SpecialistFact>> {
        let at = self.facts.binary_search_by_key(&id, |recorded| recorded.id).ok()?;
        self.facts.get(at)
    }

    /// Adds facts that were recorded after all others.
    pub fn add(&mut self, more: Vec<Recorded<SpecialistFact>>) {
        if let Some(mut known) = self.known.take() {
            let person = Arc::make_mut(&mut known);
            if more.iter().all(|recorded| person.append(recorded.id, &recorded.fact)) {
                self.known = OnceLock::from(known);
            }
        }
        self.facts.extend(more);
    }

    /// The person as of the latest fact.
    pub fn known_now(&self) -> &Arc<Specialist> {
        self.known.get_or_init(|| Arc::new(self.known_at(Revision::LATEST)))
    }

    /// The person with facts that would be recorded after all others.
    pub fn known_with(&self, more: &[Recorded<SpecialistFact>]) -> Specialist {
        let mut person = Specialist::clone(self.known_now());
        if more.iter().all(|recorded| person.append(recorded.id, &recorded.fact)) {
            return person;
        }
        Specialist::known_at(self.id, self.facts.iter().chain(more), Revision::LATEST)
    }

    /// Like [`SpecialistFile::known_with`], without a copy, for a file that is not used afterwards. `recorded` returns
    /// the facts as they are recorded; most are not needed in this form.
    pub fn into_known_with<'f>(
        mut self,
        more: impl IntoIterator<Item = (FactId, &'f SpecialistFact)>,
        recorded: impl FnOnce() -> Vec<Recorded<SpecialistFact>>,
    ) -> Arc<Specialist> {
        let mut known = self.known.take().unwrap_or_else(|| Arc::new(self.known_at(Revision::LATEST)));
        let person = Arc::make_mut(&mut known);
        if more.into_iter().all(|(id, fact)| person.append(id, fact)) {
            return known;
        }
        self.facts.extend(recorded());
        Arc::new(self.known_at(Revision::LATEST))
    }

    /// The person as known at a revision.
    pub fn known_at(&self, known_at: Revision) -> Specialist {
        Specialist::known_at(self.id, &self.facts, known_at)
    }

    /// The revision of the last fact.
    pub fn changed_at(&self) -> Revision {
        self.facts.last().map_or(Revision::ZERO, |recorded| recorded.id.revision)
    }

    /// The employer in the job that a fact is about: the fact starts, ends or corrects the job, or retracts such a
    /// fact. `None` if the fact is not about a job.
    pub fn employer_of(&self, fact: FactId) -> Option<&ProviderId> {
        self.start_of(self.job_of(fact)?).map(|(_, employer)| employer)
    }

    /// The job that a fact is about, as in [`SpecialistFile::employer_of`].
    pub fn job_of(&self, mut fact: FactId) -> Option<EmploymentId> {
        loop {
            match self.fact(fact)?.fact.about() {
                About::Job(job) => return Some(job),
                About::Fact(target) => fact = target,
                About::Person | About::Credential(_) => return None,
            }
        }
    }

    /// The fact that started a job, even if retracted, and the employer.
    pub fn start_of(&self, job: EmploymentId) -> Option<(FactId, &ProviderId)> {
        self.facts.iter().find_map(|recorded| {
            let (started, employer) = recorded.fact.starts_job()?;
            (started == job).then_some((recorded.id, employer))
        })
    }

    /// Whether a fact recorded up to a revision gave the person a name, and is still in force.
    pub fn bears(&self, name: &FoldedName, recorded_up_to: Revision) -> bool {
        let up_to = |recorded: &&Recorded<SpecialistFact>| recorded.id.revision <= recorded_up_to;
        let named = in_force(&self.facts, Revision::LATEST).filter(up_to);
        self.known_now().is_on_file()
            && named.filter_map(|recorded| recorded.fact.name()).any(|reported| reported.folded() == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::day::{Day, Period};
    use crate::domain::fact::{
        Act, CredentialPeriodKind, EmploymentEndReason, Issuance, IssuanceBasis, PeriodEnd, Reporter, Retraction,
        SuspensionBasis,
    };
    use crate::domain::id::CredentialNumber;
    use crate::domain::name::PersonName;

    const PERSON: SpecialistId = SpecialistId::from_number(7);

    fn recorded(revision: u64, fact: SpecialistFact) -> Recorded<SpecialistFact> {
        Recorded {
            id: FactId { revision: Revision(revision), index: 0 },
            recorded_at: jiff::Timestamp::UNIX_EPOCH,
            reporter: Reporter::registry(),
            imported: false,
            note: String::new(),
            fact,
        }
    }

    /// A fact of any kind. Many are about an earlier fact, credential or job, and retractions may be of retractions.
    fn any_fact(revision: u64, mut random: impl FnMut(u64) -> u64) -> SpecialistFact {
        let target = FactId { revision: Revision(1 + random(revision)), index: 0 };
        let start = Day::from_number(i32::try_from(random(3_000)).unwrap());
        let days = Period { start, end: start.plus(100) };
        let number = CredentialNumber::from_number(random(3));
        let employment = EmploymentId::from_number(random(6));
        let name = PersonName { given: "Example".into(), family: format!("Stone {revision}"), suffix: String::new() };
        match random(13) {
            0 => SpecialistFact::Registered { name, birth_date: start },
            1 => SpecialistFact::NameChanged { name },
            2 => SpecialistFact::Died { death_date: start },
            3 => SpecialistFact::CredentialIssued(Issuance {
                number,
                term: days,
                designations: Vec::new(),
                rule_set: "cpss-guide".into(),
                basis: IssuanceBasis::Evaluated,
                findings: Vec::new(),
                decision_note: String::new(),
            }),
            4 => SpecialistFact::CredentialRenewed { number, term: days },
            5 => {
                let kind = CredentialPeriodKind::Suspended(SuspensionBasis::CeAudit);
                SpecialistFact::PeriodOpened { number, kind, days }
            }
            6 => SpecialistFact::Acted { number, act: Act::Retired, effective_from: start },
            7 => SpecialistFact::EmploymentStarted {
                employment,
                provider: "example-center".parse().unwrap(),
                position: "peer".into(),
                supervised: true,
                days,
            },
            8 => SpecialistFact::EmploymentEnded { employment, last_day: start, reason: EmploymentEndReason::Resigned },
            9 => SpecialistFact::EmploymentCorrected { employment, days },
            10 => SpecialistFact::PeriodEnded(PeriodEnd { target, last_day: start, reason: String::new() }),
            11 => SpecialistFact::PriorNumberSet { number, prior: "A-1".parse().unwrap() },
            _ => SpecialistFact::Retracted(Retraction { target, reason: String::new() }),
        }
    }

    #[test]
    fn the_person_after_each_fact_is_the_one_read_from_all_facts() {
        let mut state = 11_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let mut on_file = 0;
        for _ in 0..300 {
            let mut file = SpecialistFile::new(PERSON, Vec::new());
            for revision in 1..60 {
                let next = recorded(revision, any_fact(revision, &mut random));
                let foreseen = file.known_with(std::slice::from_ref(&next));
                let taken = file.clone().into_known_with([(next.id, &next.fact)], || vec![next.clone()]);
                file.add(vec![next]);
                let read = file.known_at(Revision::LATEST);
                let same = [&**file.known_now(), &foreseen, &*taken].map(|known| *known == read);
                assert_eq!(same, [true; 3], "{:?}", file.facts());
                on_file += u32::from(read.is_on_file());
            }
        }
        assert!(on_file > 1_000, "{on_file}");
    }

    #[test]
    fn a_fact_is_found_with_its_job_through_any_number_of_retractions() {
        let started = SpecialistFact::EmploymentStarted {
            employment: EmploymentId::from_number(3),
            provider: "example-center".parse().unwrap(),
            position: "peer".into(),
            supervised: true,
            days: Period { start: Day::from_number(1), end: Day::FOREVER },
        };
        let retraction = |revision| {
            let target = FactId { revision: Revision(revision - 1), index: 0 };
            recorded(revision, SpecialistFact::Retracted(Retraction { target, reason: String::new() }))
        };
        let facts: Vec<_> = std::iter::once(recorded(1, started)).chain((2..100_000).map(retraction)).collect();
        let last = facts.last().unwrap().id;
        let file = SpecialistFile::new(PERSON, facts);
        assert_eq!(file.employer_of(last).map(ProviderId::as_str), Some("example-center"));
        assert_eq!(file.fact(FactId { index: 1, ..last }), None);
    }
}
