//! Decodes commands: the fields that all of them have, and one function for each.

use uuid::Uuid;

use super::fields::{Fields, LONGEST_REMARK};
use super::{amendment, credential, employment, issuance, provider, specialist};
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::id::ProviderId;
use crate::proto::v1;
use crate::surface::encode::EpochTags;

/// A decoded command.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The caller's id for the request.
    pub request_id: Uuid,
    /// True if the command is only validated, not recorded.
    pub validate_only: bool,
    /// A note to record with the facts.
    pub note: String,
    /// The command.
    pub command: Command,
}

impl Asked {
    /// Reads the three fields that every command has, and then the command.
    pub(super) fn read(
        request_id: &str,
        validate_only: bool,
        note: &str,
        command: impl FnOnce(&mut Fields) -> Option<Command>,
    ) -> Result<Asked, Rejection> {
        let mut fields = Fields::default();
        let request_id = fields.uuid("request_id", request_id);
        let note = fields.optional_recorded_text("note", note, LONGEST_REMARK);
        let command = command(&mut fields);
        let asked = request_id.zip(command);
        fields.finish(asked.map(|(request_id, command)| Asked { request_id, validate_only, note, command }))
    }
}

/// Defines one function per request: it reads the common fields, and the command with its module's function.
macro_rules! mutations {
    ($($(#[$doc:meta])* $module:ident::$name:ident($request:ident $(, $more:ident: $type:ty)?);)+) => {$(
        $(#[$doc])*
        pub fn $name(request: &v1::$request $(, $more: $type)?) -> Result<Asked, Rejection> {
            Asked::read(&request.request_id, request.validate_only, &request.note, |fields| {
                $module::$name(request, fields $(, $more)?)
            })
        }
    )+};
}

mutations! {
    /// Registers a provider.
    provider::register_provider(RegisterProviderRequest);
    /// Replaces a provider's row.
    provider::update_provider(UpdateProviderRequest);
    /// Records a provider's qualification.
    provider::record_qualification(RecordQualificationRequest);
    /// Suspends a provider.
    provider::suspend_provider(SuspendProviderRequest);
    /// Certifies a provider's peer support service.
    provider::certify_peer_service(CertifyPeerServiceRequest);
    /// Suspends the certification of a peer support service.
    provider::suspend_peer_service(SuspendPeerServiceRequest);
    /// Registers a person.
    specialist::register_specialist(RegisterSpecialistRequest);
    /// Changes a person's name.
    specialist::change_specialist_name(ChangeSpecialistNameRequest);
    /// Records a person's death.
    specialist::record_death(RecordDeathRequest);
    /// Issues a credential.
    issuance::issue_credential(IssueCredentialRequest);
    /// Renews a credential for another term.
    credential::renew_credential(RenewCredentialRequest);
    /// Grants a designation.
    credential::grant_designation(GrantDesignationRequest);
    /// Suspends a credential.
    credential::suspend_credential(SuspendCredentialRequest);
    /// Limits a credential.
    credential::limit_credential(LimitCredentialRequest);
    /// Grants inactive status.
    credential::grant_inactive_status(GrantInactiveStatusRequest);
    /// Revokes a credential as discipline.
    credential::revoke_credential(RevokeCredentialRequest);
    /// Records the surrender of a credential.
    credential::record_surrender(RecordSurrenderRequest);
    /// Records the relinquishment of a credential.
    credential::record_relinquishment(RecordRelinquishmentRequest);
    /// Records the holder's retirement.
    credential::record_retirement(RecordRetirementRequest);
    /// Reinstates a credential.
    credential::reinstate_credential(ReinstateCredentialRequest);
    /// Records the number of an earlier certificate.
    credential::set_prior_number(SetPriorNumberRequest);
    /// Reports the start of a job. `own`: the caller's provider, if the caller is one.
    employment::report_employment_start(ReportEmploymentStartRequest, own: Option<&ProviderId>);
    /// Reports the end of a job.
    employment::report_employment_end(ReportEmploymentEndRequest);
    /// Corrects the days of a job.
    employment::correct_employment(CorrectEmploymentRequest);
    /// Transfers all open jobs from one provider to another.
    employment::transfer_employments(TransferEmploymentsRequest);
    /// Ends a period on another day.
    amendment::end_period(EndPeriodRequest, epochs: EpochTags<'_>);
    /// Retracts a fact.
    amendment::retract_fact(RetractFactRequest, epochs: EpochTags<'_>);
}
