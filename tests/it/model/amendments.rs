//! Sections 2 and 8 on jobs: who may amend a fact, what only the registrar may undo, and which start already exists.
//! Refusals that depend on a credential are not modeled here.

use cpss_registry::domain::command::{Command, WhichJob};
use cpss_registry::domain::day::{Day, Period};
use cpss_registry::domain::fact::{Fact, Recorded, Role, SpecialistFact};
use cpss_registry::domain::id::{EmploymentId, FactId, ProviderId, Revision};

use super::facts::{Days, KnownFacts, target};

/// The facts of one person, and the caller of a command.
pub struct Case<'a> {
    pub facts: &'a [Recorded<Fact>],
    pub caller: &'a Role,
    /// The days of jobs. A job that lasts beyond the window has no end.
    pub window: Period,
}

impl Case<'_> {
    /// The first line of section 8 that refuses a command. `None`: it is accepted.
    pub fn refusal(&self, command: &Command) -> Option<&'static str> {
        match command {
            Command::StartEmployment { birth_date: None, .. } if !self.may_start_without_birth_date() => {
                Some("INVALID_ARGUMENT")
            }
            Command::StartEmployment { birth_date, .. } if !self.is_on_file() || !self.is_born(*birth_date) => {
                Some("NOT_FOUND")
            }
            Command::StartEmployment { provider, position, days, .. } => {
                self.starts(provider, position, days.start).then_some("EMPLOYMENT_EXISTS")
            }
            Command::EndEmployment { job: WhichJob::Employment(job), last_day, .. } => {
                self.refusal_of_job(*job, |spell| Days { last: Some(*last_day), ..spell })
            }
            Command::CorrectEmployment { employment, days } => self.refusal_of_job(*employment, |_| Days::of(*days)),
            Command::RetractFact { fact, .. } => self.refusal_of_retraction(*fact),
            other => panic!("not of this model: {other:?}"),
        }
    }

    fn fact(&self, id: FactId) -> Option<&Recorded<Fact>> {
        self.facts.iter().find(|recorded| recorded.id == id)
    }

    fn is_retracted(&self, id: FactId) -> bool {
        KnownFacts::at(self.facts, Revision::LATEST).is_retracted(id)
    }

    /// A person whose registration is retracted is not on file.
    fn is_on_file(&self) -> bool {
        self.facts.iter().any(|recorded| registers(&recorded.fact) && !self.is_retracted(recorded.id))
    }

    /// "A provider that starts a job of somebody who is not its own staff (present or former, at the head) gives
    /// `birth_date`."
    fn may_start_without_birth_date(&self) -> bool {
        let Role::Provider(own) = self.caller else { return true };
        self.facts.iter().any(|recorded| match &recorded.fact {
            Fact::Specialist(_, SpecialistFact::EmploymentStarted { provider, .. }) => {
                provider == own && !self.is_retracted(recorded.id)
            }
            _ => false,
        })
    }

    /// "Where one disagrees, NOT_FOUND; for own staff it is optional and judged if given."
    fn is_born(&self, given: Option<Day>) -> bool {
        given.is_none_or(|given| {
            self.facts.iter().any(|recorded| match &recorded.fact {
                Fact::Specialist(_, SpecialistFact::Registered { birth_date, .. }) => *birth_date == given,
                _ => false,
            })
        })
    }

    fn start(&self, job: EmploymentId) -> Option<(&Recorded<Fact>, &ProviderId, Days)> {
        self.facts.iter().find_map(|recorded| match &recorded.fact {
            Fact::Specialist(_, SpecialistFact::EmploymentStarted { employment, provider, days, .. })
                if *employment == job =>
            {
                Some((recorded, provider, Days::of(*days)))
            }
            _ => None,
        })
    }

    /// "A job's first day is that of its last Corrected, else Started; its last day that of its last Ended or
    /// Corrected, else of Started": as known at a revision. `None`: its start was not known, or was retracted.
    fn spell(&self, job: EmploymentId, at: Revision) -> Option<Days> {
        let counting = KnownFacts::at(self.facts, at).not_retracted();
        let mut spell = None;
        for recorded in counting {
            let Fact::Specialist(_, fact) = &recorded.fact else { continue };
            match fact {
                SpecialistFact::EmploymentStarted { employment, days, .. } if *employment == job => {
                    spell = Some(Days::of(*days));
                }
                SpecialistFact::EmploymentCorrected { employment, days } if *employment == job => {
                    spell = spell.map(|_| Days::of(*days));
                }
                SpecialistFact::EmploymentEnded { employment, last_day, .. } if *employment == job => {
                    spell = spell.map(|spell| Days { last: Some(*last_day), ..spell });
                }
                _ => {}
            }
        }
        spell
    }

    fn has_day(&self, job: EmploymentId, at: Revision, day: Day) -> bool {
        self.spell(job, at).is_some_and(|spell| spell.include(day))
    }

    /// "A job of the same person with the same provider, not retracted, ended or not, whose first day as first reported
    /// or as it stands now is the same, and whose position is equal without case and outer or doubled blanks."
    fn starts(&self, new_provider: &ProviderId, new_position: &str, first_day: Day) -> bool {
        self.facts.iter().any(|recorded| match &recorded.fact {
            Fact::Specialist(_, SpecialistFact::EmploymentStarted { employment, provider, position, days, .. }) => {
                let stands = self.spell(*employment, Revision::LATEST);
                !self.is_retracted(recorded.id)
                    && provider == new_provider
                    && plain(position) == plain(new_position)
                    && (days.start == first_day || stands.is_some_and(|spell| spell.first == first_day))
            }
            _ => false,
        })
    }

    fn is_registrar(&self) -> bool {
        is_registrar(self.caller)
    }

    /// "By the fact's subject, whoever recorded it: the certifier for facts of a provider, the provider for facts of a
    /// job with it, the registrar for all."
    fn is_callers(&self, fact: FactId) -> bool {
        let of_job = |job: EmploymentId| self.start(job).map(|(_, provider, _)| provider);
        let employer = match self.fact(fact).map(|recorded| &recorded.fact) {
            Some(Fact::Specialist(_, SpecialistFact::EmploymentStarted { provider, .. })) => Some(provider),
            Some(Fact::Specialist(
                _,
                SpecialistFact::EmploymentEnded { employment, .. }
                | SpecialistFact::EmploymentCorrected { employment, .. },
            )) => of_job(*employment),
            Some(fact) if target(fact).is_some_and(|target| self.is_callers(target)) => return true,
            Some(_) => None,
            None => return false,
        };
        self.is_registrar() || employer.is_some_and(|employer| *self.caller == Role::Provider(employer.clone()))
    }

    /// "A retraction, correction or end that the registrar recorded (not by import)", while it is in force.
    fn amendments_of_registrar(&self) -> impl Iterator<Item = &Recorded<Fact>> {
        self.facts.iter().filter(|recorded| self.is_of_registrar(recorded) && !self.is_retracted(recorded.id))
    }

    fn is_of_registrar(&self, recorded: &Recorded<Fact>) -> bool {
        let amends = matches!(
            &recorded.fact,
            Fact::Specialist(
                _,
                SpecialistFact::Retracted(_)
                    | SpecialistFact::EmploymentCorrected { .. }
                    | SpecialistFact::EmploymentEnded { .. }
            )
        );
        amends && is_registrar(&recorded.reporter.role) && !recorded.imported
    }

    /// "Given back a day that it took away by a later end or correction": a day that has been missing since. "A
    /// retracted fact is left out of everything, as if never reported."
    fn gives_back(&self, job: EmploymentId, after: Days) -> bool {
        let days = (self.window.start.number()..self.window.end.number()).map(Day::from_number);
        let mut given_back = days.filter(|day| after.include(*day) && !self.has_day(job, Revision::LATEST, *day));
        given_back.any(|day| self.registrar_took(job, day))
    }

    fn registrar_took(&self, job: EmploymentId, day: Day) -> bool {
        let head = self.facts.last().map_or(Revision::ZERO, |last| last.id.revision);
        let taker = self.facts.iter().find(|recorded| {
            let (before, since) = (recorded.id.revision.previous(), recorded.id.revision);
            let mut since = (since.0..=head.0).map(Revision);
            self.has_day(job, before, day) && since.all(|at| !self.has_day(job, at, day))
        });
        match taker {
            Some(taker) if self.is_retracted(taker.id) => {
                let others: Vec<_> = self.facts.iter().filter(|other| other.id != taker.id).cloned().collect();
                Case { facts: &others, ..*self }.registrar_took(job, day)
            }
            Some(taker) => self.is_of_registrar(taker),
            None => false,
        }
    }

    fn refusal_of_job(&self, job: EmploymentId, after: impl Fn(Days) -> Days) -> Option<&'static str> {
        let Some((start, ..)) = self.start(job).filter(|(start, ..)| self.is_callers(start.id)) else {
            return Some("NOT_FOUND");
        };
        let Some(spell) = self.spell(job, Revision::LATEST) else {
            assert!(self.is_retracted(start.id));
            return Some("ALREADY_RETRACTED");
        };
        let after = after(spell);
        if after.last.is_some_and(|last| last < after.first) {
            return Some("INVALID_ARGUMENT");
        }
        (!self.is_registrar() && self.gives_back(job, after)).then_some("REGISTRAR_MUST_RECORD")
    }

    fn refusal_of_retraction(&self, fact: FactId) -> Option<&'static str> {
        if !self.is_callers(fact) {
            return Some("NOT_FOUND");
        }
        if !self.is_registrar() && self.amendments_of_registrar().any(|amendment| amendment.id == fact) {
            return Some("REGISTRAR_MUST_RECORD");
        }
        let is_named = self.facts.iter().any(|recorded| {
            matches!(&recorded.fact, Fact::Specialist(_, SpecialistFact::EmploymentStarted { .. }))
                && !self.is_retracted(recorded.id)
        });
        if self.fact(fact).is_some_and(|recorded| registers(&recorded.fact)) && is_named {
            return Some("HAS_DEPENDENTS");
        }
        self.is_retracted(fact).then_some("ALREADY_RETRACTED")
    }
}

fn registers(fact: &Fact) -> bool {
    matches!(fact, Fact::Specialist(_, SpecialistFact::Registered { .. }))
}

fn is_registrar(role: &Role) -> bool {
    *role == Role::Registrar
}

fn plain(position: &str) -> String {
    let mut plain = position.trim().to_lowercase().replace('ß', "ss").replace('\t', " ");
    while plain.contains("  ") {
        plain = plain.replace("  ", " ");
    }
    plain
}
