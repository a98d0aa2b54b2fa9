//! Requests to record something: what all of them have in common, and one function for each.

use uuid::Uuid;

use super::fields::{Fields, LONGEST_REMARK};
use super::{amendment, credential, employment, issuance, provider, specialist};
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::id::ProviderId;
use crate::proto::v1;
use crate::surface::encode::EpochTags;

/// A request to record something, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The caller's id for it.
    pub request_id: Uuid,
    /// Whether it is to be judged only.
    pub validate_only: bool,
    /// A remark to keep with the facts.
    pub note: String,
    /// What is asked for.
    pub command: Command,
}

impl Asked {
    /// Reads the three fields that every such request has, and then its command.
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

/// A function for each request: the common fields, and the command as its module reads it.
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
    /// A provider comes on file.
    provider::register_provider(RegisterProviderRequest);
    /// A provider's row is replaced.
    provider::update_provider(UpdateProviderRequest);
    /// A provider qualifies.
    provider::record_qualification(RecordQualificationRequest);
    /// A provider is suspended.
    provider::suspend_provider(SuspendProviderRequest);
    /// A provider's peer support service is certified.
    provider::certify_peer_service(CertifyPeerServiceRequest);
    /// That certification is suspended.
    provider::suspend_peer_service(SuspendPeerServiceRequest);
    /// A person comes on file.
    specialist::register_specialist(RegisterSpecialistRequest);
    /// A person has another name.
    specialist::change_specialist_name(ChangeSpecialistNameRequest);
    /// A person died.
    specialist::record_death(RecordDeathRequest);
    /// A credential is issued.
    issuance::issue_credential(IssueCredentialRequest);
    /// A credential gets a further term.
    credential::renew_credential(RenewCredentialRequest);
    /// A designation is granted.
    credential::grant_designation(GrantDesignationRequest);
    /// A credential is suspended.
    credential::suspend_credential(SuspendCredentialRequest);
    /// A credential is limited.
    credential::limit_credential(LimitCredentialRequest);
    /// Inactive status is granted.
    credential::grant_inactive_status(GrantInactiveStatusRequest);
    /// A credential is revoked as discipline.
    credential::revoke_credential(RevokeCredentialRequest);
    /// A credential was surrendered.
    credential::record_surrender(RecordSurrenderRequest);
    /// A credential was relinquished.
    credential::record_relinquishment(RecordRelinquishmentRequest);
    /// The holder retired.
    credential::record_retirement(RecordRetirementRequest);
    /// A credential is held again.
    credential::reinstate_credential(ReinstateCredentialRequest);
    /// A job began. `own` is the provider that the caller is, if it is one.
    employment::report_employment_start(ReportEmploymentStartRequest, own: Option<&ProviderId>);
    /// A job ended.
    employment::report_employment_end(ReportEmploymentEndRequest);
    /// A job had other days all along.
    employment::correct_employment(CorrectEmploymentRequest);
    /// All open jobs move from one provider to another.
    employment::transfer_employments(TransferEmploymentsRequest);
    /// A period ends on another day.
    amendment::end_period(EndPeriodRequest, epochs: EpochTags<'_>);
    /// A fact is withdrawn.
    amendment::retract_fact(RetractFactRequest, epochs: EpochTags<'_>);
}
