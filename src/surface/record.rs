//! RecordService: amendments, and the facts themselves. Imports are in `import`.

use std::pin::Pin;

use futures_util::stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::impact::ImpactStream;
use super::miss::Miss;
use super::mutation::mutate;
use super::read_audit::AuditEntry;
use super::redaction::context;
use super::searches::SearchTarget;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::auth::Caller;
use crate::proto::v1;
use crate::proto::v1::list_facts_request::Subject;
use crate::proto::v1::record_service_server::RecordService;
use crate::registry::search::FiledFact;
use crate::registry::snapshot::KnownAt;

#[tonic::async_trait]
impl RecordService for Contract {
    async fn end_period(
        &self,
        request: Request<v1::EndPeriodRequest>,
    ) -> Result<Response<v1::EndPeriodResponse>, Status> {
        self.catch_up_with(&request.get_ref().fact_id).await?;
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
        self.catch_up_with(&request.get_ref().fact_id).await?;
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

    type PreviewImpactStream = ImpactStream;

    async fn preview_impact(
        &self,
        request: Request<v1::PreviewImpactRequest>,
    ) -> Result<Response<Self::PreviewImpactStream>, Status> {
        Box::pin(self.impact(request)).await
    }

    type ImportRecordsStream = Pin<Box<dyn Stream<Item = Result<v1::ImportRecordsResponse, Status>> + Send>>;

    async fn import_records(
        &self,
        request: Request<Streaming<v1::ImportRecordsRequest>>,
    ) -> Result<Response<Self::ImportRecordsStream>, Status> {
        let context = context(&request)?;
        Ok(Response::new(Box::pin(self.import(context, request.into_inner()))))
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
