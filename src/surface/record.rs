//! RecordService: amendments, imports, and the facts themselves.

use std::pin::Pin;

use futures_util::future::{Either, ready};
use futures_util::stream::{self, Stream, StreamExt as _};
use tonic::{Code, Request, Response, Status, Streaming};

use super::limits::fair;
use super::miss::Miss;
use super::mutation::{content, mutate};
use super::read_audit::AuditEntry;
use super::redaction::{CallContext, context};
use super::searches::SearchTarget;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::auth::Caller;
use crate::domain::record::RequestKey;
use crate::proto::google::rpc;
use crate::proto::v1;
use crate::proto::v1::import_records_response::Result as Outcome;
use crate::proto::v1::list_facts_request::Subject;
use crate::proto::v1::record_service_server::RecordService;
use crate::registry::search::FiledFact;
use crate::registry::snapshot::KnownAt;

/// The maximum number of rows of an import in progress: enough to keep the disk busy, and few enough that other writers
/// wait only some milliseconds.
const ROWS: usize = 64;

#[tonic::async_trait]
impl RecordService for Contract {
    async fn end_period(
        &self,
        request: Request<v1::EndPeriodRequest>,
    ) -> Result<Response<v1::EndPeriodResponse>, Status> {
        mutate!(
            self,
            request,
            "RecordService/EndPeriod",
            |message: &v1::EndPeriodRequest, _: &Caller| decode::end_period(message, &self.tags()),
            EndPeriodResponse { fact }
        )
    }

    async fn retract_fact(
        &self,
        request: Request<v1::RetractFactRequest>,
    ) -> Result<Response<v1::RetractFactResponse>, Status> {
        mutate!(
            self,
            request,
            "RecordService/RetractFact",
            |message: &v1::RetractFactRequest, _: &Caller| decode::retract_fact(message, &self.tags()),
            RetractFactResponse { fact }
        )
    }

    async fn list_facts(
        &self,
        request: Request<v1::ListFactsRequest>,
    ) -> Result<Response<v1::ListFactsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let (of, known_at) = decode::list_facts(&request).map_err(|rejection| status::rejected(&rejection))?;
        let page = self.page(&context, &request, known_at).await?;
        let only = context.sees_own_facts_only().then(|| context.caller.reporter());
        let window = page.window.clone();
        let target = SearchTarget::by_facts(&of);
        let about = target.map_or_else(AuditEntry::default, |target| target.audit_entry());
        let method = "RecordService/ListFacts";
        let search = self.begin_audited_search(&context, method, target, &page.snapshot).await?;
        let found = page.snapshot.off_thread(move |snapshot| {
            let Some(found) = snapshot.facts(&of, only.as_ref(), &window)? else { return Ok(None) };
            let revisions = found.entries.iter().map(|(id, _)| id.revision).collect();
            Ok(Some((found, snapshot.request_ids(&revisions)?, snapshot.credential_of(&of)?)))
        });
        let found = found.await.map_err(|error| unreadable(&error))?;
        let miss = found.is_none().then_some(Miss::NotFound);
        self.conclude_search(&context, method, search, &page.snapshot, miss).await?;
        let number = found.as_ref().map_or(about.number, |(.., number)| *number);
        self.audit_read(&context, method, &page.snapshot, AuditEntry { number, ..about }).await?;
        let (found, requests, _) = found.ok_or_else(|| not_on_file(request.subject.as_ref()))?;
        let tags = self.tags();
        let cut = page.cut(found, |filed: &FiledFact| {
            let relations = encode::FactRelations {
                request_id: requests.get(&filed.recorded.id.revision).copied(),
                retracted_by: filed.retracted_by,
                job: filed.job.as_ref().map(|(fact, provider)| (*fact, provider)),
            };
            context.fact(&filed.recorded.reporter, encode::fact(&filed.recorded, relations, &tags))
        });
        let today = day_asked(&page.snapshot, "as_of", None)?;
        Ok(Response::new(v1::ListFactsResponse {
            facts: cut.messages,
            next_page_token: cut.next_page_token,
            answer: Some(answer(&page.snapshot, today)),
        }))
    }

    async fn list_review_items(
        &self,
        request: Request<v1::ListReviewItemsRequest>,
    ) -> Result<Response<v1::ListReviewItemsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let after = decode::list_review_items(&request).map_err(|rejection| status::rejected(&rejection))?;
        let page = self.page(&context, &request, KnownAt::Head).await?;
        let after = self.position(after).await?.revision;
        let window = page.window.clone();
        let search = page.snapshot.off_thread(move |snapshot| snapshot.review_items(after, &window));
        let found = search.await.map_err(|error| unreadable(&error))?;
        let tags = self.tags();
        let cut = page.cut(found, |item| encode::review_item(item, &tags));
        let people = cut.entries.iter().flat_map(|item| &item.people);
        let numbers: Vec<_> = people.map(|person| person.credential).collect();
        let method = "RecordService/ListReviewItems";
        self.audit_list(&context, method, &page.snapshot, AuditEntry::default(), numbers).await?;
        let today = day_asked(&page.snapshot, "as_of", None)?;
        Ok(Response::new(v1::ListReviewItemsResponse {
            review_items: cut.messages,
            next_page_token: cut.next_page_token,
            answer: Some(answer(&page.snapshot, today)),
        }))
    }

    async fn list_reads(
        &self,
        request: Request<v1::ListReadsRequest>,
    ) -> Result<Response<v1::ListReadsResponse>, Status> {
        self.reads(request).await
    }

    type ImportRecordsStream = Pin<Box<dyn Stream<Item = Result<v1::ImportRecordsResponse, Status>> + Send>>;

    async fn import_records(
        &self,
        request: Request<Streaming<v1::ImportRecordsRequest>>,
    ) -> Result<Response<Self::ImportRecordsStream>, Status> {
        let context = context(&request)?;
        let rows = stream::unfold(Some((self.clone(), request.into_inner())), move |rows| {
            let context = context.clone();
            async move {
                let (mut contract, mut rows) = rows?;
                match contract.next_row(&mut rows).await.transpose()? {
                    Ok(row) => Some((Either::Left(contract.import(&context, row).await), Some((contract, rows)))),
                    Err(status) => Some((Either::Right(ready(Err(status))), None)),
                }
            }
        });
        let results = rows
            .buffered(ROWS)
            .scan(None, |unrecorded, result| ready(Some(result.map(|result| behind(unrecorded, result)))));
        Ok(Response::new(Box::pin(fair(results))))
    }
}

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
    /// Returns the next row of an import; `None` at the end. Fails if the server drains.
    async fn next_row(
        &mut self,
        rows: &mut Streaming<v1::ImportRecordsRequest>,
    ) -> Result<Option<v1::ImportRow>, Status> {
        let message = tokio::select! {
            biased;
            _ = self.draining.wait_for(|draining| *draining) => return Err(status::draining()),
            message = rows.message() => message.map_err(status::of_transport)?,
        };
        let Some(message) = message else { return Ok(None) };
        message.row.ok_or_else(|| status::invalid_field("row", "required")).map(Some)
    }

    /// Submits a row, like the RPC of the same name. The returned future resolves to the result.
    async fn import(
        &self,
        context: &CallContext,
        mut row: v1::ImportRow,
    ) -> impl Future<Output = Result<v1::ImportRecordsResponse, Status>> + use<> {
        let asked = decode::import_row(&row, &self.tags());
        row.validate_only = false;
        let request_id = row.request_id.clone();
        let content = content(&mut row, &asked, decode::write_row_id);
        let slot = self.registry.queue_slot().await;
        let handed_in = self.hand_in(context, RequestKey::IMPORT, asked, content, slot).await;
        async move {
            let result = match async { handed_in?.await }.await {
                Ok(accepted) => Outcome::Outcome(accepted.import_outcome()),
                Err(error) => Outcome::Error(status::to_rpc_status(&error)),
            };
            Ok(v1::ImportRecordsResponse { request_id, result: Some(result) })
        }
    }
}

fn not_on_file(subject: Option<&Subject>) -> Status {
    match subject {
        Some(Subject::CredentialNumber(id)) => status::not_found("credential", id),
        Some(Subject::SpecialistId(id)) => status::not_found("specialist", id),
        Some(Subject::ProviderId(id)) => status::not_found("provider", id),
        Some(Subject::EmploymentId(id)) => status::not_found("employment", id),
        None => status::invalid_field("subject", "required: one of the four ids"),
    }
}
