//! The record since which the verdict on a claim is what it is now.
//!
//! Only a few records can change a verdict: those with facts about the holder, about a provider that the claim names or
//! that ever employed the holder, or about the rule sets, and the one that opened the day of the claim. Between two of
//! them the verdict stays the same. So the search judges the claim right before each of them, from the last one back,
//! until the verdict differs.

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

use super::errors::ReadError;
use super::question::{Ask, AskProvider, AskSubject};
use super::snapshot::Snapshot;
use crate::domain::day::Day;
use crate::domain::fact::{Fact, Recorded};
use crate::domain::id::{FactId, ProviderId, Revision};
use crate::domain::specialist_file::SpecialistFile;
use crate::domain::standing::Verdict;
use crate::store::index::{IndexError, View as _};

/// The record since which a verdict is what it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct VerdictChange {
    /// The epoch of the record.
    pub epoch: Uuid,
    /// The record.
    pub revision: Revision,
    /// When it was recorded; `None` for the empty registry, which no change leads to.
    pub recorded_at: Option<Timestamp>,
    /// The facts of the record that the verdict depends on, in their order.
    pub facts: Vec<Cause>,
}

/// A fact that changed a verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// The fact.
    pub fact: Fact,
    /// The provider that it is about: itself, or the employer in the job. `None` for any other fact.
    pub provider: Option<ProviderId>,
}

/// The files that a verdict depends on.
struct Files {
    /// Of a prior number, everyone whose credential ever bore it.
    holders: Vec<SpecialistFile>,
    providers: BTreeSet<ProviderId>,
}

impl Snapshot {
    /// Returns the first record after a revision from which on a question about a claim has the verdict that it has at
    /// this revision. At the revision `after` the verdict must be another one.
    pub async fn verdict_change(
        &self,
        after: Revision,
        ask: &Ask<'_>,
        as_of: Day,
        verdict: Verdict,
    ) -> Result<VerdictChange, ReadError> {
        let (provider_id, ask) = (ask.provider_id().map(str::to_owned), ask.without_provider_id());
        self.off_thread(move |snapshot| {
            let by_id = provider_id.as_deref().map(AskProvider::Id);
            let ask = Ask { provider: by_id.or(ask.provider), ..ask };
            snapshot.find_verdict_change(after, &ask, as_of, verdict)
        })
        .await
    }

    /// Like [`Snapshot::verdict_change`]. Reads the disk.
    fn find_verdict_change(
        &self,
        after: Revision,
        ask: &Ask<'_>,
        as_of: Day,
        verdict: Verdict,
    ) -> Result<VerdictChange, ReadError> {
        let files = self.files_behind(ask)?;
        let mut candidates = self.candidates(&files, as_of);
        candidates.retain(|candidate| (after.next()..=self.revision).contains(candidate));
        // The verdict before the first candidate is known: it is the one at `after`.
        let first = candidates.pop_first();
        let mut found = first.ok_or(IndexError::Damaged("a verdict changed without a record"))?;
        for candidate in candidates.into_iter().rev() {
            if self.earlier(candidate.previous()).read_verdict(ask, as_of)? != verdict {
                found = candidate;
                break;
            }
        }
        let changed = self.shared.at(found)?;
        let facts = self.causes(&files, found)?;
        Ok(VerdictChange { epoch: changed.epoch, revision: found, recorded_at: changed.recorded_at, facts })
    }

    /// Returns the files that the answer to a question depends on, at any revision.
    fn files_behind(&self, ask: &Ask<'_>) -> Result<Files, ReadError> {
        let index = &self.shared.index;
        let holders: BTreeSet<_> = match &ask.subject {
            AskSubject::Number(Some(number)) => index.specialist_of_credential(*number)?.into_iter().collect(),
            AskSubject::PriorNumber(Some(prior)) => {
                index.credentials_with_prior(prior)?.into_iter().map(|(_, holder)| holder).collect()
            }
            AskSubject::Number(None) | AskSubject::PriorNumber(None) | AskSubject::Holder(_) => BTreeSet::new(),
        };
        let file = |id| index.specialist_facts(id).map(|facts| SpecialistFile::new(id, facts));
        let holders: Vec<_> = holders.into_iter().map(file).collect::<Result<_, _>>()?;
        let facts = holders.iter().flat_map(SpecialistFile::facts);
        let mut providers: BTreeSet<_> =
            facts.filter_map(|recorded| recorded.fact.starts_job()).map(|(_, employer)| employer.clone()).collect();
        match &ask.provider {
            Some(AskProvider::Id(id)) => providers.extend(id.parse().ok()),
            Some(AskProvider::Identifier(identifier)) => {
                providers.extend(self.shared.identifiers.pin().get(identifier).cloned().unwrap_or_default());
            }
            None => {}
        }
        Ok(Files { holders, providers })
    }

    /// Returns every revision at which a verdict that depends on these files may have changed.
    fn candidates(&self, files: &Files, as_of: Day) -> BTreeSet<Revision> {
        let history = &self.shared.head.load().history;
        let mut candidates: BTreeSet<_> = history.rule_set_changes().chain(history.opened(as_of)).collect();
        let of_holders = files.holders.iter().flat_map(SpecialistFile::facts);
        candidates.extend(of_holders.map(|recorded| recorded.id.revision));
        let providers = self.shared.providers.pin();
        for resident in files.providers.iter().filter_map(|id| providers.get(id)) {
            candidates.extend(resident.file.facts.iter().map(|recorded| recorded.id.revision));
        }
        candidates
    }

    /// Returns the facts of a record that a verdict depends on.
    fn causes(&self, files: &Files, revision: Revision) -> Result<Vec<Cause>, ReadError> {
        let mut causes: Vec<(FactId, Cause)> = Vec::new();
        for Recorded { id, fact, .. } in self.shared.index.registry_facts_of(revision)? {
            causes.push((id, Cause { fact: Fact::Registry(fact), provider: None }));
        }
        for file in &files.holders {
            let reported = file.facts().iter().filter(|recorded| recorded.id.revision == revision);
            causes.extend(reported.map(|Recorded { id, fact, .. }| {
                let provider = file.employer_of(*id).cloned();
                (*id, Cause { fact: Fact::Specialist(file.id, fact.clone()), provider })
            }));
        }
        let providers = self.shared.providers.pin();
        for (id, resident) in files.providers.iter().filter_map(|id| Some((id, providers.get(id)?))) {
            let reported = resident.file.facts.iter().filter(|recorded| recorded.id.revision == revision);
            causes.extend(reported.map(|recorded| {
                let fact = Fact::Provider(id.clone(), recorded.fact.clone());
                (recorded.id, Cause { fact, provider: Some(id.clone()) })
            }));
        }
        causes.sort_unstable_by_key(|(id, _)| *id);
        Ok(causes.into_iter().map(|(_, cause)| cause).collect())
    }
}
