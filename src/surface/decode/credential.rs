//! Decodes the registrar's commands about credentials.

use super::fields::{Fields, LONGEST_REMARK};
use crate::domain::command::Command;
use crate::domain::day::Period;
use crate::domain::fact::{Act, CredentialPeriodKind, RevocationBasis};
use crate::domain::id::CredentialNumber;
use crate::proto::google::r#type::Date;
use crate::proto::v1;

pub(super) fn renew_credential(request: &v1::RenewCredentialRequest, fields: &mut Fields) -> Option<Command> {
    let credential = fields.id("credential_number", &request.credential_number);
    let effective_from = fields.optional_day("effective_from", request.effective_from);
    let term_last_day = fields.optional_day("term_last_day", request.term_last_day);
    let continuing_education_hours = fields.amount("continuing_education_hours", request.continuing_education_hours);
    Some(Command::RenewCredential {
        credential: credential?,
        effective_from,
        term_last_day,
        continuing_education_hours,
    })
}

pub(super) fn grant_designation(request: &v1::GrantDesignationRequest, fields: &mut Fields) -> Option<Command> {
    let credential = fields.id("credential_number", &request.credential_number);
    let code = fields.enum_value("code", request.code);
    let days = fields.days(request.first_day, request.last_day);
    open(credential, code.map(CredentialPeriodKind::Designation), days)
}

pub(super) fn suspend_credential(request: &v1::SuspendCredentialRequest, fields: &mut Fields) -> Option<Command> {
    let credential = fields.id("credential_number", &request.credential_number);
    let basis = fields.enum_value("basis", request.basis);
    let days = fields.days(request.first_day, request.last_day);
    open(credential, basis.map(CredentialPeriodKind::Suspended), days)
}

pub(super) fn limit_credential(request: &v1::LimitCredentialRequest, fields: &mut Fields) -> Option<Command> {
    let credential = fields.id("credential_number", &request.credential_number);
    let text = fields.recorded_text("text", &request.text, LONGEST_REMARK);
    let days = fields.days(request.first_day, request.last_day);
    open(credential, text.map(CredentialPeriodKind::Limited), days)
}

pub(super) fn grant_inactive_status(request: &v1::GrantInactiveStatusRequest, fields: &mut Fields) -> Option<Command> {
    let credential = fields.id("credential_number", &request.credential_number);
    let days = fields.days(request.first_day, request.last_day);
    open(credential, Some(CredentialPeriodKind::Inactive), days)
}

fn open(
    credential: Option<CredentialNumber>,
    kind: Option<CredentialPeriodKind>,
    days: Option<Period>,
) -> Option<Command> {
    Some(Command::OpenCredentialPeriod { credential: credential?, kind: kind?, days: days? })
}

pub(super) fn revoke_credential(request: &v1::RevokeCredentialRequest, fields: &mut Fields) -> Option<Command> {
    if request.basis == v1::RevocationBasis::LossOfEmployment as i32 {
        let description = "LOSS_OF_EMPLOYMENT is for import only: elsewhere it follows from the employment on record";
        fields.refuse("basis", description);
    }
    import_revocation(request, fields)
}

/// Decodes an imported revocation, which may have either basis.
pub(super) fn import_revocation(request: &v1::RevokeCredentialRequest, fields: &mut Fields) -> Option<Command> {
    let basis = fields.enum_value::<RevocationBasis>("basis", request.basis);
    act(fields, &request.credential_number, basis.map(Act::Revoked), request.effective_from)
}

pub(super) fn record_surrender(request: &v1::RecordSurrenderRequest, fields: &mut Fields) -> Option<Command> {
    act(fields, &request.credential_number, Some(Act::Surrendered), request.effective_from)
}

pub(super) fn record_relinquishment(request: &v1::RecordRelinquishmentRequest, fields: &mut Fields) -> Option<Command> {
    act(fields, &request.credential_number, Some(Act::Relinquished), request.effective_from)
}

pub(super) fn record_retirement(request: &v1::RecordRetirementRequest, fields: &mut Fields) -> Option<Command> {
    act(fields, &request.credential_number, Some(Act::Retired), request.effective_from)
}

pub(super) fn reinstate_credential(request: &v1::ReinstateCredentialRequest, fields: &mut Fields) -> Option<Command> {
    act(fields, &request.credential_number, Some(Act::Reinstated), request.effective_from)
}

pub(super) fn set_prior_number(request: &v1::SetPriorNumberRequest, fields: &mut Fields) -> Option<Command> {
    let credential = fields.id("credential_number", &request.credential_number);
    let prior = fields.prior_number("prior_number", &request.prior_number);
    Some(Command::SetPriorNumber { credential: credential?, prior: prior? })
}

fn act(
    fields: &mut Fields,
    credential_number: &str,
    act: Option<Act>,
    effective_from: Option<Date>,
) -> Option<Command> {
    let credential = fields.id("credential_number", credential_number);
    let effective_from = fields.day("effective_from", effective_from);
    Some(Command::Act { credential: credential?, act: act?, effective_from: effective_from? })
}
