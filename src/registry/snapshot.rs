//! Pinned knowledge: everything a call, a batch or a stream answers from.
//!
//! A snapshot pins one revision. A resident timeline that changed later is not used; its answer is compiled from the
//! facts up to the pinned revision, the same path as any question about the past.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use uuid::Uuid;

use super::errors::ReadError;
use super::head::{Head, ResidentCredential};
use super::historical_cache::Span;
use super::shared::Shared;
use super::timeline_cache::Looked;
use super::token::Token;
use crate::domain::day::Day;
use crate::domain::fact::{Identifier, Recorded, SpecialistFact};
use crate::domain::id::{CredentialNumber, ProviderId, Revision, SpecialistId};
use crate::domain::name::Holder;
use crate::domain::provider::{ProviderFile, ProviderTimeline};
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::{Specialist, SpecialistFile};
use crate::domain::timeline::Timeline;
use crate::domain::verdict::{Known, NameMatch};
use crate::store::index::View as _;

/// The state of knowledge that a question is put to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KnownAt {
    /// Everything known when the call is served.
    #[default]
    Head,
    /// Everything up to a revision, of an epoch or of the current one.
    Revision(Option<Uuid>, Revision),
    /// Everything recorded up to an instant.
    Time(Option<Uuid>, Timestamp),
}

/// What an answer has to know at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLeast {
    /// A revision of the current epoch.
    Revision(Revision),
    /// What a token stands for.
    Token(Token),
}

/// The state of knowledge that a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knowledge {
    /// Which one it is put to.
    pub known_at: KnownAt,
    /// What has to be known here, whichever it is put to.
    pub at_least: AtLeast,
}

/// Knowledge pinned at one revision.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) shared: Arc<Shared>,
    /// The revision.
    pub revision: Revision,
    /// When it was recorded; none for the empty registry.
    pub recorded_at: Option<Timestamp>,
    /// The epoch that the revision belongs to.
    pub epoch: Uuid,
    /// Today, as known then.
    pub today: Option<Day>,
    /// The rule sets, as known then; none for the empty registry.
    pub(super) rule_sets: Option<Arc<RuleSets>>,
    /// The token of the revision, where it was pinned as the head.
    pub token: Option<Token>,
}

/// The holder that a name and a birth date lead to.
#[derive(Debug)]
pub enum FoundHolder {
    /// Nobody.
    Nobody,
    /// Several people.
    Several,
    /// One person: the credential, if there is one, and how the name compares.
    One(Option<Arc<Timeline>>, NameMatch),
}

impl Snapshot {
    /// What is known apart from the subject of a question.
    pub fn known(&self) -> Known<'_> {
        Known { rule_sets: self.rule_sets(), today: self.today }
    }

    /// The rule sets, as known at the revision; none in the empty registry.
    pub fn rule_sets(&self) -> Option<&RuleSets> {
        self.rule_sets.as_deref()
    }

    /// The epoch that a revision up to this one belongs to.
    pub fn epoch_of(&self, revision: Revision) -> Uuid {
        self.shared.head.load().history.epoch_of(revision).map_or(self.epoch, |epoch| epoch.id)
    }

    /// A provider's file, up to the revision. None where no fact of it is known.
    pub fn provider(&self, id: &str) -> Option<Arc<ProviderFile>> {
        self.see_provider(id, Arc::clone)
    }

    /// Looks at a provider's file, up to the revision. None where no fact of it is known.
    pub(super) fn see_provider<T>(&self, id: &str, look: impl FnOnce(&Arc<ProviderFile>) -> T) -> Option<T> {
        let rule_sets = self.rule_sets()?;
        let providers = self.shared.providers.pin();
        let resident = providers.get(id)?;
        if resident.changed_at <= self.revision {
            return Some(look(&resident.file));
        }
        if let Some(file) = self.shared.historical_cache.providers.get(id, self.revision) {
            return Some(look(&file));
        }
        let span = self.span_of_rule_sets();
        let all = &providers.get(id)?.file.facts;
        let known = |recorded: &&Recorded<_>| recorded.id.revision <= self.revision;
        let facts: Vec<_> = all.iter().filter(known).cloned().collect();
        if facts.is_empty() {
            return None;
        }
        let file = Arc::new(ProviderFile::new(resident.file.id.clone(), facts, rule_sets));
        self.shared.historical_cache.providers.keep(
            file.id.clone(),
            span.between(self.revision, changes(all)),
            Arc::clone(&file),
        );
        Some(look(&file))
    }

    /// The revisions around this one under the same rule sets, up to the head. Facts that are read after this was asked
    /// for are all those of these revisions: what is published was folded before.
    fn span_of_rule_sets(&self) -> Span {
        let head = self.shared.head.load();
        Span::up_to(head.revision).between(self.revision, head.history.rule_set_changes())
    }

    /// The provider that an identifier belonged to at the revision.
    pub fn provider_with(&self, identifier: &Identifier) -> Option<Arc<ProviderFile>> {
        let bearers = self.shared.identifiers.pin().get(identifier).cloned().unwrap_or_default();
        bearers
            .iter()
            .filter_map(|id| self.provider(id.as_str()))
            .find(|file| file.state.row.as_ref().is_some_and(|row| row.identifiers.contains(identifier)))
    }

    /// Every provider with a fact up to the revision, in the order of their ids.
    pub fn providers(&self) -> Vec<Arc<ProviderFile>> {
        let ids = self.shared.provider_ids.read().unwrap_or_else(PoisonError::into_inner).clone();
        ids.iter().filter_map(|id| self.provider(id.as_str())).collect()
    }

    /// What memory alone says of a credential.
    pub fn resident(&self, number: CredentialNumber) -> Resident {
        match self.shared.timeline_cache.see().look(number) {
            Looked::Unknown => Resident::Unknown,
            Looked::NotHere => Resident::NotHere,
            Looked::Here(resident) => self.of_resident(resident),
        }
    }

    fn of_resident(&self, resident: &ResidentCredential) -> Resident {
        if resident.changed_at <= self.revision {
            return Resident::Unchanged(Arc::clone(&resident.timeline));
        }
        match self.shared.historical_cache.timelines.get(&resident.timeline.number, self.revision) {
            Some(Some(timeline)) => Resident::Unchanged(timeline),
            Some(None) => Resident::Unknown,
            None => Resident::Changed(resident.timeline.specialist),
        }
    }

    /// A credential's timeline. None where it is not on file.
    pub async fn timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        match self.resident(number) {
            Resident::Unknown => Ok(None),
            Resident::Unchanged(timeline) => Ok(Some(timeline)),
            Resident::Changed(_) | Resident::NotHere => {
                self.off_thread(move |snapshot| snapshot.read_timeline(number)).await
            }
        }
    }

    /// The same. Reads the disk where it must.
    pub(super) fn read_timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        let Some(resident) = self.shared.resident(number)? else { return Ok(None) };
        match self.of_resident(&resident) {
            Resident::Unchanged(timeline) => Ok(Some(timeline)),
            Resident::Unknown => Ok(None),
            Resident::Changed(id) => self.compile(id, number),
            Resident::NotHere => self.compile(resident.timeline.specialist, number),
        }
    }

    /// The person that a name and a birth date lead to.
    pub async fn holder(&self, holder: Holder) -> Result<FoundHolder, ReadError> {
        self.off_thread(move |snapshot| snapshot.find_holder(&holder)).await
    }

    /// Everything on file of a person up to the revision. None where there is nothing.
    pub async fn specialist(&self, id: SpecialistId) -> Result<Option<SpecialistFile>, ReadError> {
        self.off_thread(move |snapshot| snapshot.file(id)).await
    }

    /// Runs what reads the disk away from the threads that answer calls.
    pub async fn off_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let snapshot = self.clone();
        tokio::task::spawn_blocking(move || read(&snapshot)).await.map_err(|_| ReadError::Interrupted)?
    }

    /// Everything on file of a person up to the revision. Reads the disk.
    pub fn file(&self, id: SpecialistId) -> Result<Option<SpecialistFile>, ReadError> {
        let mut facts: Vec<Recorded<SpecialistFact>> = self.shared.index.specialist_facts(id)?;
        facts.retain(|recorded| recorded.id.revision <= self.revision);
        Ok((!facts.is_empty()).then_some(SpecialistFile { id, facts }))
    }

    /// The compiled providers of a person's jobs.
    pub fn employers(&self, specialist: &Specialist) -> HashMap<ProviderId, Arc<ProviderTimeline>> {
        let jobs = specialist.jobs.iter();
        jobs.filter_map(|job| {
            let file = self.provider(job.provider.as_str())?;
            Some((file.id.clone(), Arc::clone(&file.timeline)))
        })
        .collect()
    }

    /// A credential's timeline, compiled from the facts and kept for a while. Reads the disk.
    pub fn compile(&self, id: SpecialistId, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        let span = self.span_of_rule_sets();
        let facts = self.shared.index.specialist_facts(id)?;
        let known = Specialist::known_at(id, &facts, self.revision);
        let timeline = self.compile_of(&known, number);
        let providers = self.shared.providers.pin();
        let employers = known.jobs.iter().filter_map(|job| providers.get(job.provider.as_str()));
        let span = employers.fold(span.between(self.revision, changes(&facts)), |span, employer| {
            span.between(self.revision, changes(&employer.file.facts))
        });
        self.shared.historical_cache.timelines.keep(number, span, timeline.clone());
        Ok(timeline)
    }

    /// A credential's timeline, compiled for a person as known at the revision.
    pub fn compile_of(&self, known: &Specialist, number: CredentialNumber) -> Option<Arc<Timeline>> {
        let credential = known.credential(number)?;
        Some(Arc::new(Timeline::compile(known, credential, &self.employers(known), self.rule_sets()?)))
    }

    fn find_holder(&self, holder: &Holder) -> Result<FoundHolder, ReadError> {
        let mut matching = Vec::new();
        for id in self.shared.index.specialists_named(&holder.name)? {
            let Some(file) = self.file(id)? else { continue };
            let known = file.known_now();
            let names = || known.names.iter().map(super::super::domain::name::PersonName::folded);
            if known.birth_date == Some(holder.birth_date) && names().any(|name| name == holder.name) {
                let current = names().next_back().is_some_and(|name| name == holder.name);
                matching.push((known, if current { NameMatch::Current } else { NameMatch::Former }));
            }
        }
        match matching.as_slice() {
            [] => Ok(FoundHolder::Nobody),
            [(known, name)] => {
                let number = known.the_credential().map(|credential| credential.number);
                Ok(FoundHolder::One(number.and_then(|number| self.compile_of(known, number)), *name))
            }
            _ => Ok(FoundHolder::Several),
        }
    }
}

impl Shared {
    /// What was known at a revision up to the head. Reads the disk.
    pub(super) fn at(self: &Arc<Self>, revision: Revision) -> Result<Snapshot, ReadError> {
        if let Some(snapshot) = self.at_once(revision) {
            return Ok(snapshot);
        }
        let recorded_at = self.index.recorded_at(revision)?;
        if let Some(instant) = recorded_at {
            self.historical_cache.instants.keep(revision, Span::at(revision), instant);
        }
        Ok(self.snapshot(&self.head.load(), revision, recorded_at))
    }

    /// The same, without the disk; none: it has to be read.
    pub(super) fn at_once(self: &Arc<Self>, revision: Revision) -> Option<Snapshot> {
        let head = self.head.load();
        let is_head = revision == head.revision;
        let recorded_at =
            if is_head { head.recorded_at } else { self.historical_cache.instants.get(&revision, revision)? };
        Some(self.snapshot(&head, revision, Some(recorded_at)))
    }

    /// A snapshot of a revision up to a head.
    pub(super) fn snapshot(
        self: &Arc<Self>,
        head: &Head,
        revision: Revision,
        recorded_at: Option<Timestamp>,
    ) -> Snapshot {
        let history = &head.history;
        Snapshot {
            shared: Arc::clone(self),
            revision,
            recorded_at,
            epoch: history.epoch_of(revision).map(|epoch| epoch.id).unwrap_or_default(),
            today: history.today(revision),
            rule_sets: history.rule_sets(revision).cloned(),
            token: None,
        }
    }
}

/// The revisions that brought facts.
fn changes<F>(facts: &[Recorded<F>]) -> impl Iterator<Item = Revision> {
    facts.iter().map(|recorded| recorded.id.revision)
}

/// What is resident of a credential.
#[derive(Debug)]
pub enum Resident {
    /// Nothing: it was never issued, or not yet.
    Unknown,
    /// Nothing yet: the disk knows.
    NotHere,
    /// A timeline that holds for the revision too.
    Unchanged(Arc<Timeline>),
    /// One that changed after the revision; its holder's facts say what held then.
    Changed(SpecialistId),
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({})", self.revision)
    }
}
