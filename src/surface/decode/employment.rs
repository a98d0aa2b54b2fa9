//! Decodes employment reports.

use super::fields::{Fields, LONGEST_NAME};
use crate::domain::command::{Command, WhichJob, Who};
use crate::domain::decide::birth_date_required;
use crate::domain::id::ProviderId;
use crate::proto::v1;
use crate::proto::v1::report_employment_end_request::Job;
use crate::proto::v1::report_employment_start_request::Person;

/// Decodes a report. `own`: the caller's provider, if the caller is one; used if the request names no provider.
pub(super) fn report_employment_start(
    request: &v1::ReportEmploymentStartRequest,
    fields: &mut Fields,
    own: Option<&ProviderId>,
) -> Option<Command> {
    let who = who(request, fields);
    let birth_date = fields.optional_day("birth_date", request.birth_date);
    // An id that cannot exist does not belong to the caller's staff.
    if own.is_some() && request.birth_date.is_none() && fields.has_impossible_id() {
        fields.violate(birth_date_required());
    }
    let provider = match own {
        Some(own) if request.provider_id.is_empty() => Some(own.clone()),
        _ => fields.id("provider_id", &request.provider_id),
    };
    let position = fields.optional_recorded_text("position", &request.position, LONGEST_NAME);
    let days = fields.days(request.first_day, request.last_day);
    let supervised = request.supervised;
    Some(Command::StartEmployment { who: who?, birth_date, provider: provider?, position, supervised, days: days? })
}

fn who(request: &v1::ReportEmploymentStartRequest, fields: &mut Fields) -> Option<Who> {
    match &request.person {
        None => {
            fields.refuse("person", "required: specialist_id, or credential_number with family_name");
            None
        }
        Some(Person::SpecialistId(id)) => {
            if !request.family_name.is_empty() {
                fields.refuse("family_name", "must not be set together with specialist_id");
            }
            fields.id("specialist_id", id).map(Who::Specialist)
        }
        Some(Person::CredentialNumber(number)) => {
            let number = fields.id("credential_number", number);
            let family_name = fields.text("family_name", &request.family_name, LONGEST_NAME);
            let family_name = family_name.map(|name| fields.folded_family_name("family_name", &name));
            Some(Who::Holder(number?, family_name?))
        }
    }
}

pub(super) fn report_employment_end(request: &v1::ReportEmploymentEndRequest, fields: &mut Fields) -> Option<Command> {
    let job = match &request.job {
        None => {
            fields.refuse("job", "required: employment_id or credential_number");
            None
        }
        Some(Job::EmploymentId(id)) => fields.id("employment_id", id).map(WhichJob::Employment),
        Some(Job::CredentialNumber(number)) => fields.id("credential_number", number).map(WhichJob::OpenJobOf),
    };
    let last_day = fields.day("last_day", request.last_day);
    let reason = fields.enum_value("reason", request.reason);
    Some(Command::EndEmployment { job: job?, last_day: last_day?, reason: reason? })
}

pub(super) fn correct_employment(request: &v1::CorrectEmploymentRequest, fields: &mut Fields) -> Option<Command> {
    let employment = fields.id("employment_id", &request.employment_id);
    let days = fields.days(request.first_day, request.last_day);
    Some(Command::CorrectEmployment { employment: employment?, days: days? })
}

pub(super) fn transfer_employments(request: &v1::TransferEmploymentsRequest, fields: &mut Fields) -> Option<Command> {
    let from = fields.id("from_provider_id", &request.from_provider_id);
    let to = fields.id("to_provider_id", &request.to_provider_id);
    if !request.to_provider_id.is_empty() && request.to_provider_id == request.from_provider_id {
        fields.refuse("to_provider_id", "the same as from_provider_id");
    }
    let last_day = fields.day("last_day", request.last_day);
    Some(Command::TransferEmployments { from: from?, to: to?, last_day: last_day? })
}
