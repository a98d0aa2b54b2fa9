//! The preface: what this program records before anything else, such as new rule sets.
//!
//! It is recorded when the registry opens. If the disk refuses, the registry answers questions but accepts no commands.
//! The preface is then recorded first, with the due days, as soon as the disk has room.

use super::batch::Batch;
use super::errors::{NewerSemantics, ReadError};
use super::head::Head;
use crate::domain::fact::{Fact, RegistryFact};
use crate::domain::id::Revision;
use crate::domain::record::Record;
use crate::rules::RuleText;

/// The version of the walk. Within one version, answers are byte-identical.
pub const SEMANTICS_VERSION: u32 = 2;

/// The semantics version and the rule sets of this program.
pub(super) struct Preface {
    pub(super) semantics_version: u32,
    pub(super) rule_sets: Vec<RuleText>,
}

impl Preface {
    /// Returns the rule sets that are not adopted yet, in the order in which to adopt them.
    fn new_rule_sets(&self, head: &Head) -> impl Iterator<Item = &RuleText> {
        let adopted: Vec<_> = head.history.adopted(Revision::LATEST).map(|adopted| adopted.set.id.clone()).collect();
        self.rule_sets.iter().filter(move |text| !adopted.contains(&text.set.id))
    }

    /// True if everything in the preface is recorded at the head.
    pub(super) fn is_on_record(&self, head: &Head) -> bool {
        head.history.semantics_version() == self.semantics_version && self.new_rule_sets(head).next().is_none()
    }

    /// Refuses a record that adopts newer semantics than those of this program.
    pub(super) fn refuse_newer(&self, record: &Record) -> Result<(), NewerSemantics> {
        let version = self.semantics_version;
        let adopted = record.facts.iter().filter_map(|fact| match fact {
            Fact::Registry(RegistryFact::SemanticsAdopted { version }) => Some(*version),
            _ => None,
        });
        let newer = adopted.max().filter(|known| *known > version);
        newer.map_or(Ok(()), |known| Err(NewerSemantics { known, version }))
    }

    /// Returns the facts that adopt some rule sets.
    pub(super) fn adoptions(rule_sets: impl Iterator<Item = RuleText>) -> impl Iterator<Item = RegistryFact> {
        rule_sets.map(|text| RegistryFact::RuleSetAdopted {
            id: text.set.id,
            digest: text.digest,
            content: text.content,
        })
    }

    /// Adds what is not recorded yet to a batch.
    pub(super) fn add_to(&self, batch: &mut Batch<'_>) -> Result<(), ReadError> {
        let version = self.semantics_version;
        if batch.head.history.semantics_version() != version {
            batch.add_own(RegistryFact::SemanticsAdopted { version })?;
        }
        let new: Vec<_> = self.new_rule_sets(&batch.head).cloned().collect();
        for adoption in Preface::adoptions(new.into_iter()) {
            batch.add_own(adoption)?;
        }
        Ok(())
    }
}
