//! The registry's own history: the epoch, the day and the rule sets at each revision.

use std::sync::Arc;

use uuid::Uuid;

use crate::domain::day::Day;
use crate::domain::fact::{LogHome, Recorded, RegistryFact};
use crate::domain::id::{Revision, SpecialistId};
use crate::domain::rule_sets::{RuleSet, RuleSets};
use crate::rules::{self, RuleError};

/// The registry's own history, in memory.
#[derive(Clone, Debug, Default)]
pub struct RegistryHistory {
    epochs: Vec<Epoch>,
    days: Vec<(Revision, Day)>,
    rule_sets: Vec<(Revision, Arc<RuleSets>)>,
    adopted: Vec<Adopted>,
    records_begin: Option<Day>,
    semantics_version: Option<u32>,
    moved: Option<Moved>,
    redactions: Vec<(Revision, SpecialistId)>,
}

/// The end of the log in one place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the log of this registry moved to {to} after revision {at}: use the configuration for that place")]
pub struct Moved {
    /// The last record in that place.
    pub at: Revision,
    /// Where the log goes on.
    pub to: LogHome,
}

/// An epoch: one continuous line of history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// The epoch's id.
    pub id: Uuid,
    /// The first revision that belongs to it.
    pub first_revision: Revision,
    /// The last revision that this epoch shares with the one before it.
    pub forked_after: Revision,
}

/// A rule set as it was adopted.
#[derive(Clone, Debug)]
pub struct Adopted {
    /// The record that adopted the set.
    pub revision: Revision,
    /// The rule set.
    pub set: Arc<RuleSet>,
    /// SHA-256 of the rule file, in hexadecimal.
    pub digest: String,
}

impl RegistryHistory {
    /// Builds the history from the registry's facts.
    pub fn of<'a>(facts: impl IntoIterator<Item = &'a Recorded<RegistryFact>>) -> Result<RegistryHistory, RuleError> {
        let mut history = RegistryHistory::default();
        for recorded in facts {
            history.add(recorded.id.revision, &recorded.fact)?;
        }
        Ok(history)
    }

    /// Adds a fact of a revision.
    pub fn add(&mut self, revision: Revision, fact: &RegistryFact) -> Result<(), RuleError> {
        match fact {
            RegistryFact::EpochBegan { epoch, forked_after, .. } => {
                self.epochs.push(Epoch { id: *epoch, first_revision: revision, forked_after: *forked_after });
                self.moved = None;
            }
            RegistryFact::DayOpened { date } => self.days.push((revision, *date)),
            RegistryFact::RuleSetAdopted { id, digest, content } => {
                let set = Arc::new(rules::read(id, content)?.set);
                self.adopted.push(Adopted { revision, set, digest: digest.clone() });
                self.enact(revision);
            }
            RegistryFact::RecordsBegin { first_day } => {
                self.records_begin = Some(*first_day);
                self.enact(revision);
            }
            RegistryFact::SemanticsAdopted { version } => self.semantics_version = Some(*version),
            RegistryFact::LogMoved { to } => self.moved = Some(Moved { at: revision, to: to.clone() }),
            RegistryFact::SpecialistRedacted { specialist, .. } => self.redactions.push((revision, *specialist)),
        }
        Ok(())
    }

    /// Returns the history up to a revision.
    #[must_use]
    pub(super) fn up_to(&self, revision: Revision) -> RegistryHistory {
        RegistryHistory {
            epochs: self.epochs.iter().filter(|epoch| epoch.first_revision <= revision).cloned().collect(),
            days: self.days.iter().filter(|(since, _)| *since <= revision).copied().collect(),
            rule_sets: self.rule_sets.iter().filter(|(since, _)| *since <= revision).cloned().collect(),
            adopted: self.adopted(revision).cloned().collect(),
            records_begin: self.rule_sets(revision).and_then(|rule_sets| rule_sets.records_begin()),
            semantics_version: self.semantics_version,
            moved: self.moved.clone(),
            redactions: self.redactions.iter().filter(|(since, _)| *since <= revision).copied().collect(),
        }
    }

    fn enact(&mut self, revision: Revision) {
        let sets = self.adopted.iter().map(|adopted| Arc::clone(&adopted.set)).collect();
        if let Some(rule_sets) = RuleSets::new(sets, self.records_begin) {
            self.rule_sets.push((revision, Arc::new(rule_sets)));
        }
    }

    /// Returns today, as known at a revision.
    pub fn today(&self, known_at: Revision) -> Option<Day> {
        last_at(&self.days, known_at).map(|(_, day)| *day)
    }

    /// Returns the revision that opened a day or, if that day was never opened, the next day after it.
    pub fn opened(&self, day: Day) -> Option<Revision> {
        let before = self.days.partition_point(|(_, opened)| *opened < day);
        self.days.get(before).map(|(revision, _)| *revision)
    }

    /// Returns the rule sets, as known at a revision.
    pub fn rule_sets(&self, known_at: Revision) -> Option<&Arc<RuleSets>> {
        last_at(&self.rule_sets, known_at).map(|(_, rule_sets)| rule_sets)
    }

    /// Returns every revision that changed the rule sets.
    pub fn rule_set_changes(&self) -> impl Iterator<Item = Revision> {
        self.rule_sets.iter().map(|(since, _)| *since)
    }

    /// Returns the last revision that changed the rule sets.
    pub fn rule_sets_since(&self) -> Revision {
        self.rule_sets.last().map_or(Revision::ZERO, |(since, _)| *since)
    }

    /// Returns the semantics version of the walk that last answered. Version 1 is not recorded.
    pub fn semantics_version(&self) -> u32 {
        self.semantics_version.unwrap_or(1)
    }

    /// Returns where the log goes on. `None` if that is the place in which the log has this id, or if it has not moved
    /// in this epoch.
    pub fn moved_from(&self, here: Option<Uuid>) -> Option<&Moved> {
        self.moved.as_ref().filter(|moved| Some(moved.to.id) != here)
    }

    /// Returns the records that redacted a person, as known at a revision.
    pub fn redactions_of(&self, person: SpecialistId, known_at: Revision) -> impl Iterator<Item = Revision> {
        let known = self.redactions.iter().filter(move |(since, redacted)| *since <= known_at && *redacted == person);
        known.map(|(since, _)| *since)
    }

    /// Returns the id of the registry: the id of its first epoch, which never changes.
    pub fn registry_id(&self) -> Option<Uuid> {
        self.epochs.first().map(|epoch| epoch.id)
    }

    /// Returns the epoch that forked after a revision, if there is one.
    pub fn epoch_after(&self, revision: Revision) -> Option<Uuid> {
        self.epochs.iter().find(|epoch| epoch.forked_after == revision).map(|epoch| epoch.id)
    }

    /// Returns the epoch that a revision belongs to.
    pub fn epoch_of(&self, revision: Revision) -> Option<&Epoch> {
        self.epochs.iter().rev().find(|epoch| epoch.first_revision <= revision).or(self.epochs.first())
    }

    /// Returns the last revision of an epoch that is still part of this history; `None` for an unknown epoch.
    pub fn last_shared(&self, epoch: Uuid) -> Option<Revision> {
        let at = self.epochs.iter().position(|known| known.id == epoch)?;
        Some(self.epochs.get(at + 1).map_or(Revision::LATEST, |next| next.forked_after))
    }

    /// Returns each epoch before that of a revision, with the last revision that the next one shares with it.
    pub fn forks(&self, known_at: Revision) -> impl Iterator<Item = (Uuid, Revision)> {
        let pairs = self.epochs.iter().zip(self.epochs.iter().skip(1));
        let known = pairs.take_while(move |(_, next)| next.first_revision <= known_at);
        known.map(|(earlier, next)| (earlier.id, next.forked_after))
    }

    /// Returns every rule set adopted up to a revision, in the order of adoption.
    pub fn adopted(&self, known_at: Revision) -> impl Iterator<Item = &Adopted> {
        self.adopted.iter().filter(move |adopted| adopted.revision <= known_at)
    }
}

fn last_at<T>(entries: &[(Revision, T)], known_at: Revision) -> Option<&(Revision, T)> {
    let after = entries.partition_point(|(revision, _)| *revision <= known_at);
    entries.get(after.checked_sub(1)?)
}
