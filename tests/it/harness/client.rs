//! A client that sends any request of the contract, as any caller, on any day.

use std::fmt::Debug;
use std::net::SocketAddr;

use cpss_registry::proto::v1;
use cpss_registry::registry::token::Token;
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use uuid::Uuid;

use super::over_http::{Codec, OverHttp, Transport};
use super::wait::soon;

/// A client of a registry. Clones share the connection.
#[derive(Clone)]
pub struct Client {
    channel: Transport,
    metadata: Metadata,
}

/// The caller and the day of each call.
#[derive(Clone, Default)]
pub struct Metadata {
    caller: Option<AsciiMetadataValue>,
    today: Option<AsciiMetadataValue>,
    authorization: Option<AsciiMetadataValue>,
}

impl Interceptor for Metadata {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        for (name, value) in
            [("x-dev-caller", &self.caller), ("x-dev-today", &self.today), ("authorization", &self.authorization)]
        {
            if let Some(value) = value {
                request.metadata_mut().insert(name, value.clone());
            }
        }
        Ok(request)
    }
}

/// The transport of the generated clients.
pub type Service = InterceptedService<Transport, Metadata>;

/// A request of the contract with a single response.
pub trait Call: Clone + Send + Sync + 'static {
    /// The response.
    type Response: prost::Message + Debug + Default + Clone + PartialEq + Send;

    /// Sends the request.
    fn send(self, client: &Client) -> impl Future<Output = Result<Self::Response, Status>> + Send;
}

/// A request to record something.
pub trait Mutation: Call<Response: Accepted> {
    /// The same request with `validate_only`.
    #[must_use]
    fn validated_only(self) -> Self;
}

/// What every mutation response contains besides its resource.
pub trait Accepted {
    /// The ids of the facts recorded.
    fn fact_ids(&self) -> &[String];
    /// The epoch and revision of the record.
    fn position(&self) -> (&str, u64);
    /// The read token of the record.
    fn token(&self) -> &str;
    /// The changes up to today: the count, and the first of them.
    fn changes(&self) -> (u32, &[v1::Change]);
    /// The foreseen changes: the count, and the first of them.
    fn foreseen(&self) -> (u32, &[v1::Change]);
    /// The id of the first fact.
    fn fact_id(&self) -> &str;
}

impl Client {
    /// A client of the registry at an address. It connects when first used.
    pub fn connect(address: SocketAddr) -> Client {
        Client::on(Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy())
    }

    /// A client on a channel.
    pub fn on(channel: Channel) -> Client {
        Client { channel: Transport::Grpc(channel), metadata: Metadata::default() }
    }

    /// A client of the HTTP port at an address.
    pub fn over_http(address: SocketAddr, codec: Codec) -> Client {
        let channel = Transport::Http(Box::new(OverHttp::new(address, codec)));
        Client { channel, metadata: Metadata::default() }
    }

    /// The same client, sending a token with every call.
    pub fn with_token(&self, token: &str) -> Client {
        let authorization = Some(format!("Bearer {token}").parse().unwrap());
        Client { channel: self.channel.clone(), metadata: Metadata { authorization, ..self.metadata.clone() } }
    }

    /// The same client as another caller: `registrar`, `certifier`, `provider:ID`, `payer`, `auditor`.
    pub fn calling_as(&self, caller: &str) -> Client {
        let metadata = Metadata { caller: Some(caller.parse().unwrap()), ..self.metadata.clone() };
        Client { channel: self.channel.clone(), metadata }
    }

    /// Whether the caller has this role.
    pub fn is(&self, role: &str) -> bool {
        let caller = self.metadata.caller.as_ref().and_then(|caller| caller.to_str().ok());
        caller.is_some_and(|caller| caller.split(':').next() == Some(role))
    }

    /// The same client, with every call on this civil day.
    pub fn on_day(&self, today: &str) -> Client {
        let metadata = Metadata { today: Some(today.parse().unwrap()), ..self.metadata.clone() };
        Client { channel: self.channel.clone(), metadata }
    }

    /// The transport for generated clients of other services.
    pub fn service(&self) -> Service {
        InterceptedService::new(self.channel.clone(), self.metadata.clone())
    }

    /// Sends a request that may be refused.
    pub async fn call<C: Call>(&self, request: C) -> Result<C::Response, Status> {
        soon(std::any::type_name::<C>(), request.send(self)).await
    }

    /// Sends a request that must succeed.
    pub async fn ask<C: Call>(&self, request: C) -> C::Response {
        self.call(request).await.unwrap_or_else(|status| panic!("{}: {status}", std::any::type_name::<C>()))
    }

    /// Sends a request that must be refused.
    pub async fn refusal<C: Call>(&self, request: C) -> Status {
        match self.call(request).await {
            Err(status) => status,
            Ok(answer) => panic!("{} should have been refused: {answer:?}", std::any::type_name::<C>()),
        }
    }

    /// Sends a mutation that must be accepted. Checks the guarantees of every mutation response.
    pub async fn report<M: Mutation>(&self, request: M) -> M::Response {
        let response = self.ask(request).await;
        let (epoch, revision) = response.position();
        assert!(Uuid::parse_str(epoch).is_ok() && revision > 0, "has an epoch and a revision: {response:?}");
        let token = Token::read(response.token()).map(|token| (token.epoch.to_string(), token.revision.0));
        assert_eq!(token, Some((epoch.to_owned(), revision)), "has their token: {response:?}");
        assert_eq!(response.fact_ids().first().map(String::as_str), Some(response.fact_id()), "fact_ids[0] is fact_id");
        for (count, shown) in [response.changes(), response.foreseen()] {
            let expected = if self.is("certifier") { 0 } else { count.min(100) };
            assert_eq!(shown.len(), expected as usize, "as many changes as there are, up to 100: {response:?}");
        }
        response
    }

    /// Sends a mutation with `validate_only`.
    pub async fn validate<M: Mutation>(&self, request: M) -> M::Response {
        let response = self.ask(request.validated_only()).await;
        assert!(response.fact_ids().is_empty() && response.fact_id().is_empty(), "no fact: {response:?}");
        assert!(response.token().is_empty(), "no token: {response:?}");
        response
    }
}

/// Generates an accessor for the client of each service, and `Call` for each request.
macro_rules! services {
    ($($service:ident: $module:ident::$generated:ident {
        $($method:ident($request:ident) -> $response:ident;)*
    })*) => {
        impl Client {
            $(
                /// The generated client of this service.
                pub fn $service(&self) -> v1::$module::$generated<Service> {
                    v1::$module::$generated::new(self.service())
                }
            )*
        }
        $($(
            impl Call for v1::$request {
                type Response = v1::$response;

                async fn send(self, client: &Client) -> Result<v1::$response, Status> {
                    client.$service().$method(self).await.map(tonic::Response::into_inner)
                }
            }
        )*)*
    };
}

services! {
    verification: verification_service_client::VerificationServiceClient {
        verify_credential(VerifyCredentialRequest) -> VerifyCredentialResponse;
        batch_verify_credentials(BatchVerifyCredentialsRequest) -> BatchVerifyCredentialsResponse;
        check_billing_eligibility(CheckBillingEligibilityRequest) -> CheckBillingEligibilityResponse;
        batch_check_billing_eligibility(BatchCheckBillingEligibilityRequest) -> BatchCheckBillingEligibilityResponse;
        review_eligibility(ReviewEligibilityRequest) -> ReviewEligibilityResponse;
        batch_review_eligibility(BatchReviewEligibilityRequest) -> BatchReviewEligibilityResponse;
        get_credential(GetCredentialRequest) -> GetCredentialResponse;
        list_standing_periods(ListStandingPeriodsRequest) -> ListStandingPeriodsResponse;
    }
    credential: credential_service_client::CredentialServiceClient {
        register_specialist(RegisterSpecialistRequest) -> RegisterSpecialistResponse;
        change_specialist_name(ChangeSpecialistNameRequest) -> ChangeSpecialistNameResponse;
        record_death(RecordDeathRequest) -> RecordDeathResponse;
        evaluate_application(EvaluateApplicationRequest) -> EvaluateApplicationResponse;
        issue_credential(IssueCredentialRequest) -> IssueCredentialResponse;
        renew_credential(RenewCredentialRequest) -> RenewCredentialResponse;
        grant_designation(GrantDesignationRequest) -> GrantDesignationResponse;
        suspend_credential(SuspendCredentialRequest) -> SuspendCredentialResponse;
        limit_credential(LimitCredentialRequest) -> LimitCredentialResponse;
        grant_inactive_status(GrantInactiveStatusRequest) -> GrantInactiveStatusResponse;
        revoke_credential(RevokeCredentialRequest) -> RevokeCredentialResponse;
        record_surrender(RecordSurrenderRequest) -> RecordSurrenderResponse;
        record_relinquishment(RecordRelinquishmentRequest) -> RecordRelinquishmentResponse;
        record_retirement(RecordRetirementRequest) -> RecordRetirementResponse;
        reinstate_credential(ReinstateCredentialRequest) -> ReinstateCredentialResponse;
        find_specialists(FindSpecialistsRequest) -> FindSpecialistsResponse;
        set_prior_number(SetPriorNumberRequest) -> SetPriorNumberResponse;
        list_credentials(ListCredentialsRequest) -> ListCredentialsResponse;
        list_rule_sets(ListRuleSetsRequest) -> ListRuleSetsResponse;
    }
    employment: employment_service_client::EmploymentServiceClient {
        report_employment_start(ReportEmploymentStartRequest) -> ReportEmploymentStartResponse;
        report_employment_end(ReportEmploymentEndRequest) -> ReportEmploymentEndResponse;
        correct_employment(CorrectEmploymentRequest) -> CorrectEmploymentResponse;
        transfer_employments(TransferEmploymentsRequest) -> TransferEmploymentsResponse;
        list_employments(ListEmploymentsRequest) -> ListEmploymentsResponse;
    }
    provider: provider_service_client::ProviderServiceClient {
        register_provider(RegisterProviderRequest) -> RegisterProviderResponse;
        update_provider(UpdateProviderRequest) -> UpdateProviderResponse;
        record_qualification(RecordQualificationRequest) -> RecordQualificationResponse;
        suspend_provider(SuspendProviderRequest) -> SuspendProviderResponse;
        certify_peer_service(CertifyPeerServiceRequest) -> CertifyPeerServiceResponse;
        suspend_peer_service(SuspendPeerServiceRequest) -> SuspendPeerServiceResponse;
        get_provider(GetProviderRequest) -> GetProviderResponse;
        list_providers(ListProvidersRequest) -> ListProvidersResponse;
        get_program_statistics(GetProgramStatisticsRequest) -> GetProgramStatisticsResponse;
    }
    record: record_service_client::RecordServiceClient {
        end_period(EndPeriodRequest) -> EndPeriodResponse;
        retract_fact(RetractFactRequest) -> RetractFactResponse;
        list_facts(ListFactsRequest) -> ListFactsResponse;
        list_reads(ListReadsRequest) -> ListReadsResponse;
        list_review_items(ListReviewItemsRequest) -> ListReviewItemsResponse;
    }
    change: change_service_client::ChangeServiceClient {
        list_changes(ListChangesRequest) -> ListChangesResponse;
    }
    operations: operations_service_client::OperationsServiceClient {
        get_status(GetStatusRequest) -> GetStatusResponse;
        get_caller(GetCallerRequest) -> GetCallerResponse;
    }
    log: log_service_client::LogServiceClient {
        get_checkpoint(GetCheckpointRequest) -> GetCheckpointResponse;
        get_inclusion_proof(GetInclusionProofRequest) -> GetInclusionProofResponse;
        get_consistency_proof(GetConsistencyProofRequest) -> GetConsistencyProofResponse;
        get_signing_keys(GetSigningKeysRequest) -> GetSigningKeysResponse;
    }
}

/// Implements `Mutation` for each request that records facts.
macro_rules! mutations {
    ($($request:ident -> $response:ident,)*) => {$(
        impl Mutation for v1::$request {
            fn validated_only(self) -> Self {
                v1::$request { validate_only: true, ..self }
            }
        }

        impl Accepted for v1::$response {
            fn fact_ids(&self) -> &[String] {
                &self.fact_ids
            }

            fn position(&self) -> (&str, u64) {
                (&self.epoch, self.revision)
            }

            fn token(&self) -> &str {
                &self.token
            }

            fn changes(&self) -> (u32, &[v1::Change]) {
                (self.change_count, &self.changes)
            }

            fn foreseen(&self) -> (u32, &[v1::Change]) {
                (self.foreseen_change_count, &self.foreseen_changes)
            }

            fn fact_id(&self) -> &str {
                &self.fact_id
            }
        }
    )*};
}

mutations! {
    RegisterSpecialistRequest -> RegisterSpecialistResponse,
    ChangeSpecialistNameRequest -> ChangeSpecialistNameResponse,
    RecordDeathRequest -> RecordDeathResponse,
    IssueCredentialRequest -> IssueCredentialResponse,
    RenewCredentialRequest -> RenewCredentialResponse,
    GrantDesignationRequest -> GrantDesignationResponse,
    SuspendCredentialRequest -> SuspendCredentialResponse,
    LimitCredentialRequest -> LimitCredentialResponse,
    GrantInactiveStatusRequest -> GrantInactiveStatusResponse,
    RevokeCredentialRequest -> RevokeCredentialResponse,
    RecordSurrenderRequest -> RecordSurrenderResponse,
    RecordRelinquishmentRequest -> RecordRelinquishmentResponse,
    RecordRetirementRequest -> RecordRetirementResponse,
    ReinstateCredentialRequest -> ReinstateCredentialResponse,
    SetPriorNumberRequest -> SetPriorNumberResponse,
    ReportEmploymentStartRequest -> ReportEmploymentStartResponse,
    ReportEmploymentEndRequest -> ReportEmploymentEndResponse,
    CorrectEmploymentRequest -> CorrectEmploymentResponse,
    TransferEmploymentsRequest -> TransferEmploymentsResponse,
    RegisterProviderRequest -> RegisterProviderResponse,
    UpdateProviderRequest -> UpdateProviderResponse,
    RecordQualificationRequest -> RecordQualificationResponse,
    SuspendProviderRequest -> SuspendProviderResponse,
    CertifyPeerServiceRequest -> CertifyPeerServiceResponse,
    SuspendPeerServiceRequest -> SuspendPeerServiceResponse,
    EndPeriodRequest -> EndPeriodResponse,
    RetractFactRequest -> RetractFactResponse,
}
