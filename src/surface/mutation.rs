//! Mutations: from a request to a receipt, the same way for all of them.

use std::time::Duration;

use prost::Message;
use tonic::Status;

use super::decode::Asked;
use super::miss::Miss;
use super::read_audit::{Found, REFUSED};
use super::redaction::{Asker, Shown};
use super::searches::Sought;
use super::{Contract, encode, status};
use crate::domain::decide::Rejection;
use crate::domain::id::Revision;
use crate::domain::record::{Change, Foreseen};
use crate::proto::v1;
use crate::proto::v1::change::Change as Of;
use crate::registry::{Content, Numbers, Place, Receipt, Resource, Submission, SubmitError};

/// How long a caller should wait before a busy writer is asked again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// What the audit has in place of a verdict for a command that is only judged.
const DRY_RUN: &str = "DRY_RUN";

/// How much an answer shows of what it counts.
const FIRST: usize = Foreseen::KEPT;

/// A mutation that was accepted, in the words of the wire.
pub(super) struct Accepted {
    receipt: Receipt,
    /// What the caller sees of it.
    asker: Asker,
    shown: Shown,
    pub(super) epoch: String,
    pub(super) fact_count: u32,
    /// How many jobs it is about. The receipt has the first of them.
    employment_count: u32,
    /// The first of them.
    pub(super) fact_ids: Vec<String>,
}

/// What a request asks; nothing of one that is at fault. `write_id` writes its id in another form.
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
    /// Records what was asked, unless the rules or the disk refuse.
    pub(super) async fn submit(
        &self,
        asker: &Asker,
        method: &'static str,
        asked: Result<Asked, Rejection>,
        content: Content,
    ) -> Result<Accepted, Status> {
        self.hand_in(asker, method, asked, content, None).await?.await
    }

    /// Submits a command: what is submitted later is decided later. The future gives the outcome.
    pub(super) async fn hand_in(
        &self,
        asker: &Asker,
        method: &'static str,
        asked: Result<Asked, Rejection>,
        content: Content,
        place: Option<Place>,
    ) -> Result<impl Future<Output = Result<Accepted, Status>> + use<>, Status> {
        let Asked { request_id, validate_only, note, command } =
            asked.map_err(|rejection| status::rejected(&rejection))?;
        let about = Found::of_command(&command.target());
        let name = method.trim_start_matches("/ms.dmh.credential.v1.");
        let snapshot = self.registry.pin_head();
        let search = self.begin_noted_search(asker, name, Sought::by_command(&command), &snapshot).await?;
        let reporter = asker.caller.reporter();
        let numbers = Numbers::Random;
        let submission = Submission { reporter, method, request_id, content, validate_only, note, command, numbers };
        let handed_in = match self.registry.hand_in(submission, place).await {
            Ok(handed_in) => handed_in,
            Err(error) => {
                if let Some(search) = search {
                    search.found();
                }
                return Err(refused(&error, request_id));
            }
        };
        let (contract, asker) = (self.clone(), asker.clone());
        Ok(async move {
            if validate_only {
                let about = Found { verdict: Some(DRY_RUN), ..about };
                contract.note(&asker, name, &contract.registry.pin_head(), about).await?;
            }
            let submitted = handed_in.await;
            let snapshot = contract.registry.pin_head();
            let is_refused = matches!(submitted, Err(SubmitError::Rejected(_)));
            if is_refused && !validate_only && about.is_of_a_person() {
                contract.note(&asker, name, &snapshot, Found { verdict: Some(REFUSED), ..about }).await?;
            }
            let miss = submitted.as_ref().err().and_then(Miss::of_refusal);
            contract.conclude_search(&asker, name, search, &snapshot, miss).await?;
            let tags = |revision| Some(encode::epoch_tag(snapshot.epoch_of(revision)));
            let mut receipt = submitted.map_err(|error| refused(&named(error, &contract.tags()), request_id))?;
            let shown = asker.narrow(&mut receipt, validate_only);
            Ok(Accepted {
                shown,
                employment_count: keep_first_jobs(&mut receipt.resource),
                epoch: snapshot.epoch_of(receipt.revision).to_string(),
                fact_count: count(&receipt.fact_ids),
                fact_ids: receipt.fact_ids.iter().take(FIRST).map(|id| encode::fact_id(*id, &tags)).collect(),
                receipt,
                asker,
            })
        })
    }
}

/// Leaves the jobs that are shown, and says how many there are. To let go of the people of ten thousand jobs takes long,
/// so that is done where no worker is kept from other calls.
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

/// A fact that is not on file, or not the caller's to amend, is named as the wire names facts.
fn named(error: SubmitError, epochs: encode::EpochTags<'_>) -> SubmitError {
    match error {
        SubmitError::Rejected(Rejection::NotFound { kind: "fact", id }) => {
            let revision = id.split_once('-').and_then(|(revision, _)| revision.parse().ok()).map(Revision);
            let id = revision.and_then(epochs).map_or(id.clone(), |tag| format!("{tag:08x}-{id}"));
            SubmitError::Rejected(Rejection::NotFound { kind: "fact", id })
        }
        other => other,
    }
}

/// The status of a command that was not recorded, or of which nobody knows whether it was.
pub(super) fn refused(error: &SubmitError, request_id: uuid::Uuid) -> Status {
    match error {
        SubmitError::Rejected(rejection) => status::rejected(rejection),
        SubmitError::RequestIdReused => status::request_id_reused(request_id),
        SubmitError::OtherRights => status::permission_denied(
            "this request was answered in another role, whose answers are not this one's to see",
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
    /// An id; empty for one that nobody has been given.
    fn assigned(&self, id: String) -> String {
        if self.receipt.unassigned.contains(&id) { String::new() } else { id }
    }

    /// The tags of the epochs, as far as facts are on record: what was only validated has no ids.
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

    /// The token of the record; empty for a command that was only validated.
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
                let fact = encode::fact(recorded, encode::Around::default(), &contract.tags());
                Some(self.asker.fact(&recorded.reporter, fact))
            }
            _ => None,
        }
    }
}

impl Accepted {
    /// What became of a row of an import, with the ids that it touches.
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

/// Answers a mutation: decodes it, submits it, and writes the response that all of them share around the resource.
macro_rules! mutate {
    ($contract:ident, $request:ident, $path:literal, $decode:expr, $response:ident { $($resource:ident),+ }) => {{
        let asker = $crate::surface::redaction::asker(&$request)?;
        let mut message = $request.into_inner();
        let asked = $decode(&message, &*asker.caller);
        message.validate_only = false;
        let content = $crate::surface::mutation::content(&mut message, &asked, |message, id| message.request_id = id);
        let method = concat!("/ms.dmh.credential.v1.", $path);
        let accepted = $contract.submit(&asker, method, asked, content).await?;
        Ok(tonic::Response::new(v1::$response {
            $($resource: accepted.$resource($contract),)+
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
