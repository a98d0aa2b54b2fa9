//! Mutations: from a request to a receipt, in the same way for all of them.

use std::time::Duration;

use futures_util::future::Either;
use prost::Message;
use tonic::Status;

use super::accepted::{Accepted, Impacted};
use super::decode::Asked;
use super::miss::Miss;
use super::read_audit::{AuditEntry, REFUSED};
use super::redaction::CallContext;
use super::searches::SearchTarget;
use super::{Contract, encode, status};
use crate::domain::decide::Rejection;
use crate::domain::id::Revision;
use crate::registry::{Content, Numbers, QueueSlot, Submission, SubmitError};

/// How long a caller should wait before retrying when the writer is busy.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// The outcome in the audit for a command that is only validated.
const DRY_RUN: &str = "DRY_RUN";

/// What a command is handed in for.
pub(super) enum Purpose {
    /// To record it, unless it is only validated. A bulk caller holds a queue slot.
    Record(Content, Option<QueueSlot>),
    /// To return everything that it would change.
    Preview,
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
        self.hand_in(context, method, asked, Purpose::Record(content, None)).await?.await
    }

    /// Decides a command without recording it, and returns everything that it would change.
    pub(super) async fn preview(
        &self,
        context: &CallContext,
        method: &'static str,
        asked: Result<Asked, Rejection>,
    ) -> Result<Impacted, Status> {
        Ok(self.hand_in(context, method, asked, Purpose::Preview).await?.await?.into_impact())
    }

    /// Queues a command. Commands are decided in the order in which they are queued. The returned future resolves to
    /// the outcome.
    pub(super) async fn hand_in(
        &self,
        context: &CallContext,
        method: &'static str,
        asked: Result<Asked, Rejection>,
        purpose: Purpose,
    ) -> Result<impl Future<Output = Result<Accepted, Status>> + use<>, Status> {
        let Asked { request_id, validate_only, note, command } =
            asked.map_err(|rejection| status::rejected(&rejection))?;
        let about = AuditEntry::of_command(&command.target());
        let name = method.trim_start_matches("/ms.dmh.credential.v1.");
        let snapshot = self.registry.pin_head();
        let search = self.begin_audited_search(context, name, SearchTarget::by_command(&command), &snapshot).await?;
        let reporter = context.caller.reporter();
        let numbers = Numbers::Random;
        let submission =
            |content| Submission { reporter, method, request_id, content, validate_only, note, command, numbers };
        let handed_in = match purpose {
            Purpose::Record(content, slot) => self.registry.hand_in(submission(content), slot).await.map(Either::Left),
            Purpose::Preview => self.registry.preview(submission(Content::default())).await.map(Either::Right),
        };
        let handed_in = match handed_in {
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
            Ok(Accepted::redacted(receipt, context, &snapshot, validate_only))
        })
    }
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
        SubmitError::Log(trouble) => status::shared_log::log_trouble(trouble, RETRY_AFTER),
        SubmitError::StoreDamaged => status::store_damaged(),
        SubmitError::CalendarHeld(_) => status::calendar_held(),
        SubmitError::OutcomeUnknown => status::outcome_unknown(),
        SubmitError::Read(error) => super::unreadable(error),
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
        let signer = $contract.signer("receipt", std::mem::take(&mut message.receipt) && !message.validate_only)?;
        message.validate_only = false;
        let content = $crate::surface::mutation::content(&mut message, &asked, |message, id| message.request_id = id);
        let method = concat!("/ms.dmh.credential.v1.", $path);
        let accepted = $contract.submit(&context, method, asked, content).await?;
        let signed_receipt = accepted.signed_receipt($contract, signer, $path).await?;
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
            signed_receipt,
            fact_ids: accepted.fact_ids,
        }))
    }};
}
pub(super) use mutate;
