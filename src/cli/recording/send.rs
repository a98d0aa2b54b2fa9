//! Sending one command by the RPC of its kind. The commands are those of import rows.

use tonic::Status;

use crate::cli::connect::Service;
use crate::cli::message_json::{self, Json};
use crate::proto::v1::import_row::Command;
use crate::proto::v1::{self, Change, FoundSpecialist};

/// How a command is sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// The id of the request.
    pub request_id: &'a str,
    /// Whether to ask only what it would change.
    pub validate_only: bool,
    /// Whether to ask for a signed receipt.
    pub receipt: bool,
}

/// What a command is about, after it.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a command has one")]
pub enum Subject {
    /// A job.
    Employment(v1::Employment),
    /// A credential.
    Credential(v1::Credential),
    /// A person.
    Specialist(v1::Specialist),
    /// A provider.
    Provider(v1::Provider),
    /// The number of jobs that were transferred.
    Jobs(u32),
    /// A fact.
    Fact(v1::Fact),
}

/// The answer to a command.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// What it is about.
    pub subject: Option<Subject>,
    /// The first fact recorded.
    pub fact_id: String,
    /// The epoch of the record.
    pub epoch: String,
    /// The record.
    pub revision: u64,
    /// The number of changes up to today.
    pub change_count: u32,
    /// The first of them.
    pub changes: Vec<Change>,
    /// The number of changes after today.
    pub foreseen_change_count: u32,
    /// The first of them.
    pub foreseen_changes: Vec<Change>,
    /// The number of people whom these change.
    pub specialist_count: u32,
    /// People on file who may be the person that was registered.
    pub duplicates: Vec<FoundSpecialist>,
    /// The signed receipt, if it was asked for.
    pub signed_receipt: String,
    /// The whole response, for programs.
    pub json: Json,
}

impl Receipt {
    /// Whether the registry hides what the command would change: it is a provider's dry run about somebody who is not
    /// its staff. The person is left out then.
    pub fn hides_changes(&self) -> bool {
        matches!(&self.subject, Some(Subject::Employment(job)) if job.specialist_id.is_empty())
    }
}

/// The likely duplicates in a response, if responses of its kind have any.
macro_rules! duplicates {
    ($response:ident) => {
        Vec::new()
    };
    ($response:ident $field:ident) => {
        $response.$field
    };
}

/// Calls the RPC of a command's kind.
macro_rules! call {
    ($service:ident, $sending:ident, $command:ident: $(
        $variant:ident by $module:ident::$client:ident.$method:ident answers $response:literal with $field:ident $subject:ident
            $(, and $duplicates:ident)?
    )+) => {
        match $command {
            $(Command::$variant(request) => {
                let mut request = request.clone();
                request.request_id = $sending.request_id.to_owned();
                request.validate_only = $sending.validate_only;
                request.receipt = $sending.receipt;
                let response = v1::$module::$client::new($service).$method(request).await?.into_inner();
                let json = message_json::of($response, &response);
                Ok(Receipt {
                    duplicates: duplicates!(response $($duplicates)?),
                    subject: Option::from(response.$field).map(Subject::$subject),
                    fact_id: response.fact_id,
                    epoch: response.epoch,
                    revision: response.revision,
                    change_count: response.change_count,
                    changes: response.changes,
                    foreseen_change_count: response.foreseen_change_count,
                    foreseen_changes: response.foreseen_changes,
                    specialist_count: response.specialist_count,
                    signed_receipt: response.signed_receipt,
                    json: json.map_err(|failure| Status::internal(failure.to_string()))?,
                })
            })+
            Command::RecordsBegin(_) | Command::Transferred(_) => {
                Err(Status::unimplemented("this is a row of an import, which has no RPC of its own"))
            }
        }
    };
}

/// Sends a command.
pub async fn send(service: Service, command: &Command, sending: Sending<'_>) -> Result<Receipt, Status> {
    call! { service, sending, command:
        ReportEmploymentStart by employment_service_client::EmploymentServiceClient.report_employment_start
            answers "ReportEmploymentStartResponse" with employment Employment
        ReportEmploymentEnd by employment_service_client::EmploymentServiceClient.report_employment_end
            answers "ReportEmploymentEndResponse" with employment Employment
        CorrectEmployment by employment_service_client::EmploymentServiceClient.correct_employment
            answers "CorrectEmploymentResponse" with employment Employment
        TransferEmployments by employment_service_client::EmploymentServiceClient.transfer_employments
            answers "TransferEmploymentsResponse" with employment_count Jobs
        RegisterProvider by provider_service_client::ProviderServiceClient.register_provider
            answers "RegisterProviderResponse" with provider Provider
        UpdateProvider by provider_service_client::ProviderServiceClient.update_provider
            answers "UpdateProviderResponse" with provider Provider
        RecordQualification by provider_service_client::ProviderServiceClient.record_qualification
            answers "RecordQualificationResponse" with provider Provider
        SuspendProvider by provider_service_client::ProviderServiceClient.suspend_provider
            answers "SuspendProviderResponse" with provider Provider
        CertifyPeerService by provider_service_client::ProviderServiceClient.certify_peer_service
            answers "CertifyPeerServiceResponse" with provider Provider
        SuspendPeerService by provider_service_client::ProviderServiceClient.suspend_peer_service
            answers "SuspendPeerServiceResponse" with provider Provider
        RegisterSpecialist by credential_service_client::CredentialServiceClient.register_specialist
            answers "RegisterSpecialistResponse" with specialist Specialist, and possible_duplicates
        ChangeSpecialistName by credential_service_client::CredentialServiceClient.change_specialist_name
            answers "ChangeSpecialistNameResponse" with specialist Specialist
        RecordDeath by credential_service_client::CredentialServiceClient.record_death
            answers "RecordDeathResponse" with specialist Specialist
        IssueCredential by credential_service_client::CredentialServiceClient.issue_credential
            answers "IssueCredentialResponse" with credential Credential
        RenewCredential by credential_service_client::CredentialServiceClient.renew_credential
            answers "RenewCredentialResponse" with credential Credential
        GrantDesignation by credential_service_client::CredentialServiceClient.grant_designation
            answers "GrantDesignationResponse" with credential Credential
        SuspendCredential by credential_service_client::CredentialServiceClient.suspend_credential
            answers "SuspendCredentialResponse" with credential Credential
        LimitCredential by credential_service_client::CredentialServiceClient.limit_credential
            answers "LimitCredentialResponse" with credential Credential
        GrantInactiveStatus by credential_service_client::CredentialServiceClient.grant_inactive_status
            answers "GrantInactiveStatusResponse" with credential Credential
        RevokeCredential by credential_service_client::CredentialServiceClient.revoke_credential
            answers "RevokeCredentialResponse" with credential Credential
        RecordSurrender by credential_service_client::CredentialServiceClient.record_surrender
            answers "RecordSurrenderResponse" with credential Credential
        RecordRelinquishment by credential_service_client::CredentialServiceClient.record_relinquishment
            answers "RecordRelinquishmentResponse" with credential Credential
        RecordRetirement by credential_service_client::CredentialServiceClient.record_retirement
            answers "RecordRetirementResponse" with credential Credential
        ReinstateCredential by credential_service_client::CredentialServiceClient.reinstate_credential
            answers "ReinstateCredentialResponse" with credential Credential
        SetPriorNumber by credential_service_client::CredentialServiceClient.set_prior_number
            answers "SetPriorNumberResponse" with credential Credential
        EndPeriod by record_service_client::RecordServiceClient.end_period
            answers "EndPeriodResponse" with fact Fact
        RetractFact by record_service_client::RecordServiceClient.retract_fact
            answers "RetractFactResponse" with fact Fact
    }
}
