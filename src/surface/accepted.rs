//! Accepted commands: what their responses say.

use std::collections::BTreeSet;

use tonic::Status;

use super::redaction::{CallContext, Shown};
use super::{Contract, encode};
use crate::domain::id::{CredentialNumber, Revision};
use crate::domain::record::{Change, Foreseen};
use crate::proto::v1;
use crate::proto::v1::change::Change as Of;
use crate::registry::snapshot::Snapshot;
use crate::registry::{Receipt, ReportedJob, Resource};

/// The number of changes, jobs and fact ids that a response lists; it counts the rest.
pub(super) const FIRST: usize = Foreseen::KEPT;

/// An accepted mutation, with everything that its response needs.
pub(super) struct Accepted {
    receipt: Receipt,
    /// The caller, and what it may see of the receipt.
    context: CallContext,
    shown: Shown,
    pub(super) epoch: String,
    pub(super) fact_count: u32,
    /// The number of jobs that it concerns. The receipt has the first ones.
    employment_count: u32,
    /// The ids of the first facts.
    pub(super) fact_ids: Vec<String>,
}

/// Everything that a command would change, or that a record changed, as far as the caller may see it.
pub(super) struct Impacted {
    pub(super) epoch: String,
    pub(super) revision: Revision,
    pub(super) shown: Shown,
    pub(super) changes: Vec<Change>,
    pub(super) foreseen: Vec<Change>,
    /// The ids that are not assigned.
    pub(super) unassigned: BTreeSet<String>,
    /// A credential that is not on file yet, with the name of its holder.
    pub(super) new: Option<(CredentialNumber, String)>,
}

/// Returns an id; empty if it is not assigned.
fn assigned(id: String, unassigned: &BTreeSet<String>) -> String {
    if unassigned.contains(&id) { String::new() } else { id }
}

/// Encodes a change, without ids that are not assigned.
pub(super) fn change(change: &Change, unassigned: &BTreeSet<String>) -> v1::Change {
    let mut change = encode::change(change);
    let id = match &mut change.change {
        Some(Of::Standing(standing)) => &mut standing.credential_number,
        Some(Of::Coverage(coverage)) => &mut coverage.credential_number,
        Some(Of::Designation(designation)) => &mut designation.credential_number,
        Some(Of::Service(service)) => &mut service.provider_id,
        Some(Of::Provider(provider)) => &mut provider.provider_id,
        Some(Of::Records(_)) | None => return change,
    };
    *id = assigned(std::mem::take(id), unassigned);
    change
}

fn count<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}

impl Accepted {
    /// Removes from a receipt what the caller may not see.
    pub(super) fn redacted(
        mut receipt: Receipt,
        context: CallContext,
        snapshot: &Snapshot,
        validate_only: bool,
    ) -> Accepted {
        let shown = context.redact_receipt(&mut receipt, validate_only);
        let tags = |revision| Some(encode::epoch_tag(snapshot.epoch_of(revision)));
        Accepted {
            shown,
            employment_count: receipt.employment_count,
            epoch: snapshot.epoch_of(receipt.revision).to_string(),
            fact_count: count(&receipt.fact_ids),
            fact_ids: receipt.fact_ids.iter().take(FIRST).map(|id| encode::fact_id(*id, &tags)).collect(),
            receipt,
            context,
        }
    }

    fn assigned(&self, id: String) -> String {
        assigned(id, &self.receipt.unassigned)
    }

    /// Returns the tags of the epochs for facts on record only: a command that was only validated has no fact ids.
    fn tags(&self, contract: &Contract) -> impl Fn(Revision) -> Option<u32> + use<> {
        let (tags, last) = (contract.tags(), self.receipt.revision);
        move |revision| tags(revision).filter(|_| revision <= last)
    }

    pub(super) fn fact_id(&self) -> String {
        self.fact_ids.first().cloned().unwrap_or_default()
    }

    pub(super) fn revision(&self) -> u64 {
        self.receipt.revision.0
    }

    /// The record; for a command that was only validated, the head.
    pub(super) fn record(&self) -> Revision {
        self.receipt.revision
    }

    /// False for a command that was only validated.
    pub(super) fn is_recorded(&self) -> bool {
        !self.fact_ids.is_empty()
    }

    /// The caller.
    pub(super) fn context(&self) -> &CallContext {
        &self.context
    }

    /// Returns the token of the record; empty for a command that was only validated.
    pub(super) fn token(&self) -> String {
        self.receipt.token.map(|token| token.to_string()).unwrap_or_default()
    }

    pub(super) fn change_count(&self) -> u32 {
        self.shown.changes
    }

    pub(super) fn changes(&self) -> Vec<v1::Change> {
        self.receipt.changes.iter().take(FIRST).map(|each| change(each, &self.receipt.unassigned)).collect()
    }

    pub(super) fn foreseen_change_count(&self) -> u32 {
        self.shown.foreseen
    }

    pub(super) fn foreseen_changes(&self) -> Vec<v1::Change> {
        self.receipt.foreseen.first.iter().map(|each| change(each, &self.receipt.unassigned)).collect()
    }

    pub(super) fn specialist_count(&self) -> u32 {
        self.shown.people
    }

    pub(super) fn specialist(&self, _: &Contract) -> Option<v1::Specialist> {
        match &self.receipt.resource {
            Resource::Specialist(person) => {
                let specialist = encode::specialist(person);
                Some(v1::Specialist { specialist_id: self.assigned(specialist.specialist_id), ..specialist })
            }
            _ => None,
        }
    }

    /// Returns the people who may be the person of the command.
    pub(super) async fn possible_duplicates(&self, contract: &Contract) -> Result<Vec<v1::FoundSpecialist>, Status> {
        match &self.receipt.resource {
            Resource::Specialist(person) => {
                contract.possible_duplicates(&self.context, person, self.receipt.revision).await
            }
            _ => Ok(Vec::new()),
        }
    }

    pub(super) fn credential(&self, _: &Contract) -> Option<v1::Credential> {
        match &self.receipt.resource {
            Resource::Credential(timeline) => {
                let credential = encode::credential(timeline, self.receipt.today);
                Some(v1::Credential { credential_number: self.assigned(credential.credential_number), ..credential })
            }
            _ => None,
        }
    }

    pub(super) fn provider(&self, contract: &Contract) -> Option<v1::Provider> {
        match &self.receipt.resource {
            Resource::Provider(file) => {
                let provider = encode::provider(&file.id, &file.state, &self.tags(contract));
                Some(v1::Provider { provider_id: self.assigned(provider.provider_id), ..provider })
            }
            _ => None,
        }
    }

    pub(super) fn employments(&self, contract: &Contract) -> Vec<v1::Employment> {
        match &self.receipt.resource {
            Resource::Employments(jobs) => {
                let tags = self.tags(contract);
                let jobs = jobs.iter().take(FIRST);
                let encoded = jobs.map(|ReportedJob { job, specialist, credential, .. }| {
                    encode::employment_of(*specialist, *credential, job, &tags)
                });
                let with_assigned = |employment: v1::Employment| v1::Employment {
                    employment_id: self.assigned(employment.employment_id),
                    ..employment
                };
                encoded.map(|employment| self.shown.employment(with_assigned(employment))).collect()
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn employment_count(&self, _: &Contract) -> u32 {
        self.employment_count
    }

    pub(super) fn employment(&self, contract: &Contract) -> Option<v1::Employment> {
        self.employments(contract).into_iter().next()
    }

    pub(super) fn fact(&self, contract: &Contract) -> Option<v1::Fact> {
        match &self.receipt.resource {
            Resource::Fact(recorded) => {
                let fact = encode::fact(recorded, encode::FactRelations::default(), &self.tags(contract));
                let fact = self.context.fact(&recorded.reporter, fact);
                // A command that was only validated has no record.
                Some(if self.is_recorded() { fact } else { v1::Fact { revision: 0, recorded_at: None, ..fact } })
            }
            _ => None,
        }
    }
}

impl Accepted {
    /// Returns everything that the command would change.
    pub(super) fn into_impact(self) -> Impacted {
        let Receipt { revision, changes, foreseen, resource, unassigned, .. } = self.receipt;
        let new = match resource {
            Resource::Credential(timeline) => Some((timeline.number, timeline.names.spoken().to_owned())),
            _ => None,
        };
        let new = new.filter(|(number, _)| unassigned.contains(&number.to_string()));
        Impacted { epoch: self.epoch, revision, shown: self.shown, changes, foreseen: foreseen.first, unassigned, new }
    }

    /// Returns the outcome of an import row, with the ids that it concerns.
    pub(super) fn import_outcome(self) -> v1::ImportOutcome {
        let mut outcome = v1::ImportOutcome {
            fact_id: self.fact_id(),
            revision: self.revision(),
            token: self.token(),
            change_count: self.change_count(),
            foreseen_change_count: self.foreseen_change_count(),
            specialist_count: self.specialist_count(),
            fact_count: self.fact_count,
            fact_ids: self.fact_ids,
            epoch: self.epoch,
            ..v1::ImportOutcome::default()
        };
        let unassigned = self.receipt.unassigned;
        let assigned = |id| assigned(id, &unassigned);
        match self.receipt.resource {
            Resource::Specialist(person) => outcome.specialist_id = assigned(person.id.to_string()),
            Resource::Credential(timeline) => {
                outcome.specialist_id = timeline.specialist.to_string();
                outcome.credential_number = assigned(timeline.number.to_string());
            }
            Resource::Provider(file) => outcome.provider_id = assigned(file.id.to_string()),
            Resource::Employments(jobs) => match jobs.as_slice() {
                // A transfer ends a job for each that it begins.
                [one] if self.fact_count == 1 => {
                    outcome.specialist_id = one.specialist.to_string();
                    outcome.provider_id = one.job.provider.to_string();
                    outcome.employment_id = assigned(one.job.employment.to_string());
                }
                several => {
                    let ids = several.iter().take(FIRST).map(|each| assigned(each.job.employment.to_string()));
                    outcome.employment_ids = ids.filter(|id| !id.is_empty()).collect();
                    outcome.employment_count = self.employment_count;
                }
            },
            Resource::Fact(_) | Resource::Registry => {}
        }
        outcome
    }
}
