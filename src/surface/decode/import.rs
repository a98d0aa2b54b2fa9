//! Decodes import rows: each contains one command, which is decoded like the RPC of the same name. The commands of
//! PreviewImpact have the same form.

use uuid::Uuid;

use super::fields::Fields;
use super::mutation::Asked;
use super::{amendment, credential, employment, issuance, provider, specialist};
use crate::domain::command::Command;
use crate::domain::decide::Rejection;
use crate::domain::id::ProviderId;
use crate::proto::v1;
use crate::proto::v1::import_row::Command as Row;
use crate::surface::encode::EpochTags;

/// Decodes an import row. The fields of the row apply to its command, whose own `request_id` must not differ.
pub fn import_row(row: &v1::ImportRow, epochs: EpochTags<'_>) -> Result<Asked, Rejection> {
    Asked::read(&row.request_id, row.validate_only, &row.note, |fields| {
        let Some(command) = &row.command else {
            fields.refuse("command", "required");
            return None;
        };
        let (own_request_id, command) = read(command, JudgedAs::ImportRow, fields, epochs);
        if !own_request_id.is_empty() && !is_same(own_request_id, &row.request_id) {
            fields.refuse("request_id", "differs from the request_id of the command, which should be left unset");
        }
        command
    })
}

/// What a command is judged as.
#[derive(Clone, Copy, Debug)]
pub enum JudgedAs<'a> {
    /// A row of an import.
    ImportRow,
    /// A request of the RPC of the same name. If the caller is a provider, with this provider.
    Rpc(Option<&'a ProviderId>),
}

/// Decodes the command of a PreviewImpact. It has no request id, and nothing is recorded.
pub fn previewed_command(
    row: &v1::ImportRow,
    judged_as: JudgedAs<'_>,
    epochs: EpochTags<'_>,
) -> Result<Asked, Rejection> {
    Asked::read(&Uuid::nil().to_string(), true, &row.note, |fields| {
        let Some(command) = &row.command else {
            fields.refuse("command", "required");
            return None;
        };
        read(command, judged_as, fields, epochs).1
    })
}

/// Writes the id of a row in another form, and the id of its command, if that has one.
pub fn write_row_id(row: &mut v1::ImportRow, id: String) {
    if let Some(own) = row.command.as_mut().and_then(own_request_id).filter(|own| !own.is_empty()) {
        own.clone_from(&id);
    }
    row.request_id = id;
}

/// Returns the id of the fact that the command of a row changes; empty if it changes none.
pub fn fact_of_row(row: &v1::ImportRow) -> &str {
    match &row.command {
        Some(Row::EndPeriod(request)) => &request.fact_id,
        Some(Row::RetractFact(request)) => &request.fact_id,
        _ => "",
    }
}

/// Defines what depends on the list of commands that have an RPC of the same name.
macro_rules! rpcs {
    ($($command:ident)+) => {
        fn own_request_id(row: &mut Row) -> Option<&mut String> {
            match row {
                Row::RecordsBegin(_) | Row::Transferred(_) => None,
                $(Row::$command(request) => Some(&mut request.request_id),)+
            }
        }

        /// Returns the name of the RPC of the same name; `None` for a command that only an import may hold.
        pub fn rpc_of(command: &Row) -> Option<&'static str> {
            match command {
                Row::RecordsBegin(_) | Row::Transferred(_) => None,
                $(Row::$command(_) => Some(stringify!($command)),)+
            }
        }
    };
}

rpcs!(RegisterProvider UpdateProvider RecordQualification SuspendProvider CertifyPeerService SuspendPeerService
    RegisterSpecialist ChangeSpecialistName RecordDeath ReportEmploymentStart ReportEmploymentEnd CorrectEmployment
    TransferEmployments IssueCredential RenewCredential GrantDesignation SuspendCredential LimitCredential
    GrantInactiveStatus RevokeCredential RecordSurrender RecordRelinquishment RecordRetirement ReinstateCredential
    EndPeriod RetractFact SetPriorNumber);

fn is_same(left: &str, right: &str) -> bool {
    left == right || matches!((Uuid::parse_str(left), Uuid::parse_str(right)), (Ok(left), Ok(right)) if left == right)
}

/// Returns the command's own request id, and the command.
fn read<'a>(
    row: &'a Row,
    judged_as: JudgedAs<'_>,
    fields: &mut Fields,
    epochs: EpochTags<'_>,
) -> (&'a str, Option<Command>) {
    let (is_import, own) = match judged_as {
        JudgedAs::ImportRow => (true, None),
        JudgedAs::Rpc(own) => (false, own),
    };
    macro_rules! command {
        ($module:ident::$name:ident($request:ident $(, $more:expr)?)) => {
            (&$request.request_id, $module::$name($request, fields $(, $more)?))
        };
    }
    match row {
        Row::RecordsBegin(message) => ("", amendment::records_begin(message, fields)),
        Row::Transferred(message) => ("", issuance::transferred(message, fields)),
        Row::RegisterProvider(request) => command!(provider::register_provider(request)),
        Row::UpdateProvider(request) => command!(provider::update_provider(request)),
        Row::RecordQualification(request) => command!(provider::record_qualification(request)),
        Row::SuspendProvider(request) => command!(provider::suspend_provider(request)),
        Row::CertifyPeerService(request) => command!(provider::certify_peer_service(request)),
        Row::SuspendPeerService(request) => command!(provider::suspend_peer_service(request)),
        Row::RegisterSpecialist(request) => command!(specialist::register_specialist(request)),
        Row::ChangeSpecialistName(request) => command!(specialist::change_specialist_name(request)),
        Row::RecordDeath(request) => command!(specialist::record_death(request)),
        Row::ReportEmploymentStart(request) => command!(employment::report_employment_start(request, own)),
        Row::ReportEmploymentEnd(request) => command!(employment::report_employment_end(request)),
        Row::CorrectEmployment(request) => command!(employment::correct_employment(request)),
        Row::TransferEmployments(request) => command!(employment::transfer_employments(request)),
        Row::IssueCredential(request) if !is_import => command!(issuance::issue_credential(request)),
        Row::IssueCredential(request) => command!(issuance::import_issuance(request)),
        Row::RenewCredential(request) => command!(credential::renew_credential(request)),
        Row::GrantDesignation(request) => command!(credential::grant_designation(request)),
        Row::SuspendCredential(request) => command!(credential::suspend_credential(request)),
        Row::LimitCredential(request) => command!(credential::limit_credential(request)),
        Row::GrantInactiveStatus(request) => command!(credential::grant_inactive_status(request)),
        Row::RevokeCredential(request) if !is_import => command!(credential::revoke_credential(request)),
        Row::RevokeCredential(request) => command!(credential::import_revocation(request)),
        Row::RecordSurrender(request) => command!(credential::record_surrender(request)),
        Row::RecordRelinquishment(request) => command!(credential::record_relinquishment(request)),
        Row::RecordRetirement(request) => command!(credential::record_retirement(request)),
        Row::ReinstateCredential(request) => command!(credential::reinstate_credential(request)),
        Row::SetPriorNumber(request) => command!(credential::set_prior_number(request)),
        Row::EndPeriod(request) => command!(amendment::end_period(request, epochs)),
        Row::RetractFact(request) => command!(amendment::retract_fact(request, epochs)),
    }
}
