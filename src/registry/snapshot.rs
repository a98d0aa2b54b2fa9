//! Snapshots: everything a call, a batch or a stream answers from.
//!
//! A snapshot pins one revision. It does not use a resident timeline that changed after that revision; it compiles the
//! timeline from the facts up to the pinned revision, as for any question about the past.

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
use crate::domain::id::{CredentialNumber, Revision, SpecialistId};
use crate::domain::provider::ProviderFile;
use crate::domain::rule_sets::RuleSets;
use crate::domain::specialist::Specialist;
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::timeline::{self, Employers, Timeline};
use crate::domain::verdict::Known;
use crate::store::index::View as _;

/// The state of knowledge that a question is asked against.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KnownAt {
    /// Everything known when the call is served.
    #[default]
    Head,
    /// Everything up to a revision, of the given epoch or else of the current one.
    Revision(Option<Uuid>, Revision),
    /// Everything recorded up to an instant, in the given epoch or else in any.
    Time(Option<Uuid>, Timestamp),
}

/// The minimum state of knowledge that an answer must include.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLeast {
    /// A revision of the current epoch.
    Revision(Revision),
    /// The revision that a token names.
    Token(Token),
}

/// The state of knowledge that a question names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Knowledge {
    /// The state to answer from.
    pub known_at: KnownAt,
    /// The state that the registry must have reached, regardless of `known_at`.
    pub at_least: AtLeast,
}

/// The registry as known at one revision.
#[derive(Clone)]
pub struct Snapshot {
    pub(super) shared: Arc<Shared>,
    /// The pinned revision.
    pub revision: Revision,
    /// When the revision was recorded; `None` for the empty registry.
    pub recorded_at: Option<Timestamp>,
    /// The epoch that the revision belongs to.
    pub epoch: Uuid,
    /// Today, as known at the revision.
    pub today: Option<Day>,
    /// The rule sets, as known at the revision; `None` for the empty registry.
    pub(super) rule_sets: Option<Arc<RuleSets>>,
    /// The token of the revision, if it was pinned as the head.
    pub token: Option<Token>,
    /// If it was pinned as the head of a shared log: the last instant at which every record was known.
    pub head_confirmed_at: Option<Timestamp>,
}

impl Snapshot {
    /// Returns the knowledge that does not depend on the subject of a question.
    pub fn known(&self) -> Known<'_> {
        Known { rule_sets: self.rule_sets(), today: self.today }
    }

    /// Returns the rule sets as known at the revision; `None` for the empty registry.
    pub fn rule_sets(&self) -> Option<&RuleSets> {
        self.rule_sets.as_deref()
    }

    /// Returns the epoch that a revision up to this one belongs to.
    pub fn epoch_of(&self, revision: Revision) -> Uuid {
        self.shared.head.load().history.epoch_of(revision).map_or(self.epoch, |epoch| epoch.id)
    }

    /// Returns the registry as known at an earlier revision, for questions whose answers need no time of recording.
    pub(super) fn earlier(&self, revision: Revision) -> Snapshot {
        self.shared.snapshot(&self.shared.head.load(), revision, None)
    }

    /// Returns a provider's file as of the revision; `None` if no fact about it is known.
    pub fn provider(&self, id: &str) -> Option<Arc<ProviderFile>> {
        self.see_provider(id, Arc::clone)
    }

    /// Calls `look` with a provider's file as of the revision; returns `None` if no fact about it is known.
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
        self.shared.historical_cache.providers.insert(
            file.id.clone(),
            span.between(self.revision, changes(all)),
            Arc::clone(&file),
        );
        Some(look(&file))
    }

    /// Returns the revisions around this one that have the same rule sets, up to the head. Load the head before reading
    /// facts: the index then contains every fact of these revisions, because records are folded before they are
    /// published.
    fn span_of_rule_sets(&self) -> Span {
        let head = self.shared.head.load();
        Span::up_to(head.revision).between(self.revision, head.history.rule_set_changes())
    }

    /// Returns the provider that an identifier belonged to at the revision.
    pub fn provider_with(&self, identifier: &Identifier) -> Option<Arc<ProviderFile>> {
        let bearers = self.shared.identifiers.pin().get(identifier).cloned().unwrap_or_default();
        bearers
            .iter()
            .filter_map(|id| self.provider(id.as_str()))
            .find(|file| file.state.row.as_ref().is_some_and(|row| row.identifiers.contains(identifier)))
    }

    /// Returns every provider with a fact up to the revision, in the order of ids.
    pub fn providers(&self) -> Vec<Arc<ProviderFile>> {
        let ids = self.shared.provider_ids.read().unwrap_or_else(PoisonError::into_inner).clone();
        ids.iter().filter_map(|id| self.provider(id.as_str())).collect()
    }

    /// Looks a credential up in memory, without disk access.
    pub fn resident(&self, number: CredentialNumber) -> Resident {
        match self.shared.timeline_cache.see().look(number) {
            Looked::Unknown => Resident::Unknown,
            Looked::NotHere => Resident::NotInMemory,
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

    /// Returns a credential's timeline; `None` if it is not on file.
    pub async fn timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        match self.resident(number) {
            Resident::Unknown => Ok(None),
            Resident::Unchanged(timeline) => Ok(Some(timeline)),
            Resident::Changed(_) | Resident::NotInMemory => {
                self.off_thread(move |snapshot| snapshot.read_timeline(number)).await
            }
        }
    }

    /// Like [`Snapshot::timeline`], but on the calling thread. Reads the disk if the timeline is not in memory.
    pub(super) fn read_timeline(&self, number: CredentialNumber) -> Result<Option<Arc<Timeline>>, ReadError> {
        let Some(resident) = self.shared.resident(number)? else { return Ok(None) };
        match self.of_resident(&resident) {
            Resident::Unchanged(timeline) => Ok(Some(timeline)),
            Resident::Unknown => Ok(None),
            Resident::Changed(id) => self.compile(id, number),
            Resident::NotInMemory => self.compile(resident.timeline.specialist, number),
        }
    }

    /// Returns the current full names of the holders of some credentials, as far as they are on file.
    pub async fn holder_names(
        &self,
        numbers: Vec<CredentialNumber>,
    ) -> Result<HashMap<CredentialNumber, String>, ReadError> {
        self.off_thread(move |snapshot| {
            let mut names = HashMap::with_capacity(numbers.len());
            for number in numbers {
                let timeline = snapshot.read_timeline(number)?;
                names.extend(timeline.map(|timeline| (number, timeline.names.spoken().to_owned())));
            }
            Ok(names)
        })
        .await
    }

    /// Returns a person's file up to the revision; `None` if it is empty.
    pub async fn specialist(&self, id: SpecialistId) -> Result<Option<SpecialistFile>, ReadError> {
        self.off_thread(move |snapshot| snapshot.file(id)).await
    }

    /// Runs a read of the disk on the blocking thread pool.
    pub async fn off_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Snapshot) -> Result<T, ReadError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let snapshot = self.clone();
        tokio::task::spawn_blocking(move || read(&snapshot)).await.map_err(|_| ReadError::Interrupted)?
    }

    /// Returns a person's file up to the revision; `None` if it is empty. Reads the disk.
    pub fn file(&self, id: SpecialistId) -> Result<Option<SpecialistFile>, ReadError> {
        let mut facts: Vec<Recorded<SpecialistFact>> = self.shared.index.specialist_facts(id)?;
        facts.retain(|recorded| recorded.id.revision <= self.revision);
        Ok((!facts.is_empty()).then_some(SpecialistFile::new(id, facts)))
    }

    /// Returns the compiled timelines of a person's employers.
    pub fn employers(&self, specialist: &Specialist) -> Employers {
        timeline::employers(specialist.jobs.iter().map(|job| &job.provider), |id| self.provider(id.as_str()))
    }

    /// Compiles a credential's timeline from the facts and caches it. Reads the disk.
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
        self.shared.historical_cache.timelines.insert(number, span, timeline.clone());
        Ok(timeline)
    }

    /// Compiles a credential's timeline for a person as known at the revision.
    pub fn compile_of(&self, known: &Specialist, number: CredentialNumber) -> Option<Arc<Timeline>> {
        let credential = known.credential(number)?;
        Some(Arc::new(Timeline::compile(known, credential, &self.employers(known), self.rule_sets()?)))
    }
}

impl Shared {
    /// Returns the snapshot of a revision up to the head. Reads the disk.
    pub(super) fn at(self: &Arc<Self>, revision: Revision) -> Result<Snapshot, ReadError> {
        if let Some(snapshot) = self.at_from_memory(revision) {
            return Ok(snapshot);
        }
        let recorded_at = self.index.recorded_at(revision)?;
        if let Some(instant) = recorded_at {
            self.historical_cache.instants.insert(revision, Span::at(revision), instant);
        }
        Ok(self.snapshot(&self.head.load(), revision, recorded_at))
    }

    /// Like [`Shared::at`], but from memory alone; `None` if the disk must be read.
    pub(super) fn at_from_memory(self: &Arc<Self>, revision: Revision) -> Option<Snapshot> {
        let head = self.head.load();
        let is_head = revision == head.revision;
        let recorded_at =
            if is_head { head.recorded_at } else { self.historical_cache.instants.get(&revision, revision)? };
        Some(self.snapshot(&head, revision, Some(recorded_at)))
    }

    /// Returns the snapshot of a revision up to `head`.
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
            head_confirmed_at: None,
        }
    }
}

/// Returns the revision of each fact.
fn changes<F>(facts: &[Recorded<F>]) -> impl Iterator<Item = Revision> {
    facts.iter().map(|recorded| recorded.id.revision)
}

/// What memory holds of a credential.
#[derive(Debug)]
pub enum Resident {
    /// The credential was not issued, or not before the pinned revision.
    Unknown,
    /// The timeline is not resident and must be read from the disk.
    NotInMemory,
    /// A timeline that is valid for the pinned revision.
    Unchanged(Arc<Timeline>),
    /// The timeline changed after the pinned revision; compile it from the facts of this holder.
    Changed(SpecialistId),
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Snapshot({})", self.revision)
    }
}
