//! The decision context: the state of the batch that a command is decided against.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use foldhash::fast::RandomState;
use uuid::Uuid;

use super::batch::Batch;
use super::errors::ReadError;
use crate::domain::command::{Command, Target, Who};
use crate::domain::day::Day;
use crate::domain::decide::{DecisionContext, File, Grounds, may_amend_providers};
use crate::domain::fact::{Identifier, ProviderFact, Recorded, Reporter, Role, Subject};
use crate::domain::id::{CredentialNumber, EmploymentId, FactId, ProviderId, Revision, SpecialistId};
use crate::domain::prior_number::PriorNumber;
use crate::domain::provider::ProviderFile;
use crate::domain::record::Record;
use crate::domain::rule_sets::RuleSets;
use crate::store::in_parts::in_parts;
use crate::store::index::View as _;
use crate::store::random::{mixed, random_number};

/// The source of new ids.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Numbers {
    /// Random numbers from the machine.
    #[default]
    Random,
    /// A reproducible sequence, for sample data.
    From(u64),
}

impl Numbers {
    /// Returns the next number.
    pub fn draw(&mut self) -> u64 {
        match self {
            Numbers::Random => random_number().unwrap_or_else(|_| Uuid::new_v4().as_u64_pair().1),
            // splitmix64
            Numbers::From(state) => {
                *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
                mixed(*state)
            }
        }
    }
}

/// The state that one command is decided against.
pub(super) struct BatchContext<'a, 'b> {
    pub(super) batch: &'a Batch<'b>,
    pub(super) reporter: &'a Reporter,
    pub(super) mint: Mint,
}

/// An id that may become one of something new.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum NewId {
    Credential(CredentialNumber),
    Specialist(SpecialistId),
    Employment(EmploymentId),
    Provider(ProviderId),
}

impl fmt::Display for NewId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NewId::Credential(number) => number.fmt(f),
            NewId::Specialist(id) => id.fmt(f),
            NewId::Employment(id) => id.fmt(f),
            NewId::Provider(id) => id.fmt(f),
        }
    }
}

/// Makes the new ids of one command. Never returns an id twice, or one that is on record.
#[derive(Default)]
pub(super) struct Mint {
    numbers: Numbers,
    /// The ids returned so far. None of them is assigned until the record is durable.
    given: HashSet<NewId, RandomState>,
    /// The first lookup that failed. What it was for must not be used.
    failed: Option<ReadError>,
}

impl Mint {
    pub(super) fn new(numbers: Numbers) -> Mint {
        Mint { numbers, ..Mint::default() }
    }

    /// Draws a new id, and draws again while the id is on record or was returned before.
    fn id<I: Clone>(
        &mut self,
        from_number: impl Fn(u64) -> I,
        as_new: impl Fn(I) -> NewId,
        is_on_record: impl Fn(&I) -> Result<bool, ReadError>,
    ) -> I {
        loop {
            let id = from_number(self.numbers.draw());
            let is_on_record = is_on_record(&id).unwrap_or_else(|error| {
                self.failed.get_or_insert(error);
                false
            });
            if !is_on_record && self.given.insert(as_new(id.clone())) {
                return id;
            }
        }
    }

    /// Returns as many new ids of jobs as one by one, in the same order. Looks them up on all cores.
    fn employments(
        &mut self,
        count: usize,
        is_on_record: impl Fn(EmploymentId) -> Result<bool, ReadError> + Sync,
    ) -> Vec<EmploymentId> {
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let drawn = (ids.len()..count).map(|_| EmploymentId::from_number(self.numbers.draw())).collect::<Vec<_>>();
            let unused = in_parts(&drawn, |drawn| {
                let mut unused = Vec::with_capacity(drawn.len());
                for id in drawn {
                    unused.extend((!is_on_record(*id)?).then_some(*id));
                }
                Ok(unused)
            });
            let unused = unused.unwrap_or_else(|error| {
                self.failed.get_or_insert(error);
                vec![drawn]
            });
            ids.extend(unused.into_iter().flatten().filter(|id| self.given.insert(NewId::Employment(*id))));
        }
        ids
    }

    /// Takes the result of another lookup. After a failed one the command is not decided.
    fn looked_up<T>(&mut self, found: Result<Option<T>, ReadError>) -> Option<T> {
        found.unwrap_or_else(|error| {
            self.failed.get_or_insert(error);
            None
        })
    }

    /// Returns the ids drawn, or the error if a lookup failed and an id might not be new.
    pub(super) fn finish(self) -> Result<HashSet<NewId, RandomState>, ReadError> {
        self.failed.map_or(Ok(self.given), Err)
    }
}

impl Grounds for BatchContext<'_, '_> {
    fn rule_sets(&self) -> &RuleSets {
        &self.batch.head.rule_sets
    }

    fn provider(&self, id: &ProviderId) -> Option<Arc<ProviderFile>> {
        self.batch.provider(id)
    }
}

impl DecisionContext for BatchContext<'_, '_> {
    fn today(&self) -> Day {
        self.batch.head.today
    }

    fn next_revision(&self) -> Revision {
        self.batch.head.revision.next()
    }

    fn reporter(&self) -> &Reporter {
        self.reporter
    }

    fn owner_of(&self, identifier: &Identifier) -> Option<ProviderId> {
        self.batch.owner_of(identifier)
    }

    fn bearer_of(&mut self, prior: &PriorNumber) -> Option<CredentialNumber> {
        self.mint.looked_up(self.batch.bearer_of(prior))
    }

    fn mint_credential(&mut self) -> CredentialNumber {
        let pending = &self.batch.pending;
        let is_on_record = |number: &CredentialNumber| Ok(pending.specialist_of_credential(*number)?.is_some());
        self.mint.id(CredentialNumber::from_number, NewId::Credential, is_on_record)
    }

    fn mint_specialist(&mut self) -> SpecialistId {
        let batch = self.batch;
        self.mint.id(SpecialistId::from_number, NewId::Specialist, |id| Ok(batch.file(*id)?.is_some()))
    }

    fn mint_employment(&mut self) -> EmploymentId {
        let pending = &self.batch.pending;
        let is_on_record = |id: &EmploymentId| Ok(pending.specialist_of_employment(*id)?.is_some());
        self.mint.id(EmploymentId::from_number, NewId::Employment, is_on_record)
    }

    fn mint_employments(&mut self, count: usize) -> Vec<EmploymentId> {
        let pending = &self.batch.pending;
        self.mint.employments(count, |id| Ok(pending.specialist_of_employment(id)?.is_some()))
    }

    fn mint_provider(&mut self) -> ProviderId {
        let batch = self.batch;
        self.mint.id(ProviderId::from_number, NewId::Provider, |id| Ok(batch.provider(id).is_some()))
    }
}

impl Batch<'_> {
    /// Returns the file that a command is decided against. A file that the caller may not change is not read, as if it
    /// were not on file, so that both cases take the same time.
    pub(super) fn file_for(&self, command: &Command, reporter: &Reporter) -> Result<File, ReadError> {
        let person = |id: Option<SpecialistId>| -> Result<File, ReadError> {
            let Some(id) = id else { return Ok(File::None) };
            if !self.may_command(reporter, id)? && !self.may_be_started(command)? {
                return Ok(File::None);
            }
            Ok(self.file(id)?.map_or(File::None, File::Specialist))
        };
        match command.target() {
            Target::New => Ok(File::None),
            Target::Registry => Ok(File::Registry),
            Target::Provider(id) => Ok(self.provider(&id).map_or(File::None, |file| File::Provider(file, false))),
            Target::Specialist(id) => person(Some(id)),
            Target::Credential(number) => person(self.pending.specialist_of_credential(number)?),
            Target::Employment(employment) => person(self.pending.specialist_of_employment(employment)?),
            Target::Staff(provider) => Ok(File::Staff(self.staff(&provider)?)),
            Target::Fact(fact) => match self.subject_of_fact(fact)? {
                None => Ok(File::None),
                Some(Subject::Registry) if reporter.role.is_registrar() => Ok(File::Registry),
                Some(Subject::Registry) => Ok(File::None),
                Some(Subject::Specialist(id)) => person(Some(id)),
                Some(Subject::Provider(_)) if !may_amend_providers(&reporter.role) => Ok(File::None),
                Some(Subject::Provider(id)) => {
                    let Some(file) = self.provider(&id) else { return Ok(File::None) };
                    let registers = |recorded: &Recorded<ProviderFact>| {
                        recorded.id == fact && matches!(recorded.fact, ProviderFact::Registered(_))
                    };
                    // Only the retraction of a registration depends on whether any job names the provider.
                    let is_named = file.facts.iter().any(registers) && !self.staff(&id)?.is_empty();
                    Ok(File::Provider(file, is_named))
                }
            },
        }
    }

    /// Returns the subject of a fact.
    fn subject_of_fact(&self, id: FactId) -> Result<Option<Subject>, ReadError> {
        let subject =
            |record: &Record| record.recorded_facts().find(|fact| fact.id == id).map(|fact| fact.fact.subject());
        if let Some(staged) = self.records.iter().find(|record| record.revision == id.revision) {
            return Ok(subject(staged));
        }
        if id.revision > self.head.revision {
            return Ok(None);
        }
        Ok(self.shared.record(id.revision)?.as_ref().and_then(subject))
    }

    /// True if the command starts a job for a person whom any provider may hire: it gives the birth date and, if it
    /// names the person by number, a family name that matches.
    fn may_be_started(&self, command: &Command) -> Result<bool, ReadError> {
        match command {
            Command::StartEmployment { birth_date: None, .. } => Ok(false),
            Command::StartEmployment { who: Who::Specialist(_), .. } => Ok(true),
            Command::StartEmployment { who: Who::Holder(number, family), .. } => {
                let timeline = self.timeline(*number)?;
                Ok(timeline.is_some_and(|timeline| timeline.names.folded().any(|(_, name)| name == family)))
            }
            _ => Ok(false),
        }
    }

    /// True if the caller may amend anything of the person's.
    fn may_command(&self, reporter: &Reporter, id: SpecialistId) -> Result<bool, ReadError> {
        match &reporter.role {
            Role::Provider(own) => Ok(self.pending.was_staff(own, id)?),
            Role::Certifier => Ok(false),
            _ => Ok(true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_are_neither_repeated_nor_on_record() {
        let mut mint = Mint::new(Numbers::From(7));
        // A source of numbers that repeats itself: of eight numbers, two are on record.
        let job = |number: u64| EmploymentId::from_number(number % 8);
        let mut next = || mint.id(job, NewId::Employment, |id| Ok(id.number() < 2));
        let ids: HashSet<u64> = (0..6).map(|_| next().number()).collect();
        assert_eq!(ids, (2..8).collect());
        assert_eq!(mint.finish().unwrap().len(), 6);
    }

    #[test]
    fn many_ids_of_jobs_are_those_that_are_minted_one_by_one() {
        const COUNT: usize = 1_000;
        let is_on_record = |id: EmploymentId| Ok(id.number().is_multiple_of(3));
        let (mut one, mut other) = (Mint::new(Numbers::From(7)), Mint::new(Numbers::From(7)));
        let first = EmploymentId::from_number(Numbers::From(7).draw());
        for mint in [&mut one, &mut other] {
            mint.given.insert(NewId::Employment(first));
        }
        let mut next = || one.id(EmploymentId::from_number, NewId::Employment, |id| is_on_record(*id));
        let one_by_one: Vec<_> = (0..COUNT).map(|_| next()).collect();
        assert_eq!(other.employments(COUNT, is_on_record), one_by_one);
        assert_eq!((one.numbers, one.finish().unwrap()), (other.numbers, other.finish().unwrap()));
        let mut failing = Mint::new(Numbers::From(7));
        assert_eq!(failing.employments(COUNT, |_| Err(ReadError::Interrupted)).len(), COUNT);
        assert!(matches!(failing.finish(), Err(ReadError::Interrupted)));
    }

    #[test]
    fn an_id_that_could_not_be_looked_up_is_not_used() {
        let mut mint = Mint::new(Numbers::From(7));
        mint.id(SpecialistId::from_number, NewId::Specialist, |_| Err(ReadError::Interrupted));
        assert!(matches!(mint.finish(), Err(ReadError::Interrupted)));
    }

    #[test]
    fn a_command_with_a_failed_lookup_is_not_decided() {
        let mut mint = Mint::new(Numbers::From(7));
        assert_eq!(mint.looked_up(Ok(Some(7))), Some(7));
        assert_eq!(mint.looked_up::<u8>(Err(ReadError::Interrupted)), None);
        assert!(matches!(mint.finish(), Err(ReadError::Interrupted)));
    }
}
