//! EmploymentService: employment reports, and the comparison of staff lists.

use std::pin::Pin;

use futures_util::stream;
use tokio::task::coop::consume_budget;
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::limits::fair;
use super::mutation::mutate;
use super::read_audit::{AuditEntry, PersonId};
use super::redaction::context;
use super::roster::Roster;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::auth::Caller;
use crate::proto::v1;
use crate::proto::v1::employment_service_server::EmploymentService;
use crate::proto::v1::reconcile_roster_request::Kind;
use crate::registry::filters::EmploymentFilter;

#[tonic::async_trait]
impl EmploymentService for Contract {
    async fn report_employment_start(
        &self,
        request: Request<v1::ReportEmploymentStartRequest>,
    ) -> Result<Response<v1::ReportEmploymentStartResponse>, Status> {
        let named = Some(request.get_ref().provider_id.as_str()).filter(|id| !id.is_empty());
        let of_caller = context(&request)?;
        self.permitted(&of_caller, of_caller.refuse_other(named)).await?;
        mutate!(
            self,
            request,
            "EmploymentService/ReportEmploymentStart",
            |message: &v1::ReportEmploymentStartRequest, caller: &Caller| decode::report_employment_start(
                message,
                caller.own_provider()
            ),
            ReportEmploymentStartResponse { employment }
        )
    }

    async fn report_employment_end(
        &self,
        request: Request<v1::ReportEmploymentEndRequest>,
    ) -> Result<Response<v1::ReportEmploymentEndResponse>, Status> {
        mutate!(
            self,
            request,
            "EmploymentService/ReportEmploymentEnd",
            |message: &v1::ReportEmploymentEndRequest, _: &Caller| decode::report_employment_end(message),
            ReportEmploymentEndResponse { employment }
        )
    }

    async fn correct_employment(
        &self,
        request: Request<v1::CorrectEmploymentRequest>,
    ) -> Result<Response<v1::CorrectEmploymentResponse>, Status> {
        mutate!(
            self,
            request,
            "EmploymentService/CorrectEmployment",
            |message: &v1::CorrectEmploymentRequest, _: &Caller| decode::correct_employment(message),
            CorrectEmploymentResponse { employment }
        )
    }

    async fn transfer_employments(
        &self,
        request: Request<v1::TransferEmploymentsRequest>,
    ) -> Result<Response<v1::TransferEmploymentsResponse>, Status> {
        mutate!(
            self,
            request,
            "EmploymentService/TransferEmployments",
            |message: &v1::TransferEmploymentsRequest, _: &Caller| decode::transfer_employments(message),
            TransferEmploymentsResponse { employments, employment_count }
        )
    }

    async fn list_employments(
        &self,
        request: Request<v1::ListEmploymentsRequest>,
    ) -> Result<Response<v1::ListEmploymentsResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let named = Some(request.provider_id.as_str()).filter(|id| !id.is_empty());
        self.permitted(&context, context.refuse_other(named)).await?;
        let asked = decode::list_employments(&request, context.own());
        let (mut filter, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        filter.own_staff_of = context.own_staff_of();
        let page = self.page(&context, &request, known_at).await?;
        let as_of = day_asked(&page.snapshot, "as_of", filter.as_of)?;
        filter.as_of = Some(as_of);
        let window = page.window.clone();
        let id = filter.specialist.map(PersonId::Specialist);
        let about = AuditEntry { id, ..AuditEntry::person(filter.credential, Some(as_of)) };
        let search = page.snapshot.off_thread(move |snapshot| snapshot.employments(&filter, window));
        let found = search.await.map_err(|error| unreadable(&error))?;
        let tags = self.tags();
        let cut = page.cut(found, |(person, job)| encode::employment(person, job, &tags));
        let numbers = cut.entries.iter().map(|(person, _)| person.the_credential().map(|held| held.number));
        self.audit_list(&context, "EmploymentService/ListEmployments", &page.snapshot, about, numbers).await?;
        Ok(Response::new(v1::ListEmploymentsResponse {
            employments: cut.messages,
            next_page_token: cut.next_page_token,
            answer: Some(answer(&page.snapshot, as_of)),
        }))
    }

    type ReconcileRosterStream = Pin<Box<dyn Stream<Item = Result<v1::ReconcileRosterResponse, Status>> + Send>>;

    async fn reconcile_roster(
        &self,
        request: Request<Streaming<v1::ReconcileRosterRequest>>,
    ) -> Result<Response<Self::ReconcileRosterStream>, Status> {
        let context = context(&request)?;
        let mut list = request.into_inner();
        let Some(Kind::Options(options)) = list.message().await?.and_then(|message| message.kind) else {
            return Err(status::invalid_field("options", "required: the first message of the stream"));
        };
        let named = Some(options.provider_id.as_str()).filter(|id| !id.is_empty());
        self.permitted(&context, context.refuse_other(named)).await?;
        let asked = decode::roster_options(&options, context.own());
        let asked = asked.map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(asked.known_at).await?;
        let as_of = day_asked(&snapshot, "as_of", asked.as_of)?;
        // Every job of a list with a mistyped provider would otherwise read as one that was not reported.
        let id = asked.provider.as_str();
        let file = snapshot.provider(id).filter(|file| file.state.row.is_some());
        file.ok_or_else(|| status::not_found("provider", id))?;
        let filter = EmploymentFilter {
            provider: Some(asked.provider),
            as_of: Some(as_of),
            own_staff_of: context.own_staff_of(),
            ..EmploymentFilter::default()
        };
        let search = snapshot.off_thread(move |snapshot| snapshot.all_employments(&filter));
        let jobs = search.await.map_err(|error| unreadable(&error))?;
        let numbers = jobs.iter().map(|(person, _)| person.the_credential().map(|held| held.number));
        self.audit_list(&context, "EmploymentService/ReconcileRoster", &snapshot, AuditEntry::default(), numbers)
            .await?;
        let quota = self.quotas.of(&context.caller.client);
        let mut roster = Roster::of(jobs, self.lists.share())?;
        while let Some(message) = list.message().await? {
            let Some(Kind::Row(row)) = message.kind else {
                return Err(status::invalid_field("row", "required"));
            };
            quota.wait_for_questions(1).await;
            let job = decode::roster_row(&row).map_err(|rejection| status::rejected(&rejection))?;
            roster.take(row, &job)?;
            consume_budget().await;
        }
        let (tags, answer) = (self.tags(), answer(&snapshot, as_of));
        let comparison = snapshot.off_thread(move |_| Ok(roster.compared(tags, answer)));
        let compared = comparison.await.map_err(|error| unreadable(&error))?;
        Ok(Response::new(Box::pin(fair(stream::iter(compared.map(Ok))))))
    }
}
