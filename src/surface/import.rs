//! Imports: a stream of rows, each of which is one command.

use std::future::ready;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{Stream, StreamExt as _};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Status, Streaming};
use uuid::Uuid;

use super::accepted::{Accepted, FIRST};
use super::limits::fair;
use super::mutation::{Purpose, content, refused};
use super::read_audit::{AuditEntry, PersonId, REFUSED};
use super::redaction::CallContext;
use super::{Contract, decode, encode, status};
use crate::domain::record::RequestKey;
use crate::proto::google::rpc;
use crate::proto::v1;
use crate::proto::v1::import_records_response::Result as Outcome;
use crate::registry::Resource;

/// The method, in the audit.
const METHOD: &str = "RecordService/ImportRecords";

/// The maximum number of rows of an import that wait for the writer, and as many whose results wait for the client:
/// enough to keep the disk busy, and few enough that other writers wait only some milliseconds.
const ROWS: usize = 128;

/// Once an import row fails because the disk is full or the registry is unavailable, rows already in flight behind it
/// get the same error, because their validation may depend on the missing row.
fn behind(unrecorded: &mut Option<rpc::Status>, mut response: v1::ImportRecordsResponse) -> v1::ImportRecordsResponse {
    if let Some(Outcome::Error(error)) = &mut response.result {
        match (Code::from(error.code), unrecorded.as_ref()) {
            (Code::ResourceExhausted | Code::Unavailable, _) => *unrecorded = Some(error.clone()),
            (Code::InvalidArgument, _) | (_, None) => {}
            (_, Some(earlier)) => *error = earlier.clone(),
        }
    }
    response
}

impl Contract {
    /// Decides the rows of an import in the order in which they arrive. Returns their results in the same order.
    ///
    /// A task of its own takes the rows: while the client does not read, the stream of results is not polled, and must
    /// not be what waits for a queue slot.
    pub(super) fn import(
        &self,
        context: CallContext,
        rows: Streaming<v1::ImportRecordsRequest>,
    ) -> impl Stream<Item = Result<v1::ImportRecordsResponse, Status>> + Send + use<> {
        let (sender, results) = mpsc::channel(ROWS);
        tokio::spawn(self.clone().take_rows(context, rows, sender));
        let results = ReceiverStream::new(results)
            .buffered(ROWS)
            .scan(None, |unrecorded, result| ready(Some(result.map(|result| behind(unrecorded, result)))));
        fair(results)
    }

    /// Hands the rows of an import to the writer, and passes on their results, until the client has left.
    async fn take_rows(
        mut self,
        context: CallContext,
        mut rows: Streaming<v1::ImportRecordsRequest>,
        results: mpsc::Sender<BoxFuture<'static, Result<v1::ImportRecordsResponse, Status>>>,
    ) {
        while let Ok(place) = results.reserve().await {
            match self.next_row(&mut rows).await {
                Ok(Some(row)) => place.send(self.import_row(&context, row).await.boxed()),
                Ok(None) => return,
                Err(status) => return place.send(ready(Err(status)).boxed()),
            }
        }
    }

    /// Returns the next row of an import; `None` at the end. Fails if the server drains.
    async fn next_row(
        &mut self,
        rows: &mut Streaming<v1::ImportRecordsRequest>,
    ) -> Result<Option<v1::ImportRow>, Status> {
        let message = tokio::select! {
            biased;
            _ = self.draining.wait_for(|draining| *draining) => return Err(status::draining()),
            message = rows.message() => message.map_err(status::transport::of_transport)?,
        };
        let Some(message) = message else { return Ok(None) };
        message.row.ok_or_else(|| status::invalid_field("row", "required")).map(Some)
    }

    /// Submits a row, like the RPC of the same name. The returned future resolves to the result.
    async fn import_row(
        &self,
        context: &CallContext,
        mut row: v1::ImportRow,
    ) -> impl Future<Output = Result<v1::ImportRecordsResponse, Status>> + use<> {
        let known = self.catch_up_with(decode::fact_of_row(&row)).await;
        let asked = decode::import_row(&row, &self.tags());
        let validate_only = std::mem::take(&mut row.validate_only);
        let request_id = row.request_id.clone();
        let content = content(&mut row, &asked, decode::write_row_id);
        let slot = self.registry.queue_slot().await;
        let handed_in = match known {
            Ok(()) => self.hand_in(context, RequestKey::IMPORT, asked, Purpose::Record(content, slot)).await,
            Err(refusal) => Err(refusal),
        };
        let (contract, context) = (self.clone(), context.clone());
        async move {
            let (mut imported_earlier, result) = (None, Box::pin(async { handed_in?.await }).await);
            if !validate_only && result.as_ref().is_err_and(|refusal| refusal.code() == Code::AlreadyExists) {
                imported_earlier = contract.imported_earlier(context, &request_id).await?;
            }
            let result = Some(match result {
                Ok(accepted) => Outcome::Outcome(accepted.import_outcome()),
                Err(error) => Outcome::Error(status::to_rpc_status(&error)),
            });
            Ok(v1::ImportRecordsResponse { request_id, result, imported_earlier })
        }
    }

    /// Returns what an earlier row with this id recorded; `None` if there is none. A row that repeats an earlier one
    /// gets its outcome again, so a refused row whose id is on record has other content.
    async fn imported_earlier(
        &self,
        context: CallContext,
        request_id: &str,
    ) -> Result<Option<v1::ImportedEarlier>, Status> {
        let Ok(id) = Uuid::parse_str(request_id) else { return Ok(None) };
        let imported = self.registry.imported(id).await.map_err(|error| refused(&error, id))?;
        let Some((record, receipt)) = imported else { return Ok(None) };
        let snapshot = self.registry.pin_head();
        let about = AuditEntry { verdict: Some(REFUSED), ..about(&receipt.resource) };
        if about.is_about_person() {
            self.audit_read(&context, METHOD, &snapshot, about).await?;
        }
        let tags = self.tags();
        let relations = encode::FactRelations { request_id: Some(id), ..encode::FactRelations::default() };
        let facts = record.recorded_facts().take(FIRST);
        let facts = facts.map(|fact| context.fact(&record.reporter, encode::fact(&fact, relations, &tags))).collect();
        let outcome = Accepted::redacted(receipt, context, &snapshot, false).import_outcome();
        Ok(Some(v1::ImportedEarlier { outcome: Some(outcome), facts }))
    }
}

/// The person that a resource is about, for the audit.
fn about(resource: &Resource) -> AuditEntry {
    match resource {
        Resource::Specialist(person) => AuditEntry::named(PersonId::Specialist(person.id)),
        Resource::Credential(timeline) => AuditEntry::person(Some(timeline.number), None),
        Resource::Employments(jobs) => jobs
            .first()
            .map_or_else(AuditEntry::default, |job| AuditEntry::named(PersonId::Employment(job.job.employment))),
        Resource::Fact(recorded) => AuditEntry::named(PersonId::Fact(recorded.id)),
        Resource::Provider(_) | Resource::Registry => AuditEntry::default(),
    }
}
