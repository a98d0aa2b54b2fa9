//! Mutations: from a request to a receipt, in the same way for all of them.

use std::time::Duration;

use prost::Message;
use tonic::Status;

use super::decode::Asked;
use super::miss::Miss;
use super::read_audit::{AuditEntry, REFUSED};
use super::redaction::{CallContext, Shown};
use super::searches::SearchTarget;
use super::{Contract, encode, status};
use crate::domain::decide::Rejection;
use crate::domain::id::Revision;
use crate::domain::record::{Change, Foreseen};
use crate::proto::v1;
use crate::proto::v1::change::Change as Of;
use crate::registry::snapshot::Snapshot;
use crate::registry::{Content, Numbers, QueueSlot, Receipt, Resource, Submission, SubmitError};

/// How long a caller should wait before retrying when the writer is busy.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// The outcome in the audit for a command that is only validated.
const DRY_RUN: &str = "DRY_RUN";

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

/// Returns the content of a valid request, for comparison with a repeated one. `write_id` replaces the request's id.
pub(super) fn content<M: Message>(
    message: &mut M,
    asked: &Result<Asked, Rejection>,
    write_id: impl FnOnce(&mut M, String),
) -> Content {
    let Ok(asked) = asked else { return Content::default() };
    let as_sent = message.encode_to_vec();
    write_id(message, asked.request_id.to_string());
    Content::new(as_sent, message.encode_to_vec())
}

impl Contract {
    /// Records a command, unless the rules or the disk refuse it.
    pub(super) async fn submit(
        &self,
        context: &CallContext,
        method: &'static str,
        asked: Result<Asked, Rejection>,
        content: Content,
    ) -> Result<Accepted, Status> {
        self.hand_in(context, method, asked, content, None).await?.await
    }

    /// Queues a command. Commands are decided in the order in which they are queued. The returned future resolves to
    /// the outcome.
    pub(super) async fn hand_in(
        &self,
        context: &CallContext,
        method: &'static str,
        asked: Result<Asked, Rejection>,
        content: Content,
        slot: Option<QueueSlot>,
    ) -> Result<impl Future<Output = Result<Accepted, Status>> + use<>, Status> {
        let Asked { request_id, validate_only, note, command } =
            asked.map_err(|rejection| status::rejected(&rejection))?;
        let about = AuditEntry::of_command(&command.target());
        let name = method.trim_start_matches("/ms.dmh.credential.v1.");
        let snapshot = self.registry.pin_head();
        let search = self.begin_audited_search(context, name, SearchTarget::by_command(&command), &snapshot).await?;
        let reporter = context.caller.reporter();
        let numbers = Numbers::Random;
        let submission = Submission { reporter, method, request_id, content, validate_only, note, command, numbers };
        let handed_in = match self.registry.hand_in(submission, slot).await {
            Ok(handed_in) => handed_in,
            Err(error) => {
                if let Some(search) = search {
                    search.found();
                }
                return Err(refused(&error, request_id));
            }
        };
        let (contract, context) = (self.clone(), context.clone());
        Ok(async move {
            if validate_only {
                let about = AuditEntry { verdict: Some(DRY_RUN), ..about };
                contract.audit_read(&context, name, &contract.registry.pin_head(), about).await?;
            }
            let submitted = handed_in.await;
            let snapshot = contract.registry.pin_head();
            let is_refused = matches!(submitted, Err(SubmitError::Rejected(_)));
            if is_refused && !validate_only && about.is_about_person() {
                contract.audit_read(&context, name, &snapshot, AuditEntry { verdict: Some(REFUSED), ..about }).await?;
            }
            let miss = submitted.as_ref().err().and_then(Miss::of_refusal);
            contract.conclude_search(&context, name, search, &snapshot, miss).await?;
            let receipt =
                submitted.map_err(|error| refused(&with_wire_fact_id(error, &contract.tags()), request_id))?;
            Ok(accepted(context, receipt, validate_only, &snapshot))
        })
    }
}

/// Prepares a receipt for its response, as known at the snapshot.
pub(super) fn accepted(
    context: CallContext,
    mut receipt: Receipt,
    validate_only: bool,
    snapshot: &Snapshot,
) -> Accepted {
    let tags = |revision| Some(encode::epoch_tag(snapshot.epoch_of(revision)));
    let shown = context.redact_receipt(&mut receipt, validate_only);
    Accepted {
        shown,
        employment_count: keep_first_jobs(&mut receipt.resource),
        epoch: snapshot.epoch_of(receipt.revision).to_string(),
        fact_count: count(&receipt.fact_ids),
        fact_ids: receipt.fact_ids.iter().take(FIRST).map(|id| encode::fact_id(*id, &tags)).collect(),
        receipt,
        context,
    }
}

/// Keeps the jobs that are shown, and returns the number of all. Dropping the data of ten thousand jobs takes long, so
/// it is done on the blocking thread pool.
fn keep_first_jobs(resource: &mut Resource) -> u32 {
    let Resource::Employments(jobs) = resource else { return 0 };
    let all = count(jobs);
    if jobs.len() > FIRST {
        let others = jobs.split_off(FIRST);
        drop(tokio::task::spawn_blocking(move || drop(others)));
    }
    all
}

fn count<T>(all: &[T]) -> u32 {
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}

/// Converts the fact id in a NOT_FOUND error to its form on the wire.
fn with_wire_fact_id(error: SubmitError, epochs: encode::EpochTags<'_>) -> SubmitError {
    match error {
        SubmitError::Rejected(Rejection::NotFound { kind: "fact", id }) => {
            let revision = id.split_once('-').and_then(|(revision, _)| revision.parse().ok()).map(Revision);
            let id = revision.and_then(epochs).map_or(id.clone(), |tag| format!("{tag:08x}-{id}"));
            SubmitError::Rejected(Rejection::NotFound { kind: "fact", id })
        }
        other => other,
    }
}

/// Returns the status of a command that was not recorded, or whose outcome is unknown.
pub(super) fn refused(error: &SubmitError, request_id: uuid::Uuid) -> Status {
    match error {
        SubmitError::Rejected(rejection) => status::rejected(rejection),
        SubmitError::RequestIdReused => status::request_id_reused(request_id),
        SubmitError::OtherRights => status::permission_denied(
            "this request was recorded under another role, and the caller's role may not see its receipt",
        ),
        SubmitError::Busy => status::writer_busy(RETRY_AFTER),
        SubmitError::StoreFull => status::store_full(),
        SubmitError::NotWritten => status::not_written(RETRY_AFTER),
        SubmitError::StoreDamaged => status::store_damaged(),
        SubmitError::CalendarHeld(_) => status::calendar_held(),
        SubmitError::OutcomeUnknown => status::outcome_unknown(),
        SubmitError::Read(error) => super::unreadable(error),
    }
}

impl Accepted {
    /// Returns an id; empty if it is not assigned.
    fn assigned(&self, id: String) -> String {
        if self.receipt.unassigned.contains(&id) { String::new() } else { id }
    }

    /// Returns the tags of the epochs for facts on record only: a command that was only validated has no fact ids.
    fn tags(&self, contract: &Contract) -> impl Fn(Revision) -> Option<u32> + use<> {
        let (tags, last) = (contract.tags(), self.receipt.revision);
        move |revision| tags(revision).filter(|_| revision <= last)
    }

    fn change(&self, change: &Change) -> v1::Change {
        let mut change = encode::change(change);
        let id = match &mut change.change {
            Some(Of::Standing(standing)) => &mut standing.credential_number,
            Some(Of::Coverage(coverage)) => &mut coverage.credential_number,
            Some(Of::Designation(designation)) => &mut designation.credential_number,
            Some(Of::Service(service)) => &mut service.provider_id,
            Some(Of::Provider(provider)) => &mut provider.provider_id,
            Some(Of::Records(_)) | None => return change,
        };
        *id = self.assigned(std::mem::take(id));
        change
    }

    pub(super) fn fact_id(&self) -> String {
        self.fact_ids.first().cloned().unwrap_or_default()
    }

    pub(super) fn revision(&self) -> u64 {
        self.receipt.revision.0
    }

    /// Returns the token of the record; empty for a command that was only validated.
    pub(super) fn token(&self) -> String {
        self.receipt.token.map(|token| token.to_string()).unwrap_or_default()
    }

    pub(super) fn change_count(&self) -> u32 {
        self.shown.changes
    }

    pub(super) fn changes(&self) -> Vec<v1::Change> {
        self.receipt.changes.iter().take(FIRST).map(|change| self.change(change)).collect()
    }

    pub(super) fn foreseen_change_count(&self) -> u32 {
        self.shown.foreseen
    }

    pub(super) fn foreseen_changes(&self) -> Vec<v1::Change> {
        self.receipt.foreseen.first.iter().map(|change| self.change(change)).collect()
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
                let encoded = jobs.map(|reported| encode::employment(&reported.person, &reported.job, &tags));
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
            Resource::Fact(recorded) if !self.fact_ids.is_empty() => {
                let fact = encode::fact(recorded, encode::FactRelations::default(), &contract.tags());
                Some(self.context.fact(&recorded.reporter, fact))
            }
            _ => None,
        }
    }
}

impl Accepted {
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
        let assigned = |id: String| if unassigned.contains(&id) { String::new() } else { id };
        match self.receipt.resource {
            Resource::Specialist(person) => outcome.specialist_id = assigned(person.id.to_string()),
            Resource::Credential(timeline) => {
                outcome.specialist_id = timeline.specialist.to_string();
                outcome.credential_number = assigned(timeline.number.to_string());
            }
            Resource::Provider(file) => outcome.provider_id = assigned(file.id.to_string()),
            Resource::Employments(jobs) => match jobs.as_slice() {
                [one] => {
                    outcome.specialist_id = one.person.id.to_string();
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

/// Answers a mutation: decodes the request, submits it, and builds the response from the common fields and the
/// resource. A field after a semicolon is read after the command was accepted.
macro_rules! mutate {
    ($contract:ident, $request:ident, $path:literal, $decode:expr,
     $response:ident { $($resource:ident),+ $(; $read:ident)? }) => {{
        let context = $crate::surface::redaction::context(&$request)?;
        let mut message = $request.into_inner();
        let asked = $decode(&message, &*context.caller);
        message.validate_only = false;
        let content = $crate::surface::mutation::content(&mut message, &asked, |message, id| message.request_id = id);
        let method = concat!("/ms.dmh.credential.v1.", $path);
        let accepted = $contract.submit(&context, method, asked, content).await?;
        Ok(tonic::Response::new(v1::$response {
            $($resource: accepted.$resource($contract),)+
            $($read: accepted.$read($contract).await?,)?
            fact_id: accepted.fact_id(),
            epoch: accepted.epoch.clone(),
            revision: accepted.revision(),
            change_count: accepted.change_count(),
            changes: accepted.changes(),
            foreseen_change_count: accepted.foreseen_change_count(),
            foreseen_changes: accepted.foreseen_changes(),
            specialist_count: accepted.specialist_count(),
            fact_count: accepted.fact_count,
            token: accepted.token(),
            fact_ids: accepted.fact_ids,
        }))
    }};
}
pub(super) use mutate;
