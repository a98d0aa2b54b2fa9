//! A client of the contract, with the calls of this benchmark.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::credential_service_client::CredentialServiceClient;
use cpss_registry::proto::v1::employment_service_client::EmploymentServiceClient;
use cpss_registry::proto::v1::provider_service_client::ProviderServiceClient;
use cpss_registry::proto::v1::record_service_client::RecordServiceClient;
use futures_util::StreamExt as _;
use tonic::transport::{Channel, Endpoint};
use uuid::Uuid;

/// The largest answer: early builds list every job that a transfer begins.
const LARGEST: usize = 256 * 1024 * 1024;

/// The number of calls at once while people are hired.
const AT_ONCE: usize = 64;

fn date(year: i32, month: i32, day: i32) -> Option<Date> {
    Some(Date { year, month, day })
}

fn request_id() -> String {
    Uuid::new_v4().to_string()
}

/// An application that just meets the criteria.
fn application() -> v1::Application {
    v1::Application {
        applied_on: date(2024, 5, 1),
        mississippi_resident: true,
        lived_experience: v1::LivedExperience::Self_.into(),
        recovery_attested: true,
        education: v1::Education::Ged.into(),
        literate: true,
        experience_hours: 120.0,
        experience_within_three_years: true,
        references: 2,
        trainings: vec![v1::Training {
            completed_on: date(2024, 3, 15),
            designation: v1::Designation::AdultAndRecovery.into(),
            hours: 40.0,
            pre_training_completed: true,
        }],
        exam_attempts: vec![v1::ExamAttempt { taken_on: date(2024, 4, 20), score: 80.0 }],
        ..Default::default()
    }
}

#[derive(Clone)]
pub struct Client {
    channel: Channel,
}

impl Client {
    pub async fn connect(address: &str) -> Client {
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Client { channel: endpoint.connect().await.unwrap() }
    }

    /// Registers a provider that qualifies. Returns its id, and the fact of its qualification.
    pub async fn qualified_provider(&self, legal_name: &str) -> (String, String) {
        let mut service = ProviderServiceClient::new(self.channel.clone());
        let request = v1::RegisterProviderRequest {
            request_id: request_id(),
            legal_name: legal_name.to_owned(),
            facility_type: v1::FacilityType::CommunityMentalHealthCenter.into(),
            county: "Hinds".to_owned(),
            ..Default::default()
        };
        let provider = service.register_provider(request).await.unwrap().into_inner().provider.unwrap();
        let request = v1::RecordQualificationRequest {
            request_id: request_id(),
            provider_id: provider.provider_id.clone(),
            basis: v1::QualificationBasis::DmhCertified.into(),
            first_day: date(2023, 1, 1),
            ..Default::default()
        };
        let qualified = service.record_qualification(request).await.unwrap().into_inner();
        (provider.provider_id, qualified.fact_id)
    }

    /// Registers a person. Returns the id.
    pub async fn register(&self) -> String {
        let name = v1::PersonName { given_name: "Example".into(), family_name: "Stone".into(), ..Default::default() };
        let request = v1::RegisterSpecialistRequest {
            request_id: request_id(),
            name: Some(name),
            birth_date: date(1984, 2, 29),
            ..Default::default()
        };
        let mut service = CredentialServiceClient::new(self.channel.clone());
        service.register_specialist(request).await.unwrap().into_inner().specialist.unwrap().specialist_id
    }

    /// Registers people with a job and a credential.
    pub async fn hire(&self, provider: &str, count: usize) {
        let each = futures_util::stream::iter(0..count).map(|_| async {
            let specialist_id = self.register().await;
            let job = v1::ReportEmploymentStartRequest {
                request_id: request_id(),
                person: Some(v1::report_employment_start_request::Person::SpecialistId(specialist_id.clone())),
                provider_id: provider.to_owned(),
                position: "Peer support specialist".to_owned(),
                first_day: date(2024, 1, 8),
                supervised: true,
                birth_date: date(1984, 2, 29),
                ..Default::default()
            };
            EmploymentServiceClient::new(self.channel.clone()).report_employment_start(job).await.unwrap();
            let issue = v1::IssueCredentialRequest {
                request_id: request_id(),
                specialist_id,
                application: Some(application()),
                effective_from: date(2024, 6, 1),
                designations: vec![v1::Designation::AdultAndRecovery.into()],
                ..Default::default()
            };
            CredentialServiceClient::new(self.channel.clone()).issue_credential(issue).await.unwrap();
        });
        each.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    /// Moves a whole staff. Returns the number of people whose answers differ.
    pub async fn transfer(&self, from: &str, to: &str) -> usize {
        let request = v1::TransferEmploymentsRequest {
            request_id: request_id(),
            from_provider_id: from.to_owned(),
            to_provider_id: to.to_owned(),
            last_day: date(2026, 2, 27),
            ..Default::default()
        };
        let mut service = EmploymentServiceClient::new(self.channel.clone()).max_decoding_message_size(LARGEST);
        service.transfer_employments(request).await.unwrap().into_inner().specialist_count as usize
    }

    /// Ends a period. Returns the number of people whose answers differ.
    pub async fn end_period(&self, fact_id: &str) -> usize {
        let request = v1::EndPeriodRequest {
            request_id: request_id(),
            fact_id: fact_id.to_owned(),
            last_day: date(2026, 2, 28),
            reason: "Certification withdrawn".to_owned(),
            ..Default::default()
        };
        let mut service = RecordServiceClient::new(self.channel.clone());
        service.end_period(request).await.unwrap().into_inner().specialist_count as usize
    }
}
