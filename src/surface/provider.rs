//! ProviderService: what the Division of Certification records about providers, and queries about them.

use tokio::task::yield_now;
use tonic::{Request, Response, Status};

use super::mutation::mutate;
use super::redaction::context;
use super::{Contract, answer, day_asked, decode, encode, status, unreadable};
use crate::auth::Caller;
use crate::proto::v1;
use crate::proto::v1::provider_service_server::ProviderService;
use crate::registry::search::FacilityCount;

#[tonic::async_trait]
impl ProviderService for Contract {
    async fn register_provider(
        &self,
        request: Request<v1::RegisterProviderRequest>,
    ) -> Result<Response<v1::RegisterProviderResponse>, Status> {
        mutate!(
            self,
            request,
            "ProviderService/RegisterProvider",
            |message: &v1::RegisterProviderRequest, _: &Caller| decode::register_provider(message),
            RegisterProviderResponse { provider }
        )
    }

    async fn update_provider(
        &self,
        request: Request<v1::UpdateProviderRequest>,
    ) -> Result<Response<v1::UpdateProviderResponse>, Status> {
        mutate!(
            self,
            request,
            "ProviderService/UpdateProvider",
            |message: &v1::UpdateProviderRequest, _: &Caller| decode::update_provider(message),
            UpdateProviderResponse { provider }
        )
    }

    async fn record_qualification(
        &self,
        request: Request<v1::RecordQualificationRequest>,
    ) -> Result<Response<v1::RecordQualificationResponse>, Status> {
        mutate!(
            self,
            request,
            "ProviderService/RecordQualification",
            |message: &v1::RecordQualificationRequest, _: &Caller| decode::record_qualification(message),
            RecordQualificationResponse { provider }
        )
    }

    async fn suspend_provider(
        &self,
        request: Request<v1::SuspendProviderRequest>,
    ) -> Result<Response<v1::SuspendProviderResponse>, Status> {
        mutate!(
            self,
            request,
            "ProviderService/SuspendProvider",
            |message: &v1::SuspendProviderRequest, _: &Caller| decode::suspend_provider(message),
            SuspendProviderResponse { provider }
        )
    }

    async fn certify_peer_service(
        &self,
        request: Request<v1::CertifyPeerServiceRequest>,
    ) -> Result<Response<v1::CertifyPeerServiceResponse>, Status> {
        mutate!(
            self,
            request,
            "ProviderService/CertifyPeerService",
            |message: &v1::CertifyPeerServiceRequest, _: &Caller| decode::certify_peer_service(message),
            CertifyPeerServiceResponse { provider }
        )
    }

    async fn suspend_peer_service(
        &self,
        request: Request<v1::SuspendPeerServiceRequest>,
    ) -> Result<Response<v1::SuspendPeerServiceResponse>, Status> {
        mutate!(
            self,
            request,
            "ProviderService/SuspendPeerService",
            |message: &v1::SuspendPeerServiceRequest, _: &Caller| decode::suspend_peer_service(message),
            SuspendPeerServiceResponse { provider }
        )
    }

    async fn get_provider(
        &self,
        request: Request<v1::GetProviderRequest>,
    ) -> Result<Response<v1::GetProviderResponse>, Status> {
        let request = request.into_inner();
        let asked = decode::get_provider(&request);
        let (id, as_of, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(known_at).await?;
        let as_of = day_asked(&snapshot, "as_of", as_of)?;
        let file = snapshot.provider(id.as_str()).filter(|file| file.state.row.is_some());
        let file = file.ok_or_else(|| status::not_found("provider", &request.provider_id))?;
        let on = file.timeline.days.at(as_of);
        Ok(Response::new(v1::GetProviderResponse {
            provider: Some(encode::provider(&file.id, &file.state, &self.tags())),
            qualifies: on.qualifies,
            suspended: on.suspended,
            service: encode::WireEnum::number(on.service),
            answer: Some(answer(&snapshot, as_of)),
        }))
    }

    async fn list_providers(
        &self,
        request: Request<v1::ListProvidersRequest>,
    ) -> Result<Response<v1::ListProvidersResponse>, Status> {
        let context = context(&request)?;
        let request = request.into_inner();
        let asked = decode::list_providers(&request);
        let (filter, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let page = self.page(&context, &request, known_at).await?;
        let malformed = filter.identifier.as_ref().and_then(|identifier| Some((identifier, identifier.fault()?)));
        if let Some((identifier, fault)) = malformed
            && page.snapshot.provider_with(identifier).is_none()
        {
            return Err(status::invalid_field("identifier.value", fault));
        }
        let window = page.window.clone();
        let search = page.snapshot.off_thread(move |snapshot| snapshot.providers_matching(&filter, window));
        let matching = search.await.map_err(|error| unreadable(&error))?;
        let tags = self.tags();
        let cut = page.cut(matching, |file| encode::provider(&file.id, &file.state, &tags));
        yield_now().await;
        let today = day_asked(&page.snapshot, "as_of", None)?;
        Ok(Response::new(v1::ListProvidersResponse {
            providers: cut.messages,
            next_page_token: cut.next_page_token,
            answer: Some(answer(&page.snapshot, today)),
        }))
    }

    async fn get_program_statistics(
        &self,
        request: Request<v1::GetProgramStatisticsRequest>,
    ) -> Result<Response<v1::GetProgramStatisticsResponse>, Status> {
        let request = request.into_inner();
        let asked = decode::get_program_statistics(&request);
        let (as_of, known_at) = asked.map_err(|rejection| status::rejected(&rejection))?;
        let snapshot = self.pin_at(known_at).await?;
        let as_of = day_asked(&snapshot, "as_of", as_of)?;
        let count = snapshot.off_thread(move |snapshot| snapshot.program_statistics(as_of));
        let counts = count.await.map_err(|error| unreadable(&error))?;
        let total = counts.iter().fold(FacilityCount::default(), |total, (_, count)| FacilityCount {
            providers: total.providers + count.providers,
            with_specialist: total.with_specialist + count.with_specialist,
        });
        Ok(Response::new(v1::GetProgramStatisticsResponse {
            rows: counts.iter().map(|(kind, count)| statistics(encode::WireEnum::number(*kind), *count)).collect(),
            total: Some(statistics(0, total)),
            answer: Some(answer(&snapshot, as_of)),
        }))
    }
}

fn statistics(facility_type: i32, count: FacilityCount) -> v1::FacilityTypeStatistics {
    let percentage =
        if count.providers == 0 { 0.0 } else { f64::from(count.with_specialist) * 100.0 / f64::from(count.providers) };
    v1::FacilityTypeStatistics {
        facility_type,
        provider_count: count.providers,
        provider_with_specialist_count: count.with_specialist,
        percentage,
    }
}
